"""Prisma: ``VERSION_name/migration.sql``, with a ``down.sql`` beside it, which Prisma leaves to people (prisma db execute)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from orchestrator.core.exported import Exported, Unit
from orchestrator.exporting._model import Files, History, Ledger, Row, Start, Tool, comments, numbered, script, stamp


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    for number, folder, name, unit in numbered(exported):
        for file, statements in (("migration", unit.up), ("down", unit.down)):
            files[f"{folder}/{stamp(start, number)}_{name}/{file}.sql"] = _text(unit, statements)
    return files


def _text(unit: Unit, statements: tuple[str, ...]) -> str:
    return comments(unit) + script(statements, transaction=not unit.alone)


def _read(exported: Exported, rows: Sequence[Row], _: Sequence[str]) -> Ledger | None:
    """By checksum, since the team may name the directories anew. Equal files count once for each time they ran."""
    ours: dict[str, list[int]] = {}
    for number, unit in enumerate(exported.units, 1):
        ours.setdefault(hashlib.sha256(_text(unit, unit.up).encode()).hexdigest(), []).append(number)
    ran, broken, last = set(), [], ""
    for name, checksum, finished, rolled_back in sorted(rows, key=lambda row: str(row[0])):
        if checksum not in ours or rolled_back is not None:
            continue
        if finished is None:
            broken.append(str(name))
        elif ours[checksum]:
            ran.add(ours[checksum].pop(0))
            last = str(name)
    if not ran and not broken:
        return None
    repair = "prisma migrate resolve --rolled-back NAME once what it left is repaired, and prisma migrate deploy"
    return Ledger(
        frozenset(ran), last or broken[0], f"{', '.join(broken)} broke off or still runs: {repair}" if broken else ""
    )


plugin = Tool(
    _write,
    "Copy a phase's directories into prisma/migrations, and prisma migrate deploy; back with prisma db execute --file down.sql,"
    " then prisma migrate resolve --rolled-back NAME.",
    History("_prisma_migrations", ("migration_name", "checksum", "finished_at", "rolled_back_at"), _read),
)
