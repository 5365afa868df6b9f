"""Flyway: ``V42__name.sql``, ``R__name.sql``, ``B42__name.sql``, and ``U42__name.sql`` to go back.

Why it exists: a file is one transaction, unless all of it is of the kind that no transaction takes; Flyway refuses a file that
mixes both. ``V42__name.sql.conf`` can say ``executeInTransaction=false``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orchestrator.dialects.postgres.script.acts import needs_no_transaction
from orchestrator.dialects.postgres.script.sent import Part, Script, Sending, sent
from orchestrator.formats._model import Format, Source, says_rollback

_NAME = re.compile(r"(?:[VBU](?P<version>\d+(?:[._]\d+)*)|R)__.+\.sql")
_OUTSIDE = re.compile(r"^\s*executeInTransaction\s*=\s*false\b", re.MULTILINE | re.IGNORECASE)
_TOGETHER = Part(
    0,
    Sending.TRANSACTION,
    "Flyway runs a file in one transaction and refuses one that holds both kinds of statements",
    "a file of its own, without any other kind of statement",
)


def _fits(source: Source) -> int:
    return 2 if _NAME.fullmatch(source.path.name) else 0


def _read(source: Source) -> Script | None:
    if source.path.name.startswith("U"):
        return None
    script = sent(source.text, no_undo=_missing(source))
    return (
        script
        if _is_outside(source, script)
        else sent(source.text, _TOGETHER, no_undo=script.no_undo, statements=script.statements)
    )


def _is_outside(source: Source, script: Script) -> bool:
    if _OUTSIDE.search(source.beside(f"{source.path.name}.conf") or ""):
        return True
    found = [act for each in script.statements for act in each.acts]
    return bool(found) and all(map(needs_no_transaction, found))


def _missing(source: Source) -> str:
    if not source.path.name.startswith("V") or says_rollback(source.text):
        return ""
    undo = "U" + source.path.name[1:].split("__")[0]
    return "" if undo in _undone(frozenset(source.names())) else f"there is no {undo}__….sql"


@lru_cache(maxsize=8)
def _undone(names: frozenset[str]) -> frozenset[str]:
    """What the undo migrations of a directory are for, such as ``U42``."""
    return frozenset(name.split("__")[0] for name in names if name.startswith("U") and _NAME.fullmatch(name))


plugin = Format("Flyway", (".sql",), _fits, _read)
