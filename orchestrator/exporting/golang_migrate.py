"""golang-migrate: ``VERSION_name.up.sql`` and ``.down.sql``, a file being one message and so one transaction by itself."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.core.errors import Invalid
from orchestrator.core.exported import Exported
from orchestrator.exporting._model import Files, History, Ledger, Row, Start, Tool, comments, numbered, script, stamp


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    for number, folder, name, unit in numbered(exported):
        version = stamp(start, number) if start.after is None else _after(start.after, number)
        for way, statements in (("up", unit.up), ("down", unit.down)):
            files[f"{folder}/{version}_{name}.{way}.sql"] = comments(unit) + script(statements)
    return files


def _after(last: str, number: int) -> str:
    """The version that follows, as wide as the team writes them. Raises Invalid."""
    if not last.isdigit():
        raise Invalid(f"--after {last}: golang-migrate numbers its versions", "name the last version, such as 000041")
    return str(int(last) + number).zfill(len(last))


def _read(_: Exported, rows: Sequence[Row]) -> Ledger | None:
    """A version is a number that the team chose, so it names no Unit; but a migration that broke off leaves it dirty."""
    if not rows:
        return None
    version, dirty = rows[0]
    repair = (
        f"repair what it left, migrate force VERSION (the last one that ran whole, below {version}), and migrate up"
    )
    return Ledger(frozenset(), f"version {version}", f"version {version} is dirty: {repair}" if dirty else "")


plugin = Tool(
    _write,
    "Copy a phase's files into the directory of migrations, and migrate up. Without x-multi-statement: a file is one message.",
    History("schema_migrations", ("version", "dirty"), _read),
)
