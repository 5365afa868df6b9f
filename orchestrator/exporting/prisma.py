"""Prisma: ``VERSION_name/migration.sql``, with a ``down.sql`` beside it, which Prisma leaves to people (prisma db execute)."""

from __future__ import annotations

from orchestrator.core.exported import Exported
from orchestrator.exporting._model import Files, Start, Tool, comments, numbered, script, stamp


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    for number, folder, name, unit in numbered(exported):
        for file, statements in (("migration", unit.up), ("down", unit.down)):
            body = script(statements, transaction=not unit.alone)
            files[f"{folder}/{stamp(start, number)}_{name}/{file}.sql"] = comments(unit) + body
    return files


plugin = Tool(
    _write,
    "Copy a phase's directories into prisma/migrations, and prisma migrate deploy; back with prisma db execute --file down.sql,"
    " then prisma migrate resolve --rolled-back NAME.",
)
