"""Contract's reversible half: the old column renamed away, with everything that goes over to the new one."""

from __future__ import annotations

from collections.abc import Callable

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.parkstep import ParkColumn, Rename
from orchestrator.core.ports import Observation
from orchestrator.core.sync import Mirror
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.calls import NONE, Names
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, default, exclusive, locked
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, foreign, missing
from orchestrator.dialects.postgres.steps._sync import other_type, require_sync
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table


def _render(step: ParkColumn) -> Rendered:
    parked = {each.column: each.parked for each in step.columns}
    forward = [*_sync(step, NONE, parked, _require_seal)]
    undo = [*_sync(step, parked, NONE, _forget_broken_seal)]
    forward += [_rename_column(step.table, each.column, each.parked) for each in step.columns]
    undo += [_rename_column(step.table, each.parked, each.column) for each in step.columns]
    forward += _default_moved(step) + _moved_sequence(step, step.new)
    undo += _default_moved_back(step) + _moved_sequence(step, step.column)
    forward += [_rename(step.table, rename, back=False) for rename in step.renames]
    undo += [_rename(step.table, rename, back=True) for rename in reversed(step.renames)]
    return Rendered((tuple(forward),), exclusive(step.table), (tuple(undo),))


def _sync(step: ParkColumn, now: Names, then: Names, look_at_seal: Callable[[Mirror], Composed]) -> list[Composed]:
    """Lock, prove the sync intact once more, and point its function at the other names; an intact seal stays intact."""
    if step.sync is None:
        return [locked(step.table)]
    proved, pointed = require_sync(step.sync, now), sync.body_statement(step.sync, then)
    if not isinstance(step.sync, Mirror):
        return [locked(step.table), proved, pointed]
    return [locked(step.table), proved, look_at_seal(step.sync), pointed, _renewed_seal(step.sync)]


def _require_seal(kept: Mirror) -> Composed:
    return fill("SELECT orch_target.require_seal({s})", s=literal(kept.id))


def _forget_broken_seal(kept: Mirror) -> Composed:
    """Going back must be possible all the same; without a seal the rows are filled and compared again before contract."""
    return fill(
        "DELETE FROM orch_target.seal WHERE sync_id = {s} AND print <> orch_target.sync_print(sync_id)",
        s=literal(kept.id),
    )


def _renewed_seal(kept: Mirror) -> Composed:
    return fill(
        "UPDATE orch_target.seal SET print = orch_target.sync_print(sync_id) WHERE sync_id = {s}", s=literal(kept.id)
    )


def _rename_column(where: TableName, old: str, new: str) -> Composed:
    return alter(where, "RENAME COLUMN {o} TO {n}", o=name(old), n=name(new))


def _default_moved(step: ParkColumn) -> list[Composed]:
    if step.default is None or step.new is None:
        return [default(step.table, column, expression) for column, expression in step.defaults]
    return [default(step.table, step.new, step.default), default(step.table, step.parked, None)]


def _default_moved_back(step: ParkColumn) -> list[Composed]:
    if step.default is None or step.new is None:
        return [default(step.table, column, None) for column, _ in step.defaults]
    return [default(step.table, step.column, step.previous), default(step.table, step.new, None)]


def _moved_sequence(step: ParkColumn, into: str | None) -> list[Composed]:
    if step.sequence is None or into is None:
        return []
    return [
        fill("ALTER SEQUENCE {s} OWNED BY {t}.{c}", s=raw(step.sequence), t=table(step.table), c=name(into)),
    ]


def _rename(where: TableName, rename: Rename, *, back: bool) -> Composed:
    old, new = (rename.to, rename.name) if back else (rename.name, rename.to)
    if rename.object == "index":
        index = table(TableName(where.schema, old))
        return fill("ALTER INDEX {o} RENAME TO {n}", o=index, n=name(new))
    return alter(where, "RENAME CONSTRAINT {o} TO {n}", o=name(old), n=name(new))


def _observe(look: Look, step: ParkColumn) -> Observation:
    """By the names and the types behind them.

    What moved over with it (defaults, names of indexes) may be changed again by anybody while the column is parked.
    """
    found = columns(look, step.table)
    if (wrong := missing(found, step.table)) is not None:
        return wrong
    before, after = [each.column for each in step.columns], [each.parked for each in step.columns]
    there = [name for name in (*before, *after) if name in found]
    if not there:
        purged = look.marked()  # the park took effect once, so purge was next
        return DONE if purged else foreign(f"{step.table} has neither {_both(step, ' nor ')}", "one of them")
    if there not in (before, after):
        seen = f"has both {_both(step, ' and ')}" if len(before) == 1 else f"has {', '.join(there)}"
        return foreign(f"{step.table} {seen}", "one of them" if len(before) == 1 else f"{before} or {after}")
    return other_type(found, step.table, there, step.sync) or (DONE if there == after else ABSENT)


def _both(step: ParkColumn, word: str) -> str:
    return word.join(name for each in step.columns for name in (each.column, each.parked))


plugin = Kind(_render, _observe)
