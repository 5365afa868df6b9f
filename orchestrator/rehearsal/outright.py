"""The same change in one step, as a migration tool would run it: once, on a copy, under the same clients, and taken back.

Why it exists: what phases spare the application is told in figures only beside what they are spared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from orchestrator.core.errors import Invalid
from orchestrator.dialects.postgres.script.acts import Transaction
from orchestrator.dialects.postgres.script.reading import read
from orchestrator.rehearsal.model import Step
from orchestrator.rehearsal.run import Recorder, files, rewritten

_NEXT = "give --against SQL that a migration tool would run in one transaction"
_LONG = 60


@dataclass(frozen=True, slots=True)
class Outright:
    """A script of one transaction, and what it is called in a row of a table."""

    text: str
    description: str


def outright(path: str) -> Outright:
    """Read a script. Raises Invalid where it is no SQL or ends transactions of its own: what it did could not be taken back."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", _NEXT) from None
    statements = [each for each in read(text) if each.error or each.acts]
    for each in statements:
        if each.error:
            raise Invalid(f"{path}: {each.error}", _NEXT)
        if any(isinstance(act, Transaction) for act in each.acts):
            raise Invalid(f"{path} begins or ends a transaction itself: {' '.join(each.text.split())[:_LONG]}", _NEXT)
    if not statements:
        raise Invalid(f"{path} holds no statement", _NEXT)
    first = " ".join(statements[0].text.split())
    short = first if len(first) <= _LONG else first[: _LONG - 1] + "…"
    more = f" and {len(statements) - 1} more" if len(statements) > 1 else ""
    return Outright(text, short + more)


def run(script: Outright, url: str, recorder: Recorder) -> Step:
    """Send it, note what it did, take it back. Raises Invalid where the server refuses it."""
    with psycopg.connect(url, application_name="orch:outright") as link:
        before = files(link)
        link.rollback()
        recorder.begin(script.description)
        try:
            link.execute(script.text.encode())
            found = rewritten(before, files(link))
            link.rollback()
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error)
            raise Invalid(
                f"what --against holds does not run in one transaction: {said} ({error.sqlstate})", _NEXT
            ) from None
        recorder.end(0)
    return replace(recorder.steps[-1], rewritten=found)
