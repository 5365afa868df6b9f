"""What the catalog shows of a Step: done, absent, partial or foreign.

Why it exists: the Registry only believes; the catalog knows. Every recovery, and every gate, asks here (design §5). Foreign
means that the name is taken by something of another definition, which only a person can judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation, Seen
from orchestrator.core.step import (
    AddColumn,
    AddConstraint,
    Backfill,
    CreateIndex,
    InstallSync,
    ParkColumn,
    PurgeColumn,
    RelaxNotNull,
    RemoveSync,
    SetDefault,
    SetNotNull,
    Step,
    SwitchReads,
    Sync,
    ValidateConstraint,
)
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.snapshot import columns_now, quoted_name

Connection = psycopg.Connection

DONE = Observation(Seen.DONE)
ABSENT = Observation(Seen.ABSENT)


def _foreign(detail: str) -> Observation:
    return Observation(Seen.FOREIGN, detail)


def _missing(columns: dict[str, Any], where: TableName, *names: str) -> Observation | None:
    if not columns:
        return _foreign(f"table {where} is gone")
    gone = [name for name in names if name not in columns]
    return _foreign(f"{where} has no column {', '.join(gone)}") if gone else None


def _add_column(connection: Connection, step: AddColumn, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if not columns:
        return _foreign(f"table {step.table} is gone")
    found = columns.get(step.column)
    if found is None:
        return ABSENT
    if found[0] != step.type:
        return _foreign(f"{step.table}.{step.column} is {found[0]}, expected {step.type}")
    return DONE


def _set_default(connection: Connection, step: SetDefault, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if (wrong := _missing(columns, step.table, step.column)) is not None:
        return wrong
    return DONE if _marked(connection, step_id) and columns[step.column][2] is not None else ABSENT


def _marked(connection: Connection, step_id: str) -> bool:
    query = "SELECT count(*) FROM orch_target.marker WHERE step_id = %s AND done_at IS NOT NULL"
    row = connection.execute(query, (step_id,)).fetchone()
    return bool(row and row[0])


_TRIGGERS = """
SELECT t.tgname, t.tgenabled::text, pg_catalog.md5(p.prosrc)
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 WHERE t.tgrelid = pg_catalog.to_regclass(%s) AND t.tgname::text = ANY (%s)
"""


def sync_state(connection: Connection, kept: Sync, parked: str | None = None) -> Observation:
    """Whether a Sync stands with the body orch gave it, enabled."""
    names = [sync.trigger_name(kept, event) for event in sync.events(kept)]
    rows = connection.execute(_TRIGGERS, (quoted_name(kept.table), names)).fetchall()
    if not rows:
        return ABSENT
    digests = sync.body_digests(kept, parked)
    wrong = [name for name, enabled, digest in rows if enabled not in "OA" or digest not in digests]
    if wrong or len(rows) < len(names):
        return Observation(Seen.PARTIAL, f"trigger {', '.join(wrong) or 'missing'} of {kept.table} is changed or off")
    return DONE


def _install(connection: Connection, step: InstallSync, step_id: str) -> Observation:
    return sync_state(connection, step.sync)


def _remove(connection: Connection, step: RemoveSync, step_id: str) -> Observation:
    seen = sync_state(connection, step.sync)
    return DONE if seen.seen is Seen.ABSENT else ABSENT


def _relax(connection: Connection, step: RelaxNotNull, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if (wrong := _missing(columns, step.table, step.column)) is not None:
        return wrong
    if columns[step.column][1]:
        return ABSENT
    return DONE if _constraint(connection, step.table, step.proof) is None else Observation(Seen.PARTIAL)


def _set_not_null(connection: Connection, step: SetNotNull, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if (wrong := _missing(columns, step.table, step.column)) is not None:
        return wrong
    return DONE if columns[step.column][1] else ABSENT


def _backfill(connection: Connection, step: Backfill, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if (wrong := _missing(columns, step.table, step.column)) is not None:
        return wrong
    return DONE if _marked(connection, step_id) else ABSENT


_INDEX = """
SELECT i.indisvalid AND i.indisready, i.indrelid = pg_catalog.to_regclass(%s), i.indisunique,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum ORDER BY u.place)
  FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""


def _create_index(connection: Connection, step: CreateIndex, step_id: str) -> Observation:
    index = quoted_name(TableName(step.table.schema, step.name))
    row = connection.execute(_INDEX, (quoted_name(step.table), index)).fetchone()
    if row is None:
        taken = connection.execute("SELECT pg_catalog.to_regclass(%s)::oid", (index,)).fetchone()
        return _foreign(f"{index} is a relation, but no index") if taken and taken[0] else ABSENT
    valid, ours, unique, columns = row
    if not ours or unique is not step.unique:
        return _foreign(f"{index} is another index than the one planned")
    if step.definition is None and tuple(columns) != (*step.columns, *step.include):
        return _foreign(f"{index} covers {', '.join(columns)}, expected {', '.join((*step.columns, *step.include))}")
    return DONE if valid else Observation(Seen.PARTIAL, f"{index} is invalid")


_CONSTRAINT = """
SELECT convalidated, contype::text FROM pg_catalog.pg_constraint
 WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = %s
"""


def _constraint(connection: Connection, where: TableName, name: str) -> tuple[bool, str] | None:
    row = connection.execute(_CONSTRAINT, (quoted_name(where), name)).fetchone()
    return None if row is None else (row[0], row[1])


def _add_constraint(connection: Connection, step: AddConstraint, step_id: str) -> Observation:
    found = _constraint(connection, step.table, step.name)
    if found is not None:
        return DONE
    columns = columns_now(connection, step.table)
    used_up = step.not_null is not None and step.not_null in columns and columns[step.not_null][1]
    return DONE if used_up else ABSENT


def _validate(connection: Connection, step: ValidateConstraint, step_id: str) -> Observation:
    found = _constraint(connection, step.table, step.name)
    if found is None:
        return DONE if _marked(connection, step_id) else ABSENT
    return DONE if found[0] else ABSENT


def _switch(connection: Connection, step: SwitchReads, step_id: str) -> Observation:
    row = connection.execute("SELECT orch_target.reads_new(%s)", (step.change_id,)).fetchone()
    return DONE if row and row[0] else ABSENT


def _park(connection: Connection, step: ParkColumn, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if not columns:
        return _foreign(f"table {step.table} is gone")
    if step.parked in columns:
        return (
            DONE if step.column not in columns else _foreign(f"{step.table} has both {step.column} and {step.parked}")
        )
    if step.column in columns:
        return ABSENT
    return (
        DONE if _marked(connection, step_id) else _foreign(f"{step.table} has neither {step.column} nor {step.parked}")
    )


def _purge(connection: Connection, step: PurgeColumn, step_id: str) -> Observation:
    columns = columns_now(connection, step.table)
    if not columns:
        return _foreign(f"table {step.table} is gone")
    if step.column in columns:
        return ABSENT
    return DONE if _marked(connection, step_id) else ABSENT


_OBSERVERS: dict[type, Callable[[Connection, Any, str], Observation]] = {
    AddColumn: _add_column,
    SetDefault: _set_default,
    InstallSync: _install,
    RemoveSync: _remove,
    RelaxNotNull: _relax,
    Backfill: _backfill,
    CreateIndex: _create_index,
    AddConstraint: _add_constraint,
    ValidateConstraint: _validate,
    SetNotNull: _set_not_null,
    SwitchReads: _switch,
    ParkColumn: _park,
    PurgeColumn: _purge,
}


def observe(connection: Connection, step: Step, step_id: str) -> Observation:
    """What the catalog shows of the Step."""
    return _OBSERVERS[type(step)](connection, step, step_id)
