"""Plain SQL files: ``001_name.up.sql`` and ``001_name.down.sql``, each with its own BEGIN and COMMIT."""

from __future__ import annotations

from orchestrator.core.exported import Exported
from orchestrator.exporting._model import Files, Start, Tool, comments, numbered, script


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    for number, folder, name, unit in numbered(exported):
        for way, statements in (("up", unit.up), ("down", unit.down)):
            body = script(statements, transaction=not unit.alone)
            files[f"{folder}/{number:03}_{name}.{way}.sql"] = comments(unit) + body
    return files


plugin = Tool(_write, "Run each with psql -X -v ON_ERROR_STOP=1 -f FILE, in order; down files in the opposite order.")
