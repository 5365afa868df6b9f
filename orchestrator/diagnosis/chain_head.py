"""Does somebody hold the head of the history in an open transaction? Then nothing can be recorded of any Change."""

from __future__ import annotations

import time
from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_REGISTRY, Answer, Look, Sight
from state.model import Verdict

PATIENCE = 1.0
"""Seconds between two looks; whoever writes an event holds the head for milliseconds."""
_NAME = "head of the history"
# Transactions of others tell their age to superusers only, so the same one is looked for twice.
_HOLDERS = """
SELECT l.virtualtransaction, l.pid, coalesce(a.usename::text, 'a prepared transaction')
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.relation = 'orch.event_head'::regclass AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.mode NOT IN ('AccessShareLock') AND l.pid IS DISTINCT FROM pg_backend_pid() ORDER BY 1
"""


def see(sight: Sight) -> Iterator[Answer]:
    """Whoever holds it at both looks. A queue of short ones passes."""
    first = set(sight.reader.rows(_HOLDERS))
    if first:
        time.sleep(PATIENCE)
    kept = sorted(first & set(sight.reader.rows(_HOLDERS)), key=str)
    for _, pid, login in kept:
        detail = f"{login} holds it for longer than {PATIENCE:.0f} s in an open transaction: nothing can be recorded"
        step = f"SELECT pg_terminate_backend({pid})" if pid else "ROLLBACK PREPARED what pg_prepared_xacts names"
        yield Answer(_NAME, Verdict.FAIL, detail, step)
    if not kept:
        yield Answer(_NAME, Verdict.PASS, "nobody holds it")


plugin = Look(AT_REGISTRY, see)
