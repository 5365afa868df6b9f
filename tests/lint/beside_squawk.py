"""The page that sets orch's linter beside squawk, over the statements that tests assert on live servers.

Why it exists: whoever knows squawk asks what is different, and the answer must not be a claim. squawk is run, not remembered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from orchestrator.lint._run import lint
from tests.lint.table import CASES, Case

HYGIENE = ("require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts")
OURS = ("no_lock_timeout", "row_type")
"""Said of nearly every statement, on both sides."""
REASONS = {
    "adding-field-with-default": "the default is not volatile, so nothing is rewritten: a false alarm, as the server shows",
    "prefer-bigint-over-int": "a column that is no key may hold small numbers; orch warns of keys (int_key)",
    "renaming-object": "the name of an index is in no statement of an application; the lock lets reads and writes through",
    "require-enum-value-ordering": "without BEFORE or AFTER the value is the last one, as documented; nothing waits or breaks",
    "ban-alter-domain-with-add-constraint": "with NOT VALID nothing is read; orch warns of the form that reads every table",
}
"""Why orch does not warn where only squawk does, by squawk's rule."""
_LONG = 110


def squawk(statements: Sequence[str]) -> list[set[str]]:
    """The rules that squawk finds broken by each statement, hygiene left out. Raises CalledProcessError when it does not run."""
    with tempfile.TemporaryDirectory() as room:
        files = [Path(room) / f"{at:04}.sql" for at in range(len(statements))]
        for file, statement in zip(files, statements, strict=True):
            file.write_text(statement + ";\n", encoding="utf-8")
        program = Path(sys.executable).with_name("squawk")
        line = [str(program), "--reporter", "json", f"--exclude={','.join(HYGIENE)}", *map(str, files)]
        ran = subprocess.run(line, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise subprocess.CalledProcessError(ran.returncode, line[:2], ran.stdout, ran.stderr)
    found: dict[str, set[str]] = defaultdict(set)
    for each in json.loads(ran.stdout):
        found[each["file"]].add(each["rule_name"])
    return [found[str(file)] for file in files]


def ours(statement: str) -> set[str]:
    """The rules of orch's that a statement breaks, without a database."""
    return {f"{each.rule} ({each.tier})" for each in lint(statement + ";").findings if each.rule not in OURS}


def page() -> str:
    """The whole page."""
    found = [(case, ours(case.sql), theirs) for case, theirs in zip(CASES, squawk([c.sql for c in CASES]), strict=True)]
    return "\n".join(_lines(found)) + "\n"


def _lines(found: list[tuple[Case, set[str], set[str]]]) -> Iterator[str]:
    both = [row for row in found if row[1] and row[2]]
    only_ours = [row for row in found if row[1] and not row[2]]
    only_theirs = [row for row in found if row[2] and not row[1]]
    quiet = len(found) - len(both) - len(only_ours) - len(only_theirs)
    yield "# Beside squawk\n"
    yield (
        f"{len(found)} statements, read by `orch lint` without a database and by squawk {version('squawk-cli')}. What each does"
        " to a live table (lock, rewrite, scan) is asserted against PostgreSQL 15 and 18 by `tests/lint`. What either says of"
        " nearly every statement is left out: timeouts and IF NOT EXISTS, and readers of whole rows when a column is added.\n"
    )
    yield "| both warn | only orch | only squawk | neither |\n| --- | --- | --- | --- |"
    yield f"| {len(both)} | {len(only_ours)} | {len(only_theirs)} | {quiet} |\n"
    yield "## Only orch\n"
    yield from _table(("statement", "what a server does", "orch"), ((c.sql, does(c), o) for c, o, _ in only_ours))
    yield "\n## Only squawk\n"
    yield from _table(
        ("statement", "what a server does", "squawk", "why orch does not"),
        ((c.sql, does(c), t, "; ".join(REASONS[rule] for rule in sorted(t))) for c, _, t in only_theirs),
    )
    yield "\n## Both\n"
    yield from _table(
        ("statement", "what a server does", "orch", "squawk"), ((c.sql, does(c), o, t) for c, o, t in both)
    )


def does(case: Case) -> str:
    """What a live server was seen to do."""
    parts = [case.lock or "no lock", *["rewrites"] * case.rewrites, *["reads every row"] * (case.scans > case.rewrites)]
    return ", ".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str | set[str]]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for statement, *cells in rows:
        yield "| " + " | ".join((_code(str(statement)), *map(_cell, cells))) + " |"


def _cell(content: str | set[str]) -> str:
    return content if isinstance(content, str) else ", ".join(sorted(content))


def _code(statement: str) -> str:
    flat = " ".join(statement.split()).replace("|", "\\|")
    return f"`{flat if len(flat) <= _LONG else flat[: _LONG - 1] + '…'}`"
