"""Which lock every Act takes, whether it rewrites the table, whether it reads all of it.

Why it exists: these are facts about PostgreSQL, not opinions. They stand in one table that the conformance test compares with
what a live server does (pg_locks, relfilenode, scans), so rules cannot be wrong about them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Column, Name
from orchestrator.lint._facts import Facts
from orchestrator.lint._retyping import cost

AE = "ACCESS EXCLUSIVE"
E = "EXCLUSIVE"
SRE = "SHARE ROW EXCLUSIVE"
S = "SHARE"
SUE = "SHARE UPDATE EXCLUSIVE"
RE = "ROW EXCLUSIVE"
RS = "ROW SHARE"
AS = "ACCESS SHARE"
ORDER = ("", AS, RS, RE, SUE, S, SRE, E, AE)
BLOCKS_WRITES = frozenset({S, SRE, E, AE})


@dataclass(frozen=True, slots=True)
class Effect:
    """``locks`` are (table, strongest lock) of tables that may be others'; ``rewrites`` and ``scans`` speak of the first."""

    locks: tuple[tuple[Name, str], ...] = ()
    rewrites: bool = False
    scans: bool = False

    @property
    def lock(self) -> str | None:
        """The strongest lock on the act's own table."""
        return self.locks[0][1] if self.locks else None

    @property
    def long(self) -> bool:
        """Whether it takes as long as the table is big."""
        return self.rewrites or self.scans


def table_of(act: Act) -> Name | None:
    """The table that an act is about, if it is about one."""
    if isinstance(act, acts.TableAct):
        return act.table
    if isinstance(act, acts.Rename | acts.Vacuum | acts.Cluster):
        return act.table
    if isinstance(act, acts.Refresh):
        return act.name
    if isinstance(act, acts.Reindex):
        return act.name if act.kind == "table" else None
    if isinstance(act, acts.Drop):
        return act.name if act.kind in _RELATIONS else act.table
    if isinstance(act, acts.SetSchema) and act.kind in _RELATIONS:
        return act.name
    return None


_RELATIONS = frozenset({"table", "view", "materialized view", "foreign table"})


def effect(act: Act, seen: Facts) -> Effect:
    """What the act does to tables."""
    made = _EFFECTS.get(type(act))
    return Effect() if made is None else made(act, seen)


def rewriting(column: Column, seen: Facts) -> str:
    """Why adding the column rewrites the table; empty when it does not."""
    if column.generated == "stored":
        return "a stored generated column"
    if column.serial or column.identity:
        return "numbering the rows"
    if column.default is not None and seen.volatile(column.default):
        return "a volatile default"
    if seen.constrained_domain(column.type):
        return "a domain with a constraint"
    return ""


def _on(act: Any, lock: str, *, rewrites: bool = False, scans: bool = False) -> Effect:
    table = table_of(act)
    return Effect(((table, lock),) if table else (), rewrites, scans)


def _simply(lock: str, *, rewrites: bool = False, scans: bool = False) -> Callable[[Any, Facts], Effect]:
    return lambda act, seen: _on(act, lock, rewrites=rewrites, scans=scans)


def _add_column(act: acts.AddColumn, seen: Facts) -> Effect:
    column = act.column
    rewrites = bool(rewriting(column, seen))
    filled = column.default is not None and not column.default.null
    scans = rewrites or (column.generated == "virtual" and column.not_null)
    others = []
    for each in column.constraints:
        scans = scans or each.kind in ("check", "unique", "primary key") or (each.kind == "foreign key" and filled)
        if each.refers is not None:
            others.append((each.refers, SRE))
    return Effect(((act.table, AE), *others), rewrites, scans)


def _add_constraint(act: acts.AddConstraint, seen: Facts) -> Effect:
    made = act.constraint
    if made.kind == "foreign key" and made.refers is not None:
        return Effect(((act.table, SRE), (made.refers, SRE)), scans=made.valid)
    if made.index:
        known = seen.table(act.table)
        nullable = made.kind == "primary key" and known is not None and _may_be_null(act, seen)
        return Effect(((act.table, AE),), scans=nullable)
    proven = made.kind == "not null" and all(seen.proves_not_null(act.table, each) for each in made.columns)
    return Effect(((act.table, AE),), scans=made.valid and not proven)


def _may_be_null(act: acts.AddConstraint, seen: Facts) -> bool:
    known = seen.table(act.table)
    index = known.indexes.get(act.constraint.index) if known else None
    return index is not None and not all(seen.proves_not_null(act.table, each) for each in index.columns)


def _set_not_null(act: acts.SetNotNull, seen: Facts) -> Effect:
    return _on(act, AE, scans=not seen.proves_not_null(act.table, act.column))


def _retype(act: acts.Retype, seen: Facts) -> Effect:
    rewrites, scans = cost(act, seen)
    return _on(act, AE, rewrites=rewrites, scans=rewrites or scans)


def _create_table(act: acts.CreateTable, seen: Facts) -> Effect:
    refers = [each.refers for each in act.constraints] + [c.refers for each in act.columns for c in each.constraints]
    locks = [(each, SRE) for each in refers if each is not None and each != act.table]
    if act.parent is not None:
        locks.insert(0, (act.parent, AE))
    return Effect(tuple(locks))


def _attach(act: acts.AttachPartition, seen: Facts) -> Effect:
    return Effect(((act.table, SUE), (act.partition, AE)), scans=False)


def _detach(act: acts.DetachPartition, seen: Facts) -> Effect:
    lock = SUE if act.concurrently else AE
    return Effect(((act.table, lock), (act.partition, lock)))


def _alter(act: acts.AlterTable, seen: Facts) -> Effect:
    if act.action in _REWRITES:
        return _on(act, AE, rewrites=True, scans=True)
    return _on(act, _ALTER_LOCKS.get(act.action, AE))


_REWRITES = frozenset({"set logged", "set unlogged", "set tablespace", "set access method", "set expression"})
_ALTER_LOCKS = {
    "set statistics": SUE,
    "set options": SUE,
    "reset options": SUE,
    "set column options": SUE,
    "reset column options": SUE,
    "cluster on": SUE,
    "set without cluster": SUE,
    **{f"{verb} trigger{which}": SRE for verb in ("enable", "disable") for which in ("", " all", " user")},
    "enable always trigger": SRE,
    "enable replica trigger": SRE,
}


def _drop(act: acts.Drop, seen: Facts) -> Effect:
    return _on(act, AE) if act.kind != "index" else Effect()


def _rename(act: acts.Rename, seen: Facts) -> Effect:
    return _on(act, SUE if act.kind == "index" else AE)


def _index(act: acts.CreateIndex, seen: Facts) -> Effect:
    empty = act.only and seen.partitioned(act.table)
    return _on(act, SUE if act.concurrently else S, scans=not empty)


def _vacuum(act: acts.Vacuum, seen: Facts) -> Effect:
    return _on(act, AE if act.full else SUE, rewrites=act.full, scans=act.full)


def _refresh(act: acts.Refresh, seen: Facts) -> Effect:
    return _on(act, E if act.concurrently else AE, rewrites=not act.concurrently, scans=True)


def _reindex(act: acts.Reindex, seen: Facts) -> Effect:
    return _on(act, SUE if act.concurrently else S, scans=True)


def _lock(act: acts.Lock, seen: Facts) -> Effect:
    return _on(act, act.mode)


_EFFECTS: dict[type[Act], Callable[[Any, Facts], Effect]] = {
    acts.AddColumn: _add_column,
    acts.DropColumn: _simply(AE),
    acts.Retype: _retype,
    acts.SetNotNull: _set_not_null,
    acts.DropNotNull: _simply(AE),
    acts.SetDefault: _simply(AE),
    acts.DropDefault: _simply(AE),
    acts.AddConstraint: _add_constraint,
    acts.ValidateConstraint: _simply(SUE, scans=True),
    acts.DropConstraint: _simply(AE),
    acts.AttachPartition: _attach,
    acts.DetachPartition: _detach,
    acts.AlterTable: _alter,
    acts.Rename: _rename,
    acts.SetSchema: _simply(AE),
    acts.Drop: _drop,
    acts.CreateTable: _create_table,
    acts.CreateIndex: _index,
    acts.Reindex: _reindex,
    acts.Refresh: _refresh,
    acts.Vacuum: _vacuum,
    acts.Cluster: _simply(AE, rewrites=True, scans=True),
    acts.Truncate: _simply(AE, rewrites=True),
    acts.Modify: _simply(RE),
    acts.Insert: _simply(RE),
    acts.Copy: _simply(RE),
    acts.Lock: _lock,
    acts.CreateTrigger: _simply(SRE),
    acts.CreatePolicy: _simply(AE),
}
