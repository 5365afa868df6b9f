"""Steps in SQL: what is sent, what it locks, what it costs, and how it is undone.

Why it exists: what ``orch plan`` shows is what is sent, since both come from here. A message is sent as one simple-protocol
query inside one transaction (F24); a concurrent statement stands alone. Locks: PostgreSQL manual, section 13.3 and the notes
of each ALTER TABLE form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Sql
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
    Rename,
    SetDefault,
    SetNotNull,
    Step,
    SwitchReads,
    Sync,
    ValidateConstraint,
)
from orchestrator.dialects.postgres import batches, parser, sync
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw, table, text

Message = tuple[Composed, ...]
"""Statements of one transaction, or one concurrent statement."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Step ready to send. ``concurrent`` statements run outside a transaction and wait for locks without a limit."""

    forward: tuple[Message, ...]
    lock: str
    undo: tuple[Message, ...] = ()
    undo_note: str = ""
    rewrites: bool = False
    scans: bool = False
    concurrent: bool = False
    patient: bool = field(default=False)


def _alter(name_: TableName, action: str, **parts: Composable) -> Composed:
    return fill("ALTER TABLE {t} " + action, t=table(name_), **parts)


def _exclusive(name_: TableName) -> str:
    return f"ACCESS EXCLUSIVE on {name_}, catalog change only"


def _add_column(step: AddColumn) -> Rendered:
    column = name(step.column)
    collation = fill(" COLLATE {c}", c=raw(step.collation)) if step.collation else fill("")
    default = fill(" DEFAULT (\n{d}\n)", d=raw(step.default)) if step.default else fill("")
    statements = [
        _alter(
            step.table,
            "ADD COLUMN {c} {type}{collation}{default}{null}",
            c=column,
            type=raw(step.type),
            collation=collation,
            default=default,
            null=raw(" NOT NULL" if step.not_null else ""),
        )
    ]
    if step.comment is not None:
        where = fill("{t}.{c}", t=table(step.table), c=column)
        statements.append(fill("COMMENT ON COLUMN {w} IS {x}", w=where, x=literal(step.comment)))
    if step.statistics is not None:
        statements.append(
            _alter(step.table, "ALTER COLUMN {c} SET STATISTICS {n}", c=column, n=literal(step.statistics))
        )
    statements += [_grant(step, *grant) for grant in step.grants]
    undo = (_alter(step.table, "DROP COLUMN IF EXISTS {c}", c=column),)
    note = f"values written to {step.column} only are lost"
    return Rendered((tuple(statements),), _exclusive(step.table), (undo,), note)


def _grant(step: AddColumn, privilege: str, grantee: str, grantable: bool) -> Composed:
    return fill(
        "GRANT {p} ({c}) ON {t} TO {who}{option}",
        p=raw(privilege),
        c=name(step.column),
        t=table(step.table),
        who=name(grantee) if grantee else raw("PUBLIC"),
        option=raw(" WITH GRANT OPTION" if grantable else ""),
    )


def _default(where: TableName, column: str, expression: str | None) -> Composed:
    if expression is None:
        return _alter(where, "ALTER COLUMN {c} DROP DEFAULT", c=name(column))
    return _alter(where, "ALTER COLUMN {c} SET DEFAULT (\n{d}\n)", c=name(column), d=raw(expression))


def _set_default(step: SetDefault) -> Rendered:
    forward = (_default(step.table, step.column, step.default),)
    undo = (_default(step.table, step.column, step.previous),)
    return Rendered((forward,), _exclusive(step.table), (undo,))


def _install(step: InstallSync) -> Rendered:
    lock = f"SHARE ROW EXCLUSIVE on {step.sync.table}, catalog change only"
    return Rendered((sync.installed(step.sync),), lock, (sync.removed(step.sync),))


def _remove(step: RemoveSync) -> Rendered:
    return Rendered((sync.removed(step.sync),), _exclusive(step.sync.table), (sync.installed(step.sync),))


def _relax(step: RelaxNotNull) -> Rendered:
    column = name(step.column)
    undo = (
        (
            _alter(step.table, "DROP CONSTRAINT IF EXISTS {k}", k=name(step.proof)),
            _not_null_check(step.table, step.proof, step.column),
        ),
        (_validate_statement(step.table, step.proof),),
        _set_not_null_statements(step.table, step.column, step.proof),
    )
    forward = (_alter(step.table, "ALTER COLUMN {c} DROP NOT NULL", c=column),)
    return Rendered((forward,), _exclusive(step.table), undo, "refused while a row holds NULL in it")


def _not_null_check(where: TableName, proof: str, column: str) -> Composed:
    return _alter(where, "ADD CONSTRAINT {k} CHECK ({c} IS NOT NULL) NOT VALID", k=name(proof), c=name(column))


def _validate_statement(where: TableName, constraint: str) -> Composed:
    return _alter(where, "VALIDATE CONSTRAINT {k}", k=name(constraint))


def _set_not_null_statements(where: TableName, column: str, proof: str) -> Message:
    return (
        _alter(where, "ALTER COLUMN {c} SET NOT NULL", c=name(column)),
        _alter(where, "DROP CONSTRAINT {k}", k=name(proof)),
    )


def _backfill(step: Backfill) -> Rendered:
    lock = f"ROW EXCLUSIVE on {step.table}, row locks of up to {step.batch_rows} rows for the time of a batch"
    note = "filled values go with the column, or stay where the column was there before"
    return Rendered(((batches.shown(step),),), lock, (), note, scans=True)


def _create_index(step: CreateIndex) -> Rendered:
    if step.definition is not None:
        statement = fill("{s}", s=raw(parser.index_statement(step.definition, step.name, step.renamed)))
    else:
        statement = _new_index(step)
    drop = fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=_index(step.table, step.name))
    lock = f"SHARE UPDATE EXCLUSIVE on {step.table}, blocks neither reads nor writes"
    return Rendered(((statement,),), lock, ((drop,),), scans=True, concurrent=True)


def _new_index(step: CreateIndex) -> Composed:
    include = fill(" INCLUDE ({c})", c=joined(", ", map(name, step.include))) if step.include else fill("")
    where = fill(" WHERE (\n{w}\n)", w=raw(step.where)) if step.where else fill("")
    return fill(
        "CREATE {u}INDEX CONCURRENTLY {i} ON {t} USING {m} ({c}){include}{where}",
        u=raw("UNIQUE " if step.unique else ""),
        i=name(step.name),
        t=table(step.table),
        m=name(step.method),
        c=joined(", ", map(name, step.columns)),
        include=include,
        where=where,
    )


def _index(where: TableName, index: str) -> Composable:
    return table(TableName(where.schema, index))


def _add_constraint(step: AddConstraint) -> Rendered:
    if step.definition is None:
        assert step.not_null is not None  # noqa: S101 - one of the two is always given
        statement = _not_null_check(step.table, step.name, step.not_null)
    else:
        definition = parser.constraint_definition(text(table(step.table)), step.definition, step.renamed)
        statement = _alter(step.table, "ADD CONSTRAINT {k} {d} NOT VALID", k=name(step.name), d=raw(definition))
    undo = (_alter(step.table, "DROP CONSTRAINT IF EXISTS {k}", k=name(step.name)),)
    return Rendered(((statement,),), _exclusive(step.table), (undo,))


def _validate(step: ValidateConstraint) -> Rendered:
    lock = f"SHARE UPDATE EXCLUSIVE on {step.table}, blocks neither reads nor writes"
    note = "goes with the constraint"
    return Rendered(((_validate_statement(step.table, step.name),),), lock, (), note, scans=True, patient=True)


def _set_not_null(step: SetNotNull) -> Rendered:
    forward = _set_not_null_statements(step.table, step.column, step.proof)
    undo = (
        _alter(step.table, "ALTER COLUMN {c} DROP NOT NULL", c=name(step.column)),
        _not_null_check(step.table, step.proof, step.column),
    )
    return Rendered((forward,), f"{_exclusive(step.table)}: the validated CHECK spares the scan", (undo,))


def _switch(step: SwitchReads) -> Rendered:
    return Rendered(
        ((_switch_to(step.change_id, 100),),), "one row of orch_target", ((_switch_to(step.change_id, 0),),)
    )


def _switch_to(change_id: str, percent: int) -> Composed:
    return fill(
        "INSERT INTO orch_target.read_switch (change_id, percent) VALUES ({c}, {p})"
        " ON CONFLICT (change_id) DO UPDATE SET percent = excluded.percent, changed_at = pg_catalog.clock_timestamp()",
        c=literal(change_id),
        p=literal(percent),
    )


def require_sync(kept: Sync, parked: str | None = None) -> Composed:
    """Raises on the server unless the Sync stands unchanged and enabled."""
    return fill(
        "SELECT orch_target.require_sync({t}, {names}, {bodies})",
        t=literal(text(table(kept.table))),
        names=literal([sync.trigger_name(kept, event) for event in sync.events(kept)]),
        bodies=literal(sync.body_digests(kept, parked)),
    )


def _park(step: ParkColumn) -> Rendered:
    forward = [*_sync_for_park(step, None, step.parked), _rename_column(step.table, step.column, step.parked)]
    undo = [*_sync_for_park(step, step.parked, None), _rename_column(step.table, step.parked, step.column)]
    forward += _moved_default(step, step.parked, step.new) + _moved_sequence(step, step.new)
    undo += _moved_default(step, step.new, step.column) + _moved_sequence(step, step.column)
    forward += [_rename(step.table, rename, back=False) for rename in step.renames]
    undo += [_rename(step.table, rename, back=True) for rename in reversed(step.renames)]
    return Rendered((tuple(forward),), _exclusive(step.table), (tuple(undo),))


def _sync_for_park(step: ParkColumn, now: str | None, then: str | None) -> list[Composed]:
    """Lock, prove the sync intact once more, and point its function at the other name."""
    lock = fill("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE", t=table(step.table))
    if step.sync is None:
        return [lock]
    return [lock, require_sync(step.sync, now), sync.body_statement(step.sync, then)]


def _rename_column(where: TableName, old: str, new: str) -> Composed:
    return _alter(where, "RENAME COLUMN {o} TO {n}", o=name(old), n=name(new))


def _moved_default(step: ParkColumn, source: str | None, into: str | None) -> list[Composed]:
    if step.default is None or source is None or into is None:
        return []
    return [_default(step.table, into, step.default), _default(step.table, source, None)]


def _moved_sequence(step: ParkColumn, into: str | None) -> list[Composed]:
    if step.sequence is None or into is None:
        return []
    return [
        fill("ALTER SEQUENCE {s} OWNED BY {t}.{c}", s=raw(step.sequence), t=table(step.table), c=name(into)),
    ]


def _rename(where: TableName, rename: Rename, *, back: bool) -> Composed:
    old, new = (rename.to, rename.name) if back else (rename.name, rename.to)
    if rename.object == "index":
        return fill("ALTER INDEX {o} RENAME TO {n}", o=_index(where, old), n=name(new))
    return _alter(where, "RENAME CONSTRAINT {o} TO {n}", o=name(old), n=name(new))


def _purge(step: PurgeColumn) -> Rendered:
    gone = sync.removed(step.sync) if step.sync is not None else ()
    drop = _alter(step.table, "DROP COLUMN IF EXISTS {c}", c=name(step.column))
    lock = fill("LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE", t=table(step.table))
    return Rendered(((lock, *gone, drop),), _exclusive(step.table), (), "none: the parked values are dropped")


_RENDERERS: dict[type, Callable[[Any], Rendered]] = {
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


def schema(step: Step) -> str:
    """The schema of the table a Step is about."""
    if isinstance(step, SwitchReads):
        return "orch_target"
    where = step.sync.table if isinstance(step, InstallSync | RemoveSync) else step.table
    return where.schema


def render(step: Step) -> Rendered:
    """The Step in SQL."""
    return _RENDERERS[type(step)](step)


def shown(step: Step) -> Sql:
    """The Step in SQL, for people."""
    rendered = render(step)

    def texts(messages: Sequence[Message]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(text(statement) for statement in message) for message in messages)

    return Sql(
        texts(rendered.forward),
        rendered.lock,
        rendered.rewrites,
        rendered.scans,
        texts(rendered.undo),
        rendered.undo_note,
    )
