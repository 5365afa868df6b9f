"""The Steps that only partitioned tables need: an index or a key is built partition by partition, and dropped as a whole.

Why it exists: CREATE INDEX CONCURRENTLY and DROP INDEX CONCURRENTLY do not know partitioned tables. Which partitions there are
is asked of the catalog while the Step runs, not when it is planned: they come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.sync import Rule


@dataclass(frozen=True, slots=True)
class PartitionedKey:
    """The key that an index of a partitioned table is of: on every partition a constraint with the index's name.

    ``definition`` is what follows ADD CONSTRAINT name, but ``deferrable``, how that ends.
    """

    definition: str
    primary: bool = False
    deferrable: str = ""
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class CreatePartitionedIndex:
    """An index of a partitioned table, built concurrently on each partition and attached to the one of the whole table.

    ``definition`` is CREATE INDEX as pg_get_indexdef spells it, with ``renamed`` (column, its copy) applied; ``name`` is what the
    index of the whole table is called. It stands when every partition has it. ``rule`` is given where rows may break it, ``key``
    where it is of a constraint.
    """

    table: TableName
    name: str
    definition: str
    renamed: tuple[str, str] | None = None
    comment: str | None = None
    tablespace: str | None = None
    rule: Rule | None = None
    key: PartitionedKey | None = None
    kind: Literal["create_partitioned_index"] = "create_partitioned_index"


@dataclass(frozen=True, slots=True)
class DropPartitionedIndex:
    """DROP INDEX of a partitioned table's index, which takes those of its partitions along; undo builds them all again.

    A ``key`` is dropped with its index. ``rule`` is what going back asks of rows.
    """

    table: TableName
    name: str
    definition: str
    comment: str | None = None
    tablespace: str | None = None
    rule: Rule | None = None
    key: PartitionedKey | None = None
    kind: Literal["drop_partitioned_index"] = "drop_partitioned_index"


@dataclass(frozen=True, slots=True)
class AddPartitionedForeignKey:
    """A foreign key of a partitioned table where that cannot be NOT VALID (before PostgreSQL 18).

    It is added to every partition NOT VALID and proved there; that of the whole table then takes these for its own and reads no
    row. ``definition``, ``renamed`` and ``rule`` are as in AddConstraint, ``references`` is the other table.
    """

    table: TableName
    name: str
    definition: str
    references: TableName
    renamed: tuple[str, str] | None = None
    rule: Rule | None = None
    comment: str | None = None
    kind: Literal["add_partitioned_foreign_key"] = "add_partitioned_foreign_key"


@dataclass(frozen=True, slots=True)
class DropPartitionedForeignKey:
    """The same the other way round: DROP CONSTRAINT, which undo brings back partition by partition."""

    table: TableName
    name: str
    definition: str
    references: TableName
    renamed: tuple[str, str] | None = None
    rule: Rule | None = None
    comment: str | None = None
    kind: Literal["drop_partitioned_foreign_key"] = "drop_partitioned_foreign_key"
