"""golang-migrate: ``0042_name.up.sql`` and ``0042_name.down.sql``.

Why it exists: a file is one message to the server, so its statements share a transaction that no BEGIN shows, and CREATE INDEX
CONCURRENTLY runs only where it is alone. (``x-multi-statement`` in the URL sends them one by one; no file shows it.)
"""

from __future__ import annotations

import re

from orchestrator.dialects.postgres.script.reading import read
from orchestrator.dialects.postgres.script.sent import Part, Script, Sending, sent
from orchestrator.formats._model import Format, Source, says_rollback

_NAME = re.compile(r"\d+_.*\.(up|down)\.sql", re.IGNORECASE)
_PART = Part(
    0,
    Sending.MESSAGE,
    "golang-migrate sends a file as one message, which is one transaction",
    "a migration that holds this statement and no other",
)


def _fits(source: Source) -> int:
    return 2 if _NAME.fullmatch(source.path.name) else 0


def _read(source: Source) -> Script | None:
    if source.path.name.lower().endswith(".down.sql"):
        return None
    return sent(source.text, _PART, no_undo="" if says_rollback(source.text) else _missing(source))


def _missing(source: Source) -> str:
    down = re.sub(
        r"\.up\.sql$", lambda m: m.group().replace("up", "down").replace("UP", "DOWN"), source.path.name, flags=re.I
    )
    text = source.beside(down)
    if text is None:
        return f"{down} is missing"
    return "" if read(text) else f"{down} is empty"


plugin = Format("golang-migrate", (".sql",), _fits, _read)
