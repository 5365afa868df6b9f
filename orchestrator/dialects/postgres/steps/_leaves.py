"""The foreign key of a partitioned table before PostgreSQL 18: what the catalog shows of it, and what is to be sent next.

Why it exists: a partitioned table cannot have one NOT VALID there, and to add it reads all partitions under SHARE ROW EXCLUSIVE.
But where every partition has the same key, and has it proved, ADD CONSTRAINT on the whole takes these for parts of its own and
reads nothing (on 15 no row and 1 ms, of a million rows (m)). As with an index (``_tree``) every message follows from the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.sql import Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import AddPartitionedForeignKey, DropPartitionedForeignKey
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Look, Message, Move
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import (
    alter,
    commented,
    drop_constraint_if_exists,
    tree_locked,
    validate,
)
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, constraint, other_constraint, partial
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table, text

Keyed = AddPartitionedForeignKey | DropPartitionedForeignKey

_LEAVES = """
SELECT n.nspname::text, c.relname::text, c.relkind::text, k.oid IS NOT NULL, coalesce(k.convalidated, false)
  FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%s)) t
  JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.conname = %s
 WHERE t.isleaf AND c.relkind <> 'p' ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C"
"""
_ALL_PROVED = """
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_partition_tree({t}::regclass) t JOIN pg_catalog.pg_class c ON c.oid = t.relid
                WHERE t.isleaf AND c.relkind <> 'p' AND NOT EXISTS (
                      SELECT FROM pg_catalog.pg_constraint k
                       WHERE k.conrelid = t.relid AND k.conname = {k} AND k.contype = 'f' AND k.convalidated)) THEN
        RAISE lock_not_available USING MESSAGE = 'a partition came meanwhile that has not the foreign key yet';
    END IF;
END"""
"""Asked under the lock: a partition that came meanwhile would be read under it. It is tried again, after that one has its own."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition that has rows of its own: has it a constraint of that name, is it proved."""

    table: TableName
    kind: str
    keyed: bool
    proved: bool


def _leaves(look: Look, step: Keyed) -> list[Leaf]:
    rows = look.rows(_LEAVES, quoted_name(step.table), step.name)
    return [Leaf(TableName(schema, called), *facts) for schema, called, *facts in rows]


def _definition(step: Keyed) -> str:
    return parser.constraint_definition(text(table(step.table)), step.definition, step.renamed)


def _another(look: Look, step: Keyed, where: TableName) -> Observation | None:
    return other_constraint(look, where, step.name, _definition(step))


def onward(look: Look, step: Keyed) -> Move | None:
    """What brings the key nearer to standing; None where it stands, or where only a person can help."""
    leaves = _leaves(look, step)
    if any(leaf.kind != "r" or _another(look, step, leaf.table) is not None for leaf in leaves):
        return None
    if constraint(look, step.table, step.name) is not None:
        return None
    for leaf in leaves:
        if not leaf.keyed:
            return Move((_not_valid(step, leaf.table),))
        if not leaf.proved:
            return Move((validate(leaf.table, step.name),), concurrent=True)
    return Move(_joined(step))


def _not_valid(step: Keyed, where: TableName) -> Composed:
    return alter(where, "ADD CONSTRAINT {k} {d} NOT VALID", k=name(step.name), d=raw(_definition(step)))


def _joined(step: Keyed) -> Message:
    """The key of the whole, of those that the partitions have."""
    asked = fill(_ALL_PROVED, t=literal(quoted_name(step.table)), k=literal(step.name))
    return (
        *tree_locked(step.table, "SHARE ROW EXCLUSIVE"),
        fill("DO {body}", body=literal(text(asked))),
        alter(step.table, "ADD CONSTRAINT {k} {d}", k=name(step.name), d=raw(_definition(step))),
        *commented(step.table, step.name, step.comment),
    )


def back(look: Look, step: Keyed) -> Move | None:
    """What takes the key back: that of the whole with its parts, else what partitions have got already."""
    if constraint(look, step.table, step.name) is not None:
        return Move(dropped(step)) if _another(look, step, step.table) is None else None
    for leaf in _leaves(look, step):
        if leaf.keyed and _another(look, step, leaf.table) is None:
            return Move((drop_constraint_if_exists(leaf.table, step.name),))
    return None


def dropped(step: Keyed) -> Message:
    """DROP CONSTRAINT of the whole tree, in a time that is bounded as a whole."""
    return (*tree_locked(step.table), drop_constraint_if_exists(step.table, step.name))


def added(step: Keyed) -> tuple[Message, ...]:
    """The way to the key as ``orch plan`` shows it: which partitions there are is asked when it is gone."""
    part = TableName("", ":partition")
    each = (_not_valid(step, part), validate(part, step.name))
    shown = (text(one).replace('"".":partition"', ":partition") for one in each)
    return (*((fill("{s}", s=raw(one)),) for one in shown), _joined(step))


def added_lock(step: Keyed) -> str:
    """The locks of that, in words."""
    return (
        f"SHARE ROW EXCLUSIVE on {step.references} and on one partition of {step.table} at a time, then on all of them and ACCESS"
        f" EXCLUSIVE on {step.references}, catalog changes only; SHARE UPDATE EXCLUSIVE on each partition while it is proved,"
        " blocks neither reads nor writes"
    )


def state(look: Look, step: Keyed) -> Observation:
    """Whether the key stands in the whole, in some partitions, nowhere, or is another one."""
    if (wrong := _another(look, step, step.table)) is not None:
        return wrong
    if constraint(look, step.table, step.name) is not None:
        return DONE
    leaves = _leaves(look, step)
    for leaf in leaves:
        if leaf.kind != "r":
            return partial(f"partition {leaf.table} is a foreign table: DETACH it, since it can have no foreign key")
        if (wrong := _another(look, step, leaf.table)) is not None:
            return wrong
    proved = sum(leaf.proved for leaf in leaves)
    if not any(leaf.keyed for leaf in leaves):
        return ABSENT
    return partial(f"{proved} of {len(leaves)} partitions of {step.table} have {step.name}, and have it proved")
