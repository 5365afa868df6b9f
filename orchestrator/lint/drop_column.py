"""A column is dropped.

Every statement of a running version that names the column fails from that moment on, and the values are gone. The drop takes
indexes, CHECKs, foreign keys and statistics on the column with it, without a word.

    ALTER TABLE orders DROP COLUMN email;

With `--url` it is said who still names the column: views, functions, and the statements that pg_stat_statements has seen. That
nobody was seen proves nothing.

Safe: stop reading and writing it first, prove that nothing names it any more, hide it under another name for as long as it may
be wanted back, and drop it after that. The operation `drop_column` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.known import KnownUse
from orchestrator.dialects.postgres.script.acts import DropColumn
from orchestrator.dialects.postgres.script.readers import names, reads
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation

SHOWN = 3
"""Readers that a message shows."""


def _judge(act: DropColumn, seen: Situation) -> Iterator[Remark]:
    known = seen.column(act.table, act.column)
    views = f"; it fails while views name the column: {', '.join(known.views)}" if known and known.views else ""
    cascade = " and, by CASCADE, whatever depends on it" if act.cascade else ""
    readers = _readers(act, seen.known.use) if seen.known is not None and known is not None else ""
    yield Remark(
        f"drops {act.table}.{act.column}{cascade}: versions still running fail,"
        f" and its values, indexes and constraints are gone{views}{readers}",
        "a change with drop_column: contract waits until nothing reads it, and parks it before it is dropped",
    )


def _readers(act: DropColumn, use: KnownUse) -> str:
    """Who names it, in words that go on a sentence."""
    functions = sorted(name for name, body in use.bodies.items() if names(body, act.table, act.column))
    sent = [each for each in use.statements if reads(each[0], act.table, act.column)]
    said = [f"functions name it: {_some(functions)}"] if functions else []
    if sent:
        shown = _some([f"{_short(text)} ({calls:,} calls)" for text, calls in sent])
        said.append(f"statements in use name it: {shown}")
    elif use.missing:
        said.append(f"which statements name it is not known ({use.missing.split(':')[0]})")
    else:
        said.append(f"none of the {len(use.statements):,} statements that pg_stat_statements has seen names it")
    return "".join(f"; {each}" for each in said)


def _some(found: list[str]) -> str:
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"


plugin = Rule(Tier.CRITICAL, _judge, (DropColumn,))
