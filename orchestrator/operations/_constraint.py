"""What operations that add or drop a constraint share: names, refusals, and the Steps of NOT VALID, then VALIDATE.

Why it exists: a constraint that an old version's write could break is added when that version is gone, without a scan under a
strong lock, after the rows that break it were named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestrator.core.catalog import Constraint, Index, Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.partitioned import AddPartitionedForeignKey, CreatePartitionedIndex, PartitionedKey
from orchestrator.core.plan import PlannedStep, Settings
from orchestrator.core.step import AddConstraint, AttachConstraint, CreateIndex, GiveUp, ValidateConstraint
from orchestrator.core.sync import Rule
from orchestrator.operations._model import key_of


def free_name(table: Table, name: str) -> None:
    """Refuse the name of a constraint or index that the table has. Raises PlanRefused."""
    taken = [c.name for c in table.constraints if not c.inbound] + [index.name for index in table.indexes]
    taken += [own.name for p in table.partitioning.partitions for own in p.own] if table.partitioning else []
    if name in taken:
        raise PlanRefused(f"{table.name} has a constraint or index {name} already", "choose another name:")


def added(
    table: Table, name: str, definition: str, rule: Rule, references: TableName | None = None
) -> Iterator[PlannedStep]:
    """Hold new rows to it, then prove it of the rows that are there; both in contract."""
    if references is not None and by_partition(table):
        each = AddPartitionedForeignKey(table.name, name, definition, references, rule=rule)
        yield PlannedStep("contract", each, by_partition_words(table, name))
        return
    add = AddConstraint(table.name, name, definition, references=references, rule=rule)
    yield PlannedStep("contract", add, f"hold new rows of {table.name} to {name}")
    yield PlannedStep("contract", ValidateConstraint(table.name, name), f"prove {name} for all rows of {table.name}")


def by_partition(table: Table) -> bool:
    """Whether a foreign key of the table can be had partition by partition only, since it cannot be NOT VALID as a whole."""
    return table.partitioning is not None and not table.partitioning.not_valid


def by_partition_words(table: Table, name: str) -> str:
    """What that is called for people."""
    return (
        f"hold new rows of {table.name} to {name} and prove it for all rows, partition by partition, then of the whole"
    )


def notes(table: Table, name: str, breaks: str, back: str = "drop_constraint") -> tuple[str, ...]:
    """What the operator must know."""
    return (
        f"from contract on, writes that break {name} of {table.name} fail ({breaks}); contract waits while a row does",
        f"contract completes what adds {name}; to go back, {back} it by another change",
    )


def key(
    table: Table, name: str, columns: Sequence[str], include: Sequence[str] = (), *, primary: bool = False
) -> Iterator[PlannedStep]:
    """A unique index, built beside reads and writes, of which the key is made; both in contract."""
    for column in (*columns, *include):
        table.column(column)
    rule = Rule("unique", key_of(table), tuple(columns))
    if table.partitioning is not None:
        yield PlannedStep(
            "contract", _in_partitions(table, name, columns, include, rule, primary), _words(table, name, primary)
        )
        return
    build = CreateIndex(table.name, name, tuple(columns), tuple(include), unique=True, rule=rule)
    yield PlannedStep("contract", build, f"build {name} on {table.name} concurrently")
    attach = AttachConstraint(table.name, name, _key_definition(columns, include, primary), primary)
    yield PlannedStep("contract", attach, f"make {name} a {'primary key' if primary else 'unique constraint'}")


def _in_partitions(
    table: Table, name: str, columns: Sequence[str], include: Sequence[str], rule: Rule, primary: bool
) -> CreatePartitionedIndex:
    unique_in_partitions(table, columns, name)
    where = f"{quoted(table.name.schema)}.{quoted(table.name.name)}"
    index = f"CREATE UNIQUE INDEX {quoted(name)} ON {where} USING btree ({_listed(columns)})"
    index += f" INCLUDE ({_listed(include)})" if include else ""
    made = PartitionedKey(_key_definition(columns, include, primary), primary)
    return CreatePartitionedIndex(table.name, name, index, rule=rule, key=made)


def _words(table: Table, name: str, primary: bool) -> str:
    what = "a primary key" if primary else "a unique constraint"
    return f"build {name} on {table.name} concurrently, partition by partition, and make {what} of it"


def _key_definition(columns: Sequence[str], include: Sequence[str], primary: bool) -> str:
    words = f"{'PRIMARY KEY' if primary else 'UNIQUE'} ({_listed(columns)})"
    return words + (f" INCLUDE ({_listed(include)})" if include else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def quoted(name: str) -> str:
    """An identifier in a definition, which the dialect parses."""
    return '"' + name.replace('"', '""') + '"'


def unique_in_partitions(table: Table, columns: Sequence[str], name: str) -> None:
    """Refuse what a partitioned table cannot keep unique: each partition only knows its own rows. Raises PlanRefused."""
    if table.partitioning is None:
        return
    if table.partitioning.expressions:
        raise PlanRefused(
            f"{table.name} is partitioned by an expression: PostgreSQL keeps nothing unique over its partitions",
            "keep it unique in a table beside it, or partition by a column",
        )
    missing = [column for column in table.partitioning.columns if column not in columns]
    if missing:
        raise PlanRefused(
            f"{table.name} is partitioned by {', '.join(missing)}, which {name} does not have:"
            " PostgreSQL keeps rows unique within a partition only",
            f"add {', '.join(missing)} to its columns, or keep it unique in a table beside it",
        )


def index_of(table: Table, name: str) -> Index:
    """The index of that name. Raises PlanRefused, naming those there are."""
    for index in table.indexes:
        if index.name == name:
            return index
    raise PlanRefused(f"{table.name} has no index {name}", _known(index.name for index in table.indexes))


def constraint_of(table: Table, name: str) -> Constraint:
    """The table's own constraint of that name. Raises PlanRefused, naming those there are."""
    own = [constraint for constraint in table.constraints if not constraint.inbound]
    for constraint in own:
        if constraint.name == name:
            return constraint
    raise PlanRefused(f"{table.name} has no constraint {name}", _known(constraint.name for constraint in own))


def _known(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f"name one of {listed}" if listed else "leave the operation out, since it has none"


def not_relied_on(table: Table, index: str, replica_identity: bool) -> None:
    """Refuse to drop a unique index by which others find rows. Raises PlanRefused."""
    for constraint in table.constraints:
        if constraint.inbound and constraint.index == index:
            raise PlanRefused(
                f"foreign key {constraint.name} of another table refers to {table.name} by {index}",
                "drop_constraint that foreign key by a change before this one",
            )
    if replica_identity:
        raise PlanRefused(
            f"subscribers are told of rows of {table.name} by {index}",
            "ALTER TABLE … REPLICA IDENTITY by another index, or FULL, first",
        )


def last(table: Table, what: str, settings: Settings) -> Iterator[PlannedStep]:
    """The end of the way back to what contract dropped: behind the purge gate, if it is kept open at all."""
    if settings.park > 0:
        yield PlannedStep("purge", GiveUp(table.name, what), f"give up the way back to {what} of {table.name}")


def last_notes(settings: Settings, what: str, definition: str) -> tuple[str, ...]:
    """What the operator must know of the way back."""
    if settings.park > 0:
        return (f"{what} is gone after contract; undo builds it again until purge: {definition}",)
    return (f"park: 0: contract drops {what} for good: {definition}",)
