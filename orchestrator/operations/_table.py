"""What may stand in the way of changing a column while applications write, and how each is got around.

Why it exists: everything that would be found out in contract must be found out at plan time (correctness F13, F14, F19).
Each obstacle is named with the reason and the way around.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Column, Constraint, Index, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Settings

_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}

_BY_VIEWS = "to rename it without a copy, add `switch_reads: {by: views}` to the change file"


BY_STATEMENT = "write the statement yourself (sql:), knowing what it locks and how long"


def writable(table: Table, *, partitioned: Literal[True] | str = BY_STATEMENT) -> None:
    """Refuse what is not an ordinary table. Raises PlanRefused.

    ``partitioned`` True lets partitioned tables pass; else it is the way around for one.
    """
    if table.kind in _KINDS and (table.kind != "p" or partitioned is not True):
        around = {
            "v": "name the table below the view",
            "m": "name the table below the materialized view",
            "f": "change the table on the server it lives on",
            "p": str(partitioned),
        }[table.kind]
        raise PlanRefused(f"{table.name} is a {_KINDS[table.kind]}, not an ordinary table", around)
    if table.partition:
        raise PlanRefused(f"{table.name} is a partition: its shape follows the whole table", "name the whole table")
    _partitions_here(table)


def _partitions_here(table: Table) -> None:
    """Refuse partitions that are not tables of this server. Raises PlanRefused."""
    foreign = [str(p.name) for p in table.partitioning.partitions if p.kind == "f"] if table.partitioning else []
    if foreign:
        raise PlanRefused(
            f"{table.name} has partitions that are foreign tables: {', '.join(foreign)}",
            "ALTER TABLE … DETACH PARTITION these for the change",
        )


def partitions_stay(table: Table) -> tuple[str, ...]:
    """What to know of partitions when the whole table's name changes."""
    if table.partitioning is None:
        return ()
    listed = ", ".join(str(partition.name) for partition in table.partitioning.partitions)
    return (f"partitions keep their own names, by which they go on being read and written: {listed}",)


def alone(table: Table, *, partitioned: Literal[True] | str = BY_STATEMENT) -> None:
    """Refuse tables whose change goes on to others, where undo could not know what was there. Raises PlanRefused."""
    writable(table, partitioned=partitioned)
    if table.inherits:
        raise PlanRefused(
            f"{table.name} takes part in inheritance: the change would go on to its children, each as it may be",
            "ALTER TABLE … NO INHERIT first, or change every table of the tree by itself",
        )


def synced(table: Table, *, partitioned: Literal[True] | str = BY_STATEMENT) -> None:
    """Refuse tables on which row triggers cannot keep two shapes equal (F13). Raises PlanRefused."""
    writable(table, partitioned=partitioned)
    if table.inherits:
        raise PlanRefused(
            f"{table.name} takes part in inheritance: children bypass the sync trigger",
            "ALTER TABLE … NO INHERIT first, or change every table of the tree by itself",
        )
    if table.rules:
        raise PlanRefused(
            f"{table.name} has rules ({', '.join(table.rules)}): a rewritten write loses the new column",
            "replace the rules by triggers first",
        )
    if table.unidentified:
        raise PlanRefused(
            f"{table.name} is published for UPDATE without a replica identity: every UPDATE of it fails, a backfill's too",
            "ALTER TABLE … REPLICA IDENTITY USING INDEX, or FULL, first",
        )


def whole_column(table: Table, column: Column, *kinds: str) -> None:
    """Refuse a column by which rows find their partition, too. Raises PlanRefused."""
    if table.partitioning is not None and column.name in table.partitioning.columns:
        raise PlanRefused(
            f"{table.name} is partitioned by {column.name}: PostgreSQL keeps that column as it is",
            f"make a new table, partitioned as it shall be, and carry the rows over; {_BY_VIEWS}",
        )
    nothing_own(table, column, *kinds)


def nothing_own(table: Table, column: Column, *kinds: str) -> None:
    """Refuse a column of which a partition has something of its own, of these kinds or any. Raises PlanRefused."""
    for partition in table.partitioning.partitions if table.partitioning else ():
        found = [
            f"{o.kind} {o.name}" for o in partition.own if column.name in o.columns and o.kind in (kinds or (o.kind,))
        ]
        if found:
            raise PlanRefused(
                f"partition {partition.name} has of its own, over {table.name}.{column.name}: {', '.join(found)}",
                "drop it there, or give it to the whole table, first: what is one partition's would be lost",
            )


def null_stays(catalog: Catalog, table: Table, question: Question, what: str) -> None:
    """Refuse an expression that makes a value of NULL, where rows move between partitions (F13). Raises PlanRefused.

    A row that moves comes in as an INSERT, in which a NULL that was written cannot be told from one that was left out.
    """
    if table.partitioning is not None and catalog.fact(question).of_null:
        raise PlanRefused(
            f"{what} makes a value of NULL, and {table.name} is partitioned: a row that moves to another partition is inserted"
            " there, where a NULL that was written looks like one that was left out",
            "let up and down leave NULL as it is, as strict functions and operators do",
        )


def plain_column(table: Table, column: Column) -> None:
    """Refuse identity and generated columns. Raises PlanRefused."""
    if column.identity:
        raise PlanRefused(
            f"{table.name}.{column.name} is an identity column; its copy would lose the sequence",
            f"ALTER COLUMN … DROP IDENTITY and give it a sequence default first; {_BY_VIEWS}",
        )
    if column.generated:
        raise PlanRefused(
            f"{table.name}.{column.name} is generated: triggers see it as NULL before the row is stored",
            f"change the columns it is computed from; {_BY_VIEWS}",
        )


def may_be_null(catalog: Catalog, table: Table, column: Column) -> None:
    """Refuse what demands a value and cannot be relaxed: the old side is NULL where a new value does not convert back (F16)."""
    reason = "a new value that does not convert back would fail the application's write"
    for constraint in own_constraints(table, column):
        if column.name in constraint.demands:
            kind = "CHECK" if constraint.kind == "c" else "foreign key"
            raise PlanRefused(
                f"{kind} {constraint.name} of {table.name} demands a value in {column.name}: {reason}",
                "ALTER TABLE … ALTER COLUMN … SET NOT NULL in its place (that can be relaxed), then DROP CONSTRAINT",
            )
    domain = catalog.domain(column.type)
    if domain is not None and domain.demands:
        raise PlanRefused(
            f"the domain {column.type} of {table.name}.{column.name} demands a value: {reason}",
            "ALTER TABLE … ALTER COLUMN … SET NOT NULL (that can be relaxed), then take the demand from the domain",
        )


def not_in_sync(table: Table, column: Column) -> None:
    """Refuse a column that another change keeps in sync: neither trigger sees what the other one writes (F10)."""
    if any(t.ours and column.name in t.columns for t in table.triggers):
        raise PlanRefused(
            f"{table.name}.{column.name} is kept in sync by another change",
            "take that change to completed, or abort it, first (orch status lists them). If your own migration tool made it from"
            " orch export of this very change: take it back with the tool, orch submit FILE, and let the tool deploy it again",
        )


def at_rest(table: Table) -> None:
    """Refuse a table of which another change keeps, or has parked, a part: its steps name the table. Raises PlanRefused."""
    parked = [column.name for column in table.columns if column.name.startswith("_orch_parked_")]
    if parked or table.versions or any(trigger.ours for trigger in table.triggers):
        raise PlanRefused(
            f"another change is under way on {table.name}",
            "take that change to completed, or abort it, first (orch status lists them)",
        )


def no_dependents(table: Table, column: Column) -> None:
    """Refuse a column that a view, policy, publication … names. Raises PlanRefused, naming each."""
    found = [d for d in table.dependents if d.column in ("", column.name)]
    if found:
        listed = ", ".join(f"{d.kind} {d.name}" for d in found)
        raise PlanRefused(
            f"{table.name}.{column.name} is used by {listed}",
            f"drop or redefine these first; contract could not take the column away beneath them; {_BY_VIEWS}",
        )


def no_publication(table: Table) -> None:
    """Refuse a column that subscribers do not have: replication would stop and retain WAL (F14). Raises PlanRefused."""
    found = [d.name for d in table.dependents if d.kind == "publication"]
    if found:
        raise PlanRefused(
            f"{table.name} is published by {', '.join(found)}: a subscriber without the new column stops",
            "add the column on every subscriber first, then take the table out of the publication for the change",
        )


def not_unique(table: Table, column: Column) -> None:
    """Refuse a copy of a unique column: two unique indexes break upserts (F19). Raises PlanRefused."""
    for constraint in table.constraints:
        if constraint.inbound and column.name in constraint.columns:
            raise PlanRefused(
                f"foreign key {constraint.name} of another table refers to {table.name}.{column.name}",
                f"if it is the key, change_primary_key_type carries it to another type with all that refers to it; {_BY_VIEWS}",
            )
        if constraint.kind == "x" and column.name in constraint.columns:
            raise PlanRefused(
                f"{table.name}.{column.name} is part of exclusion constraint {constraint.name}",
                f"an exclusion constraint cannot be built without blocking writes; drop it first; {_BY_VIEWS}",
            )
    for index in table.indexes:
        if index.unique and column.name in index.columns:
            raise PlanRefused(
                f"{table.name}.{column.name} is part of the unique index {index.name}:"
                " with two unique indexes, ON CONFLICT of either version fails (23505)",
                f"for another type: drop_index or drop_constraint {index.name} by a change before this one, and add it over the"
                f" new column by one after it; {_BY_VIEWS}",
            )


def own_indexes(table: Table, column: Column) -> tuple[Index, ...]:
    """Indexes that touch the column. Raises PlanRefused when one is invalid."""
    found = tuple(index for index in table.indexes if column.name in index.columns)
    for index in found:
        if not index.valid:
            whole = f"ALTER INDEX {index.name} ATTACH PARTITION an index of every partition, or DROP INDEX it"
            way = whole if table.partitioning else f"DROP INDEX CONCURRENTLY {index.name}, or REINDEX it"
            raise PlanRefused(f"index {index.name} is invalid", way)
    return found


def own_constraints(table: Table, column: Column) -> tuple[Constraint, ...]:
    """CHECKs and outgoing foreign keys over the column."""
    return tuple(c for c in table.constraints if c.kind in "cf" and not c.inbound and column.name in c.columns)


def fire_triggers(table: Table, column: str, settings: Settings) -> bool:
    """Whether batches fire the application's triggers. Raises PlanRefused until the change chooses (F4)."""
    fired = [t.name for t in table.triggers if t.update and not t.ours and (not t.columns or column in t.columns)]
    if not fired:
        return True
    if settings.triggers is None:
        raise PlanRefused(
            f"a backfill of {table.name} would fire {', '.join(sorted(fired))} for every row",
            "choose triggers: fire (they run) or triggers: skip (session_replication_role = replica)",
        )
    return settings.triggers == "fire"
