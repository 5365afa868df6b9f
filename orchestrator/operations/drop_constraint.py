"""Take a constraint away: a CHECK, a foreign key, a unique constraint or the primary key.

A CHECK or a foreign key goes in expand, so that new versions may write what it forbids; until contract, abort adds it again,
NOT VALID first and then proved. A key goes in contract with its index, since old versions may rely on it (ON CONFLICT); until
purge, undo builds the index concurrently and makes the key of it. Both are refused, naming the rows, while rows break it. The
lock is ACCESS EXCLUSIVE (of a foreign key, on both tables) for a change in the catalog.

The key of a partitioned table goes with those of all partitions in one short transaction, which waits 300 ms at most for all its
locks, and is tried again. Undo builds every partition's index concurrently and makes keys of them; they get new names.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.catalog import Catalog, Constraint, Index, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.partitioned import DropPartitionedForeignKey, DropPartitionedIndex, PartitionedKey
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import AttachConstraint, DropIndex, GiveUp, Step
from orchestrator.core.step import DropConstraint as DropConstraintStep
from orchestrator.core.sync import Rule
from orchestrator.operations import _constraint, _table
from orchestrator.operations._index import spelled_option
from orchestrator.operations._model import Name, OperationModel, at, key_of


class DropConstraint(OperationModel):
    """``drop_constraint: {table: orders, constraint: orders_customer_fkey}``."""

    constraint: Name

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The constraint, and the index of a key."""
        found = self._found(catalog)
        return at(catalog, self.table, f"constraint {found.name}", *_index_names(found))

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Its columns: a copy of one would bring a twin of the constraint along."""
        return at(catalog, self.table, *self._found(catalog).columns)

    def _found(self, catalog: Catalog) -> Constraint:
        return _constraint.constraint_of(catalog.table(self.table), self.constraint)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Drop it in expand, or a key in contract."""
        table, found = catalog.table(self.table), self._found(catalog)
        _table.alone(table, partitioned=True)
        if found.kind in "cf":
            return _rule_dropped(table, found)
        _refuse(table, found)
        notes = _constraint.last_notes(settings, f"constraint {found.name}", found.definition)
        return Draft(
            (*_key_dropped(table, found), *_constraint.last(table, f"constraint {found.name}", settings)), notes
        )


def _index_names(found: Constraint) -> tuple[str, ...]:
    return () if found.kind in "cf" else (f"index {found.index}",)


def _refuse(table: Table, found: Constraint) -> None:
    index = _constraint.index_of(table, found.index or found.name)
    if found.kind == "x" or " USING btree " not in index.definition:
        raise PlanRefused(
            f"{found.name} of {table.name} is an exclusion constraint: undo could not put it back without blocking writes",
            "drop it by hand (ALTER TABLE … DROP CONSTRAINT, with a lock_timeout), if it need never come back",
        )
    _constraint.not_relied_on(table, index.name, index.replica_identity)
    for column in found.columns:
        _table.nothing_own(table, table.column(column), "foreign key of another table")
    if found.views:
        raise PlanRefused(
            f"{', '.join(found.views)} group by the key {found.name} of {table.name}",
            "redefine these views, naming every column in GROUP BY, first",
        )
    published = [d.name for d in table.dependents if d.kind == "publication"]
    if found.kind == "p" and published:
        raise PlanRefused(
            f"{table.name} is published by {', '.join(published)}: without its primary key, UPDATE and DELETE fail",
            "ALTER TABLE … REPLICA IDENTITY by another index, and take the table out of the publication for the change",
        )


def _rule_dropped(table: Table, found: Constraint) -> Draft:
    """A CHECK or a foreign key, in expand."""
    if found.definition.endswith(" NOT ENFORCED"):
        raise PlanRefused(f"{found.name} of {table.name} is not enforced", "drop it by hand; it forbids nothing")
    what = f"constraint {found.name}"
    steps = (
        PlannedStep("expand", _lifted(table, found), f"drop {found.name} of {table.name}: {found.definition}"),
        PlannedStep("contract", GiveUp(table.name, what), f"give up the way back to {what} of {table.name}"),
    )
    note = f"from expand on rows may break {found.name} of {table.name}; abort is refused while one does"
    return Draft(steps, (note,))


def _lifted(table: Table, found: Constraint) -> Step:
    rule = _rule(table, found) if found.validated else None
    if found.references is not None and _constraint.by_partition(table):
        where = (table.name, found.name, found.definition, found.references)
        return DropPartitionedForeignKey(*where, rule=rule, comment=found.comment)
    return DropConstraintStep(
        table.name,
        found.name,
        found.definition,
        found.validated,
        comment=found.comment,
        references=found.references,
        rule=rule,
    )


def _rule(table: Table, found: Constraint) -> Rule:
    if found.kind == "c":
        return Rule("check", key_of(table), condition=found.condition)
    return Rule("reference", key_of(table), found.columns, references=found.references, to=found.to)


def _key_dropped(table: Table, found: Constraint) -> Iterator[PlannedStep]:
    """The key in contract, its index with it; undone in turn, the index comes first."""
    index = _constraint.index_of(table, found.index or found.name)
    if table.partitioning is not None:
        words = f"drop {found.name} of {table.name} from all partitions at once: {found.definition}"
        yield PlannedStep("contract", _whole_key(table, found, index), words)
        return
    attach = AttachConstraint(
        table.name, found.name, found.definition, found.kind == "p", found.deferrable, found.comment
    )
    rule = _once(table, found)
    drop = DropConstraintStep(table.name, found.name, found.definition, indexed=attach, rule=rule)
    yield PlannedStep("contract", drop, f"drop {found.name} of {table.name}: {found.definition}")
    gone = DropIndex(table.name, index.name, index.definition, index.extras)
    yield PlannedStep("contract", gone, f"see that the index {index.name} is gone; undo builds it again first")


def _once(table: Table, found: Constraint) -> Rule:
    """What going back asks of rows, which are told apart by what is left of their key then."""
    left = tuple(argument for argument in key_of(table) if found.kind != "p" or argument.name not in found.columns)
    return Rule("unique", left, found.columns)


def _whole_key(table: Table, found: Constraint, index: Index) -> DropPartitionedIndex:
    storage = f" WITH ({', '.join(map(spelled_option, index.options))})" if index.options else ""
    definition = found.definition.removesuffix(found.deferrable) + storage
    key = PartitionedKey(definition, found.kind == "p", found.deferrable, found.comment)
    extras = index.extras
    return DropPartitionedIndex(
        table.name, index.name, index.definition, extras.comment, extras.tablespace, _once(table, found), key
    )


plugin = DropConstraint
