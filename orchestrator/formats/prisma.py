"""Prisma: ``migrations/20260101120000_name/migration.sql``.

Why it exists: a script is one message to the server, and so one transaction that no BEGIN shows. Newer versions send statement
by statement what they can take apart; what runs with an old one runs with a new one, too.
"""

from __future__ import annotations

import re

from orchestrator.dialects.postgres.script.acts import Unread
from orchestrator.dialects.postgres.script.reading import Statement, read
from orchestrator.dialects.postgres.script.sent import Part, Script, Sending, sent
from orchestrator.formats._model import Format, Source, says_rollback

_DIRECTORY = re.compile(r"\d{14}_.+|0_init")
_PROVIDER = re.compile(r'^\s*provider\s*=\s*"([^"]*)"', re.MULTILINE)
_PART = Part(
    0,
    Sending.MESSAGE,
    "Prisma may send the script as one message, which is one transaction",
    "a migration.sql that holds this statement and no other",
)


def _fits(source: Source) -> int:
    if source.path.name not in ("migration.sql", "down.sql"):
        return 0
    known = _DIRECTORY.fullmatch(source.path.parent.name) or source.beside("../migration_lock.toml") is not None
    return 2 if known else 0


def _read(source: Source) -> Script | None:
    if source.path.name == "down.sql":
        return None
    lock = _PROVIDER.search(source.beside("../migration_lock.toml") or "")
    if lock and lock.group(1) not in ("postgresql", "postgres"):
        what = f"migration_lock.toml says that it is for {lock.group(1)}, not PostgreSQL"
        return sent(source.text, _PART, statements=(Statement("", 0, 0, (Unread(0, what),)),))
    return sent(source.text, _PART, no_undo="" if says_rollback(source.text) else _missing(source))


def _missing(source: Source) -> str:
    text = source.beside("down.sql")
    return "" if text and read(text) else "no down.sql lies beside it"


plugin = Format("Prisma", (".sql",), _fits, _read)
