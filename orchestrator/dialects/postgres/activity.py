"""What our sessions on a target do at this moment, in their own statements, without any value.

Why it exists: a worker runs in another process, often on another machine, and what it sends is asked for when something stands
still. The server is the one place that sees every worker.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import psycopg

from orchestrator.core.view import RunningView
from orchestrator.dialects.postgres.connection import application_name

_DOING = """
SELECT pid, application_name,
       greatest(0, extract(epoch FROM clock_timestamp()
           - CASE WHEN state LIKE 'idle%' THEN state_change ELSE coalesce(query_start, backend_start) END))::float8,
       coalesce(state, 'unknown'),
       CASE WHEN state = 'active' THEN coalesce(wait_event_type || ': ' || wait_event, '') ELSE '' END,
       coalesce(query, '')
  FROM pg_catalog.pg_stat_activity
 WHERE datname = pg_catalog.current_database() AND application_name ~ '^orch:[0-9a-f]{12}:[0-9]+:[0-9]+$'
 ORDER BY state LIKE 'idle%', query_start NULLS LAST, pid
"""
"""Idle ones as well, with what they ran last: a backfill rests between two batches."""
_VALUES = re.compile(r"(?s)(\$\w*\$).*?(?:\1|\Z)|[eE]?'(?:[^'\\]|''|\\.)*(?:'|\Z)")
HIDDEN = "<insufficient privilege>"


def doing(link: psycopg.Connection, changes: Collection[str]) -> list[RunningView]:
    """Our sessions, those at work first. What other logins run is visible to ``pg_read_all_stats``."""
    named = {_mark(change): change for change in changes}
    found = []
    for pid, name, seconds, state, waits, query in link.execute(_DOING.encode()).fetchall():
        _, mark, _, ordinal = name.split(":")
        text = (
            "not visible to this login, which is no member of pg_read_all_stats"
            if query == HIDDEN
            else without_values(query)
        )
        found.append(RunningView(pid, named.get(mark, mark), int(ordinal), seconds, state, waits, text))
    return found


def _mark(change: str) -> str:
    return application_name(change, 0, 0).split(":")[1]


def without_values(query: str) -> str:
    """A statement with every text in it taken out, cut off ones too: a batch holds keys, and keys can be names of people."""
    return " ".join(_VALUES.sub("'…'", query).split())
