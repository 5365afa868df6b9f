"""What may stand in the way of a key that goes over to another column, and how each is got around.

Why it exists: beside what stands in the way of any copy (``_table``), a key has foreign keys to it, an index that others go by,
and versions that upsert on it. All of it is found out at plan time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from orchestrator.core.catalog import Catalog, Column, Constraint, Index, Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.operations import _constraint, _table

Primary = tuple[Constraint, Index]


def is_key(table: Table, column: str) -> Constraint:
    """The primary key, which must be that column alone. Raises PlanRefused."""
    table.column(column)
    for constraint in table.constraints:
        if constraint.kind == "p" and not constraint.inbound:
            if constraint.columns == (column,):
                return constraint
            if column in constraint.columns:
                raise PlanRefused(
                    f"the primary key of {table.name} has several columns: {', '.join(constraint.columns)}",
                    f"add_unique {column} by itself and make it the primary key by hand, or leave its type as it is:"
                    " a key of several columns goes along only where one of them refers to the key that changes",
                )
    raise PlanRefused(f"{table.name}.{column} is not the primary key", "change_type it; it needs no more than that")


def referring(table: Table, column: str) -> Iterator[tuple[TableName, tuple[str, ...], Constraint]]:
    """(table, its columns, foreign key) for everything that refers to the column, the table itself included."""
    for constraint in table.constraints:
        if constraint.inbound and column in constraint.columns and constraint.source is not None:
            yield constraint.source, constraint.source_columns, constraint
        elif constraint.kind == "f" and constraint.references == table.name and column in constraint.to:
            yield table.name, constraint.columns, constraint


def foreign_keys(table: Table, column: str, key: Table, to: str) -> tuple[Constraint, ...]:
    """The foreign keys by which a column refers to the key, as its own table has them."""
    return tuple(
        found
        for found in table.constraints
        if found.kind == "f" and not found.inbound
        if (found.columns, found.references, found.to) == ((column,), key.name, (to,))
    )


def preconditions(catalog: Catalog, table: Table, column: Column, *, is_key: bool) -> Primary | None:
    """Everything that would stop it later; the primary key of which the column is a part. Raises PlanRefused."""
    _table.synced(
        table,
        partitioned="by sql:, make a new table with the key's new type, partitioned alike, and carry the rows over, partition by"
        " partition",
    )
    _table.at_rest(table)
    _table.no_dependents(table, column)
    _table.may_be_null(catalog, table, column)
    _plain(table, column, is_key=is_key)
    for constraint in table.constraints:
        _constraint_fits(table, column, constraint, is_key=is_key)
    primary = None
    for index in _table.own_indexes(table, column):
        if index.primary:
            primary = _primary(table, index)
        elif index.unique:
            raise PlanRefused(
                f"{table.name}.{column.name} is part of the unique index {index.name}, too:"
                " with more unique indexes, ON CONFLICT of either version fails (23505)",
                "drop_index or drop_constraint it by a change before this one, and add it again by one after it",
            )
    return primary


def _plain(table: Table, column: Column, *, is_key: bool) -> None:
    if column.generated or (column.identity and not is_key):
        raise PlanRefused(
            f"{table.name}.{column.name} is {'generated' if column.generated else 'an identity column'}",
            "ALTER COLUMN … DROP EXPRESSION, or DROP IDENTITY, first",
        )
    taken = [d.name for d in table.dependents if d.kind == "default"]
    if column.identity and taken:
        raise PlanRefused(
            f"the sequence of {table.name}.{column.name} serves others, too: {', '.join(taken)}",
            "give those a sequence of their own first: an identity's sequence is replaced",
        )


def _constraint_fits(table: Table, column: Column, constraint: Constraint, *, is_key: bool) -> None:
    if column.name not in constraint.columns:
        return
    if constraint.kind == "x":
        raise PlanRefused(
            f"{table.name}.{column.name} is part of exclusion constraint {constraint.name}",
            "an exclusion constraint cannot be built without blocking writes; drop it first",
        )
    if constraint.inbound and not is_key:
        raise PlanRefused(
            f"foreign key {constraint.name} of {constraint.source} refers to {table.name}.{column.name}, which refers itself",
            "drop_constraint that foreign key by a change before this one, and add_foreign_key it by one after it",
        )
    if constraint.kind == "f" and " SET DEFAULT" in constraint.definition:
        raise PlanRefused(
            f"foreign key {constraint.name} sets a default, which the two columns of a reference have not both",
            "give it another action by a change before this one",
        )
    if constraint.kind == "f" and constraint.definition.endswith(" NOT ENFORCED"):
        raise PlanRefused(f"foreign key {constraint.name} is not enforced", "drop it by hand; it forbids nothing")


def _primary(table: Table, index: Index) -> Primary:
    constraint = _constraint.constraint_of(table, index.constraint or index.name)
    if constraint.deferrable:
        raise PlanRefused(
            f"{constraint.name} of {table.name} is deferrable: the index beside it would refuse what it lets pass",
            "make it a key that is not deferrable first",
        )
    if constraint.views:
        raise PlanRefused(
            f"{', '.join(constraint.views)} relies on {constraint.name} (GROUP BY the primary key)",
            "redefine these first, with all columns in GROUP BY",
        )
    if index.replica_identity:
        raise PlanRefused(
            f"subscribers are told of rows of {table.name} by {index.name}",
            "ALTER TABLE … REPLICA IDENTITY DEFAULT, by another index, or FULL, first",
        )
    return constraint, index


def identity_kind(table: Table, column: Column) -> Literal["ALWAYS", "BY DEFAULT"]:
    """What follows GENERATED. Raises PlanRefused where its sequence cannot be seen."""
    if column.numbers is None:
        raise PlanRefused(f"the sequence of {table.name}.{column.name} is not visible to this login", "orch doctor")
    return "ALWAYS" if column.always else "BY DEFAULT"


def apart(moving: tuple[tuple[Table, Column], ...]) -> None:
    """Refuse an index or constraint over two columns that both go: it can have no twin. Raises PlanRefused."""
    for (table, first), (other, second) in combinations(moving, 2):
        if table.name != other.name:
            continue
        named = [(index.name, index.columns) for index in table.indexes]
        named += [(constraint.name, constraint.columns) for constraint in table.constraints]
        for name, columns in named:
            if {first.name, second.name} <= set(columns):
                raise PlanRefused(
                    f"{name} of {table.name} is over {first.name} and {second.name}, which both go to other columns",
                    f"drop {name} by a change before this one, and add it again by one after it",
                )
