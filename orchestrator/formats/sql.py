"""Plain SQL, as psql runs it: every statement by itself unless BEGIN stands above it.

Why it exists: it is what is left when no tool's marks are seen.
"""

from __future__ import annotations

from orchestrator.dialects.postgres.script.sent import Script, sent
from orchestrator.formats._model import Format, Source


def _fits(source: Source) -> int:
    return 1


def _read(source: Source) -> Script:
    return sent(source.text)


plugin = Format("SQL", (".sql",), _fits, _read)
