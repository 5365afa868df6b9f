"""golang-migrate: ``VERSION_name.up.sql`` and ``.down.sql``, a file being one message and so one transaction by itself."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.core.errors import Invalid
from orchestrator.core.exported import Exported
from orchestrator.exporting._model import Files, History, Ledger, Row, Start, Tool, comments, numbered, script, stamp


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    for number, folder, name, unit in numbered(exported):
        for way, statements in (("up", unit.up), ("down", unit.down)):
            files[f"{folder}/{_version(start, number)}_{name}.{way}.sql"] = comments(unit) + script(statements)
    return files


def _versions(exported: Exported, start: Start) -> tuple[str, ...]:
    return tuple(_version(start, number) for number, *_ in numbered(exported))


def _version(start: Start, number: int) -> str:
    return stamp(start, number) if start.after is None else _after(start.after, number)


def _after(last: str, number: int) -> str:
    """The version that follows, as wide as the team writes them. Raises Invalid."""
    if not last.isdigit():
        raise Invalid(f"--after {last}: golang-migrate numbers its versions", "name the last version, such as 000041")
    return str(int(last) + number).zfill(len(last))


def _read(_: Exported, rows: Sequence[Row], versions: Sequence[str]) -> Ledger | None:
    """One number, which stands for all files up to its own while it is one of ours: a later one may have passed files by.

    A migration that broke off leaves it dirty.
    """
    if not rows:
        return None
    version, dirty = rows[0]
    ours = [int(each) for each in versions]
    ran = range(1, ours.index(version) + (1 if dirty else 2)) if version in ours else ()
    repair = (
        f"repair what it left, migrate force VERSION (the last one that ran whole, below {version}), and migrate up"
    )
    return Ledger(frozenset(ran), f"version {version}", f"version {version} is dirty: {repair}" if dirty else "")


plugin = Tool(
    _write,
    "Copy a phase's files into the directory of migrations, and migrate up. Without x-multi-statement: a file is one message.",
    History("schema_migrations", ("version", "dirty"), _read),
    _versions,
)
