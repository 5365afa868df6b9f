"""The index or key of a partitioned table: what the catalog shows of it, partition by partition, and what is to be sent next.

Why it exists: building one and taking one back are sequences of any length, which another process must be able to take up
between any two statements. So nothing is remembered: every message follows from what the catalog shows before it.

CREATE INDEX … ON ONLY makes the table's own index, invalid while a partition has none; from then on every partition that is
created or attached gets one by itself (PostgreSQL manual, section 5.12.2.2). Each other one is built concurrently and attached,
which locks the partition's index alone. The last attachment makes the whole valid.

A key goes the same way: ALTER TABLE ONLY … ADD CONSTRAINT makes that of the whole table with its invalid index, and the index of
a partition becomes a key of it (USING INDEX) before it is attached, as only that of a constraint can be.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import CreatePartitionedIndex, DropPartitionedIndex, PartitionedKey
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Look, Message, Move
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, commented, drop_constraint_if_exists, tree_locked
from orchestrator.dialects.postgres.steps._index import drop, found, index, other_index, other_relation
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, partial
from orchestrator.dialects.postgres.text import fill, literal, raw, table, text
from orchestrator.dialects.postgres.text import name as label

Stepped = CreatePartitionedIndex | DropPartitionedIndex

_BYTES = 63
_TREE = """
WITH RECURSIVE tree AS (
    SELECT c.oid, pg_catalog.to_regclass(%s)::oid AS index, NULL::oid AS parent, 0 AS level
      FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%s)
    UNION ALL
    SELECT h.inhrelid, (SELECT i.indexrelid FROM pg_catalog.pg_index i
                          JOIN pg_catalog.pg_inherits x ON x.inhrelid = i.indexrelid
                         WHERE i.indrelid = h.inhrelid AND x.inhparent = tree.index), tree.oid, tree.level + 1
      FROM tree JOIN pg_catalog.pg_inherits h ON h.inhparent = tree.oid)
SELECT n.nspname::text, c.relname::text, c.relkind::text, tree.index IS NOT NULL, coalesce(i.indisvalid, false),
       p.nspname::text, o.relname::text
  FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = tree.index
  LEFT JOIN (pg_catalog.pg_class o JOIN pg_catalog.pg_namespace p ON p.oid = o.relnamespace) ON o.oid = (
       SELECT up.index FROM tree up WHERE up.oid = tree.parent)
 ORDER BY tree.level, n.nspname::text COLLATE "C", c.relname::text COLLATE "C"
"""
"""Each table of the tree, those above first: has it an index below that of the table above, is it valid, and that index."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One table of the tree. ``above`` is the index of the table above it, None while that has none."""

    table: TableName
    kind: str
    attached: bool
    valid: bool
    above: TableName | None


def branches(look: Look, step: Stepped) -> list[Branch]:
    """The whole tree, its top first; empty when the table is gone."""
    own = quoted_name(TableName(step.table.schema, step.name))
    rows = look.rows(_TREE, own, quoted_name(step.table))
    return [
        Branch(TableName(schema, name), kind, attached, valid, TableName(*above) if above[0] is not None else None)
        for schema, name, kind, attached, valid, *above in rows
    ]


def part_name(step: Stepped, branch: Branch, number: int = 0) -> str:
    """What the index of one partition is called; its own name in full where that is not cut."""
    name = f"{branch.table.name}_{step.name}" + (f"_{number}" if number else "")
    if len(name.encode()) <= _BYTES:
        return name
    mark = "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: _BYTES - len(mark)].decode(errors="ignore") + mark


def _free_name(look: Look, step: Stepped, branch: Branch) -> str:
    """The first of these names that is no part of another index: that one was called the same before it was renamed."""
    query = "SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhrelid = pg_catalog.to_regclass(%s)"
    for number in itertools.count():
        name = part_name(step, branch, number)
        taken = look.row(query, quoted_name(TableName(branch.table.schema, name)))
        if not taken or not taken[0]:
            return name
    raise AssertionError


def statement(step: Stepped, branch: Branch, name: str) -> Composed:
    """CREATE INDEX of one table of the tree: concurrently on a partition, ON ONLY where there are others below."""
    renamed = step.renamed if isinstance(step, CreatePartitionedIndex) else None
    copied = parser.index_statement(step.definition, name, renamed, step.tablespace)
    made = parser.partition_index_statement(
        copied, name, branch.table.schema, branch.table.name, only=branch.kind == "p"
    )
    return fill("{s}", s=raw(made))


def made(step: Stepped, branch: Branch, name: str) -> Composed:
    """What makes that index: where there are others below, a key's comes with its constraint."""
    if step.key is None or branch.kind != "p":
        return statement(step, branch, name)
    where = {"t": table(branch.table), "k": label(name), "d": raw(_constraint(step, step.key))}
    return fill("ALTER TABLE ONLY {t} ADD CONSTRAINT {k} {d}", **where)


def _constraint(step: Stepped, key: PartitionedKey) -> str:
    place = f" USING INDEX TABLESPACE {text(label(step.tablespace))}" if step.tablespace else ""
    return parser.constraint_definition(text(table(step.table)), key.definition + place + key.deferrable, None)


def _turned(key: PartitionedKey, where: TableName, name: str) -> Composed:
    """ADD CONSTRAINT … USING INDEX: the index of one partition becomes a key; no row is read."""
    words = f"{'PRIMARY KEY' if key.primary else 'UNIQUE'} USING INDEX {{i}}{key.deferrable}"
    return alter(where, "ADD CONSTRAINT {k} " + words, k=label(name), i=label(name))


def onward(look: Look, step: Stepped) -> Move | None:
    """What brings the index nearer to standing; None where it stands, or where only a person can help."""
    tree = branches(look, step)
    if not tree or any(branch.kind == "f" for branch in tree):
        return None
    top, *below = tree
    if not top.attached:
        taken = other_relation(look, step.table, step.name)
        return Move((made(step, top, step.name),)) if taken is None else None
    if _another(look, step, top, step.name) is not None:
        return None
    for branch in below:
        if not branch.attached and branch.above is not None:
            return _grown(look, step, branch)
    # The last partition without a part went away: nothing else will ever make the whole valid.
    return _commented(look, step) if top.valid else Move(_felled(step, step.table, step.name))


def _grown(look: Look, step: Stepped, branch: Branch) -> Move | None:
    """Build, clear away or attach the part of one table of the tree."""
    name = _free_name(look, step, branch)
    seen = found(look, branch.table, name)
    if _another(look, step, branch, name) is not None:
        return None
    if seen is None:
        return Move((made(step, branch, name),), branch.kind != "p")
    if branch.kind != "p" and not seen.valid:
        return Move(drop(branch.table, name), True)
    if step.key is not None and seen.key is None:
        return Move((_turned(step.key, branch.table, name),))
    assert branch.above is not None  # noqa: S101 - asked before
    parts = {"above": _named(branch.above), "i": index(branch.table, name)}
    return Move((fill("ALTER INDEX {above} ATTACH PARTITION {i}", **parts),))


def back(look: Look, step: Stepped) -> Move | None:
    """What takes the index back: what was built and not attached concurrently, then the rest as a whole."""
    tree = branches(look, step)
    for branch in reversed(tree[1:]):
        name = None if branch.attached else _own(look, step, branch)
        if name is not None:
            seen = found(look, branch.table, name)
            whole = branch.kind == "p" or (seen is not None and seen.key is not None)
            return Move(_felled(step, branch.table, name) if whole else drop(branch.table, name), not whole)
    if tree and tree[0].attached and _another(look, step, tree[0], step.name) is None:
        return Move(_felled(step, step.table, step.name))
    return None


def _felled(step: Stepped, where: TableName, name: str) -> Message:
    """The end of a whole tree's index, which cannot be concurrent: no row is read, and the wait for its locks is bounded."""
    if step.key is not None:
        return (*tree_locked(where), drop_constraint_if_exists(where, name))
    return (*tree_locked(where), fill("DROP INDEX IF EXISTS {i}", i=index(where, name)))


def dropped(step: Stepped) -> Message:
    """DROP INDEX, or DROP CONSTRAINT, as ``orch plan`` shows it."""
    return _felled(step, step.table, step.name)


def grown(step: Stepped) -> tuple[Message, ...]:
    """The way to the index as ``orch plan`` shows it: which partitions there are is asked when it is gone."""
    top = made(step, Branch(step.table, "p", False, False, None), step.name)
    part = Branch(TableName("", ":partition"), "r", False, False, None)
    sent = [statement(step, part, ":part")]
    if step.key is not None:
        sent.append(fill("{s}", s=_turned(step.key, part.table, ":part")))
    shown = [
        text(each).replace('"".', "").replace('":part"', ":part").replace('":partition"', ":partition") for each in sent
    ]
    attach = fill("ALTER INDEX {i} ATTACH PARTITION :part", i=index(step.table, step.name))
    return ((top,), *((fill("{s}", s=raw(each)),) for each in shown), (attach,))


def grown_lock(step: Stepped) -> str:
    """The locks of that, in words."""
    one = "one partition" if step.key else "one partition's index"
    return (
        f"{'ACCESS EXCLUSIVE' if step.key else 'SHARE'} on {step.table} and ACCESS EXCLUSIVE on {one} at a time, catalog"
        " changes only;"
        " SHARE UPDATE EXCLUSIVE on each partition while it is built, blocks neither reads nor writes"
    )


def _named(name: TableName) -> Composable:
    return index(name, name.name)


def _commented(look: Look, step: Stepped) -> Move | None:
    seen = found(look, step.table, step.name)
    if seen is not None and step.comment is not None and seen.comment is None:
        where = index(step.table, step.name)
        return Move((fill("COMMENT ON INDEX {i} IS {x}", i=where, x=literal(step.comment)),))
    if step.key is not None and step.key.comment is not None and _uncommented(look, step):
        return Move(commented(step.table, step.name, step.key.comment))
    return None


def _uncommented(look: Look, step: Stepped) -> bool:
    query = (
        "SELECT pg_catalog.obj_description(oid, 'pg_constraint') IS NULL FROM pg_catalog.pg_constraint"
        " WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = %s"
    )
    return look.row(query, quoted_name(step.table), step.name) == (True,)


def state(look: Look, step: Stepped) -> Observation:
    """Whether the index stands in all partitions, in none, in some, or is another one."""
    tree = branches(look, step)
    if not tree or tree[0].kind != "p":
        return other_relation(look, step.table, step.name) or ABSENT
    if (wrong := _in_the_way(look, step, tree)) is not None:
        return wrong
    if not tree[0].attached:
        left = [name for branch in tree[1:] if (name := _own(look, step, branch)) is not None]
        return partial(f"of {step.name} there is only {', '.join(left)}") if left else ABSENT
    if not tree[0].valid:
        having = sum(branch.attached and branch.valid for branch in tree[1:])
        return partial(f"{having} of {len(tree) - 1} partitions of {step.table} have their part of {step.name}")
    return partial(f"{step.name} has no comment yet") if _commented(look, step) is not None else DONE


def _in_the_way(look: Look, step: Stepped, tree: list[Branch]) -> Observation | None:
    """What no statement of ours could get past: other objects of these names, partitions that can have no index."""
    for branch in tree:
        if branch.kind == "f":
            return partial(f"partition {branch.table} is a foreign table: DETACH it, since it can have no index")
        top = branch is tree[0]
        if (not branch.attached) or top:
            name = step.name if top else _free_name(look, step, branch)
            if (wrong := _another(look, step, branch, name)) is not None:
                return wrong
    return None


def _own(look: Look, step: Stepped, branch: Branch) -> str | None:
    """The name of the part that was built for a partition and is not attached yet, if there is one."""
    name = _free_name(look, step, branch)
    built = found(look, branch.table, name) is not None
    return name if built and _another(look, step, branch, name) is None else None


def _another(look: Look, step: Stepped, branch: Branch, name: str) -> Observation | None:
    """Foreign where something else than what the Step makes bears the name, else None."""
    seen = found(look, branch.table, name)
    if seen is None:
        return other_relation(look, branch.table, name)
    if step.key is not None and seen.key not in _keys(step.key, branch):
        return foreign(f"index {name} of {branch.table} is of no such key", step.key.definition)
    return other_index(look, branch.table, name, text(statement(step, branch, name)), seen)


def _keys(key: PartitionedKey, branch: Branch) -> tuple[str | None, ...]:
    """What the index of one table of the tree may be the key of: that of a partition is built before it is one."""
    kind = "p" if key.primary else "u"
    return (kind,) if branch.kind == "p" else (kind, None)
