"""A foreign key has no index on its own columns.

Whoever deletes a row of the other table, or changes its key, has PostgreSQL look for rows that refer to it: without an index by
reading all of this table, once for every row deleted.

    ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;

Safe: CREATE INDEX CONCURRENTLY on the columns first. Without `--url` only the indexes of the same migration are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.dialects.postgres.script.acts import AddColumn, AddConstraint, CreateIndex, CreateTable
from orchestrator.dialects.postgres.script.parts import Constraint, Name
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation

_KEYS = ("unique", "primary key")


def _judge(act: CreateTable | AddColumn | AddConstraint, seen: Situation) -> Iterator[Remark]:
    for each in _constraints(act):
        if each.kind == "foreign key" and not _is_indexed(act.table, each.columns, seen):
            columns = ", ".join(each.columns)
            yield Remark(
                f"no index of {act.table} begins with {columns}: every delete in {each.refers} reads all of {act.table}",
                f"CREATE INDEX CONCURRENTLY on {act.table} ({columns}) first",
                at=each.at,
                lock="",
            )


def _constraints(act: CreateTable | AddColumn | AddConstraint) -> Sequence[Constraint]:
    if isinstance(act, AddConstraint):
        return (act.constraint,)
    if isinstance(act, AddColumn):
        return act.column.constraints
    return [*act.constraints, *(each for column in act.columns for each in column.constraints)]


def _is_indexed(table: Name, columns: Sequence[str], seen: Situation) -> bool:
    return any(set(key[: len(columns)]) == set(columns) for key in _keys(seen.key(table), seen)) or (
        (there := seen.table(table)) is not None
        and any(set(each.columns[: len(columns)]) == set(columns) for each in there.indexes.values())
    )


def _keys(table: str, seen: Situation) -> Iterator[tuple[str, ...]]:
    """What the script has indexed, or will."""
    for statement in seen.statements:
        for act in statement.acts:
            if isinstance(act, CreateIndex) and seen.key(act.table) == table and act.method in ("btree", "hash"):
                yield act.columns
            elif isinstance(act, CreateTable | AddColumn | AddConstraint) and seen.key(act.table) == table:
                yield from (each.columns for each in _constraints(act) if each.kind in _KEYS)


plugin = Rule(Tier.MINOR, _judge, (CreateTable, AddColumn, AddConstraint), fresh=True)
