"""A Sync as the server has it: whether it stands, and the question that raises unless it does."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import InstallSync, RemoveSync, Sync
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, partial
from orchestrator.dialects.postgres.text import fill, literal, table, text

_TRIGGERS = """
SELECT t.tgname, t.tgenabled::text, pg_catalog.md5(p.prosrc)
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE t.tgrelid = pg_catalog.to_regclass(%s) AND t.tgname::text = ANY (%s)
"""


def schema_of_sync(step: InstallSync | RemoveSync) -> str:
    """The schema of the Sync's table."""
    return step.sync.table.schema


def sync_state(look: Look, kept: Sync, parked: str | None = None) -> Observation:
    """Whether a Sync stands with the body orch gave it, enabled."""
    names = [sync.trigger_name(kept, event) for event in sync.events(kept)]
    rows = look.rows(_TRIGGERS, quoted_name(kept.table), names)
    if not rows:
        return ABSENT
    digests = sync.body_digests(kept, parked)
    wrong = [name for name, enabled, digest in rows if enabled not in "OA" or digest not in digests]
    if wrong or len(rows) < len(names):
        return partial(f"trigger {', '.join(wrong) or 'missing'} of {kept.table} is changed or off")
    return DONE


def require_sync(kept: Sync, parked: str | None = None) -> Composed:
    """Raises on the server unless the Sync stands unchanged and enabled."""
    return fill(
        "SELECT orch_target.require_sync({t}, {names}, {bodies})",
        t=literal(text(table(kept.table))),
        names=literal([sync.trigger_name(kept, event) for event in sync.events(kept)]),
        bodies=literal(sync.body_digests(kept, parked)),
    )
