"""A Sync as the server has it: whether it stands, and the question that raises unless it does."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation
from orchestrator.core.step import InstallSync, RemoveSync
from orchestrator.core.sync import Mirror, Sync
from orchestrator.dialects.postgres import definitions, sync
from orchestrator.dialects.postgres.calls import NONE, Names
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._same import same_definition
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, Columns, foreign, partial
from orchestrator.dialects.postgres.text import fill, literal, pinned_settings, table, text

_TRIGGERS = """
SELECT t.tgname::text, t.tgenabled::text, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
 WHERE t.tgrelid = pg_catalog.to_regclass(%s) AND t.tgname::text = ANY (%s)
"""
_PARTITIONS_WITHOUT = """
SELECT p.relid::regclass::text || ' ' || g.name FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%s)) p
 CROSS JOIN pg_catalog.unnest(%s::text[]) AS g(name)
 WHERE p.level > 0 AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = p.relid AND t.tgname::text = g.name
          AND pg_catalog.strpos(%s, t.tgenabled::text) > 0) ORDER BY 1
"""
"""What a partition has is a copy that cannot be altered or dropped by itself, but disabled."""
_FUNCTIONS = """
SELECT p.proname::text, p.prosrc, p.provolatile = 's', coalesce(p.proconfig, '{}'), p.prosecdef
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = pg_catalog.to_regnamespace('orch_target')::oid AND p.proname::text = ANY (%s)
"""


def schema_of_sync(step: InstallSync | RemoveSync) -> str:
    """The schema of the Sync's table."""
    return step.sync.table.schema


def sync_state(look: Look, kept: Sync) -> Observation:
    """Whether a Sync stands as orch made it: every trigger and function there, unchanged, and the triggers on (F26)."""
    names = {sync.trigger_name(kept, event): event for event in sync.events(kept)}
    triggers = look.rows(_TRIGGERS, quoted_name(kept.table), list(names))
    for name, _, definition in triggers:
        wanted = text(sync.trigger_statement(kept, names[name]))
        if not _same_trigger(look, kept, wanted, definition):
            return foreign(f"trigger {name} of {kept.table} is {definition}", wanted)
    made = {one.label: one for one in sync.functions(kept)}
    found = {row[0]: row[1:] for row in look.rows(_FUNCTIONS, list(made))}
    changed = [label for label, shown in found.items() if not _as_made(made[label], shown)]
    if changed:
        return foreign(f"function orch_target.{', '.join(changed)} was changed", f"that of sync {kept.id}")
    if not triggers and not found:
        return ABSENT
    wanted_on = "A" if kept.always else "OA"
    off = names.keys() - {name for name, enabled, _ in triggers if enabled in wanted_on}
    below = look.rows(_PARTITIONS_WITHOUT, quoted_name(kept.table), list(names.keys() - off), wanted_on)
    return _complete(kept, off | {row[0] for row in below}, made.keys() - found)


def _complete(kept: Sync, off: Set[str], gone: Set[str]) -> Observation:
    if gone:
        return partial(f"function orch_target.{', '.join(sorted(gone))} of the sync of {kept.table} is gone")
    return partial(f"trigger {', '.join(sorted(off))} of {kept.table} is missing or off") if off else DONE


def _same_trigger(look: Look, kept: Sync, wanted: str, found: str) -> bool:
    try:
        pair = definitions.trigger(wanted), definitions.trigger(found)
    except definitions.Unreadable:
        return False
    return same_definition(look, kept.table, *pair, row="new")


def _as_made(made: sync.Function, shown: tuple[Any, ...]) -> bool:
    """Whether a function is as orch makes it: its source, how often it may be evaluated, and what it pins (F11)."""
    source, stable, settings, privileged = shown
    pinned = pinned_settings(made.schema) if made.schema is not None else frozenset()
    unquoted = frozenset(setting.replace('"', "") for setting in settings)
    return (source, stable, unquoted, privileged) == (made.source, made.stable, pinned, False)


def other_type(found: Columns, where: TableName, columns: Sequence[str], kept: Sync | None) -> Observation | None:
    """Foreign where one of the old columns, under whichever name, has another type than the Sync knows, else None."""
    if kept is None:
        return None
    types = [part.type for part in kept.olds] if isinstance(kept, Mirror) else [kept.type]
    for column, wanted in zip(columns, types, strict=True):
        if column in found and found[column][0] != wanted:
            return foreign(f"{where}.{column} is {found[column][0]}", wanted)
    return None


def require_sync(kept: Sync, parked: Names = NONE) -> Composed:
    """Raises on the server unless the Sync stands unchanged and enabled."""
    return fill(
        "SELECT orch_target.require_sync({t}, {names}, {bodies})",
        t=literal(text(table(kept.table))),
        names=literal([sync.trigger_name(kept, event) for event in sync.events(kept)]),
        bodies=literal(sync.body_digests(kept, parked)),
    )
