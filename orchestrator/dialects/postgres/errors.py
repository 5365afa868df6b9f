"""Tells the server's refusals apart by what the engine does next.

Why it exists: retrying what cannot succeed hammers a production database, and giving up what would have succeeded a second
later wakes somebody. SQLSTATEs: PostgreSQL manual, appendix A.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from orchestrator.core.ports import ConnectionLost, Fenced, LockNotGranted, OutOfTime, TargetError, ValueRefused

FENCED = "OR409"
"""Raised by orch_target.check_fence."""
_RETRY = frozenset({"55P03", "40P01", "40001"})
"""lock_not_available, deadlock_detected, serialization_failure."""
_CANCELED = "57014"
"""query_canceled: mostly our own statement_timeout."""
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})


def translate(error: psycopg.Error) -> TargetError:
    """The engine's word for a driver error. The primary message only: details may carry row values."""
    state = error.sqlstate or ""
    message = error.diag.message_primary or str(error).splitlines()[0] if str(error) else type(error).__name__
    if state == FENCED:
        return Fenced(message, state)
    if state in _RETRY:
        return LockNotGranted(message, state)
    if state == _CANCELED:
        return OutOfTime(message, state)
    if state[:2] in ("22", "23"):
        return ValueRefused(message, state)
    if state in _GONE or state[:2] == "08" or (not state and isinstance(error, psycopg.OperationalError)):
        return ConnectionLost(message, state)
    return TargetError(message, state)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the engine's errors in place of the driver's."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
