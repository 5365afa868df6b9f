"""The closed union of primitive Steps: the only thing on which Operations and dialects meet.

Why it exists: an Operation says what is wanted, a dialect knows how its server does it. Between them stands this small
vocabulary, so that N operations and M dialects cost N + M files. A Step is one effect that can be recognised when it is
done and undone; it is a value, stored as JSON in the Registry and covered by the plan digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import NO_EXTRAS, Access, IndexExtras, TableName
from orchestrator.core.enumstep import AddEnumValue, CreateEnum, PurgeEnum
from orchestrator.core.identitystep import MakeIdentity, NumberColumn
from orchestrator.core.keys import MoveDefault, SwapPrimaryKey
from orchestrator.core.newtable import Bound, Computed, NewCheck, NewColumn, NewKey, NewReference
from orchestrator.core.parkstep import ParkColumn, ParkTable, PurgeColumn, PurgeTable
from orchestrator.core.partitioned import (
    AddPartitionedForeignKey,
    CreatePartitionedIndex,
    DropPartitionedForeignKey,
    DropPartitionedIndex,
)
from orchestrator.core.sync import Argument, Conversion, Rule, Sync
from orchestrator.core.viewstep import CreateSchema, CreateView, DropSchema, DropView, RenameColumn, RenameTable


@dataclass(frozen=True, slots=True)
class AddColumn:
    """ADD COLUMN without a rewrite, with comment, statistics target and column grants in the same transaction.

    ``computed``: it is a generated column. ``numbered``: a later Step makes an identity column of it.
    """

    table: TableName
    column: str
    type: str
    collation: str | None = None
    default: str | None = None
    not_null: bool = False
    comment: str | None = None
    statistics: int | None = None
    grants: tuple[tuple[str, str, bool], ...] = ()
    computed: Computed | None = None
    numbered: bool = False
    kind: Literal["add_column"] = "add_column"


@dataclass(frozen=True, slots=True)
class RunSql:
    """A statement of the change file, done when its query says so. ``last``: it takes something away for good.

    ``lock`` is what is known of its lock, in words; ``undo`` None says that nothing leads back.
    """

    sql: str
    undo: str | None
    done_when: str
    lock: str
    last: bool = False
    kind: Literal["run_sql"] = "run_sql"


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE with its constraints and comments. ``access`` is what it takes over from another table, if from one."""

    table: TableName
    columns: tuple[NewColumn, ...]
    constraints: tuple[NewKey | NewCheck | NewReference, ...] = ()
    comment: str | None = None
    access: Access | None = None
    kind: Literal["create_table"] = "create_table"


@dataclass(frozen=True, slots=True)
class SetDefault:
    """SET DEFAULT for rows to come, or DROP DEFAULT where it is None; ``previous`` is what undo puts back."""

    table: TableName
    column: str
    default: str | None
    previous: str | None = None
    kind: Literal["set_default"] = "set_default"


@dataclass(frozen=True, slots=True)
class SetComment:
    """COMMENT ON a table or, where ``column`` is given, on its column; None is no comment."""

    table: TableName
    column: str | None
    comment: str | None
    previous: str | None = None
    kind: Literal["set_comment"] = "set_comment"


@dataclass(frozen=True, slots=True)
class InstallSync:
    """The functions and triggers of a Sync, created together."""

    sync: Sync
    kind: Literal["install_sync"] = "install_sync"


@dataclass(frozen=True, slots=True)
class RemoveSync:
    """The functions and triggers of a Sync, dropped together; undo installs them again."""

    sync: Sync
    kind: Literal["remove_sync"] = "remove_sync"


@dataclass(frozen=True, slots=True)
class RelaxNotNull:
    """DROP NOT NULL; ``proof`` names the CHECK by which undo sets it again without a scan under lock.

    On the old column of a Mirror NULL means "not convertible" from then on, and the sync stands in; on another one ``rule`` is
    what going back asks of rows.
    """

    table: TableName
    column: str
    proof: str
    rule: Rule | None = None
    kind: Literal["relax_not_null"] = "relax_not_null"


@dataclass(frozen=True, slots=True)
class Filled:
    """A further column that a backfill fills."""

    column: str
    value: Conversion


@dataclass(frozen=True, slots=True)
class Backfill:
    """Fill ``column`` of every row by a direct UPDATE in batches, never overwriting a value.

    ``value`` is a Conversion (whose function the sync installed), a column to copy (``source``), or an expression that is
    evaluated as it stands (a volatile default). ``sync_id`` is where rejected rows are recorded. ``statement_time`` is what one
    batch may take, ``max_replica_lag`` at which lag to wait; both in seconds. ``also`` are further columns of the new shape,
    filled together with it: a row in which one of them has a value is filled (F3). ``required`` are those that must get one.
    """

    table: TableName
    column: str
    key: tuple[Argument, ...]
    sync_id: str
    value: Conversion | None = None
    source: str | None = None
    expression: str | None = None
    batch_rows: int = 1000
    statement_time: float = 0.1
    max_replica_lag: float = 5.0
    fire_triggers: bool = True
    also: tuple[Filled, ...] = ()
    required: tuple[str, ...] = ()
    kind: Literal["backfill"] = "backfill"


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE INDEX CONCURRENTLY, written anew or copied.

    One that is spelled out has ``definition``, a copy (as pg_get_indexdef spells it) with ``renamed`` (column, its copy); that of
    a key has ``columns`` and ``include``. ``extras`` are given once it is built. ``rule`` is given where rows may break it.
    """

    table: TableName
    name: str
    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    unique: bool = False
    definition: str | None = None
    renamed: tuple[str, str] | None = None
    extras: IndexExtras = NO_EXTRAS
    rule: Rule | None = None
    kind: Literal["create_index"] = "create_index"


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """ADD CONSTRAINT … NOT VALID: new writes are held to it, no row is scanned.

    ``definition`` is pg_get_constraintdef's text, with ``renamed`` (column, its copy) applied; None means
    CHECK (column IS NOT NULL) over ``not_null``. ``references`` is the other table of a foreign key, ``referred`` (column, its
    copy) there. ``rule`` is given where rows may break the constraint.
    """

    table: TableName
    name: str
    definition: str | None = None
    renamed: tuple[str, str] | None = None
    not_null: str | None = None
    references: TableName | None = None
    referred: tuple[str, str] | None = None
    rule: Rule | None = None
    comment: str | None = None
    kind: Literal["add_constraint"] = "add_constraint"


@dataclass(frozen=True, slots=True)
class AddExclusion:
    """ADD CONSTRAINT … EXCLUDE, which blocks everybody while it builds: within ``bound``, or not at all."""

    table: TableName
    name: str
    definition: str
    bound: Bound
    rule: Rule
    kind: Literal["add_exclusion"] = "add_exclusion"


@dataclass(frozen=True, slots=True)
class AttachConstraint:
    """ADD CONSTRAINT … USING INDEX: a unique index of the same name becomes a key, for a change in the catalog.

    ``definition`` is what pg_get_constraintdef says of it then, ``deferrable`` how it ends. Undo drops it with its index.
    """

    table: TableName
    name: str
    definition: str
    primary: bool = False
    deferrable: str = ""
    comment: str | None = None
    kind: Literal["attach_constraint"] = "attach_constraint"


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """DROP CONSTRAINT; ``definition`` is what undo adds again, NOT VALID first and then, if it was ``validated``, proved.

    A key (``indexed``) is dropped with its index; a DropIndex that comes after it builds the index again before undo comes to
    this Step. ``references`` is the other table of a foreign key, ``rule`` what going back asks of rows. Another one over
    ``successor`` may bear the name afterwards.
    """

    table: TableName
    name: str
    definition: str
    validated: bool = True
    indexed: AttachConstraint | None = None
    comment: str | None = None
    references: TableName | None = None
    rule: Rule | None = None
    successor: str | None = None
    kind: Literal["drop_constraint"] = "drop_constraint"


@dataclass(frozen=True, slots=True)
class DropIndex:
    """DROP INDEX CONCURRENTLY; undo builds it again, as concurrently, from ``definition`` (``renamed``), with its ``extras``."""

    table: TableName
    name: str
    definition: str
    extras: IndexExtras = NO_EXTRAS
    rule: Rule | None = None
    renamed: tuple[str, str] | None = None
    kind: Literal["drop_index"] = "drop_index"


@dataclass(frozen=True, slots=True)
class SwapIndex:
    """The index ``new`` takes the name of the old one, which becomes ``parked``; undo trades the names back."""

    table: TableName
    name: str
    new: str
    parked: str
    kind: Literal["swap_index"] = "swap_index"


@dataclass(frozen=True, slots=True)
class ValidateConstraint:
    """VALIDATE CONSTRAINT: scans under SHARE UPDATE EXCLUSIVE, which blocks neither reads nor writes.

    ``not_null`` is the column whose NOT NULL a later Step makes of the constraint, which then ends.
    """

    table: TableName
    name: str
    not_null: str | None = None
    kind: Literal["validate_constraint"] = "validate_constraint"


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """SET NOT NULL proved by a validated CHECK (no scan), which is dropped in the same transaction."""

    table: TableName
    column: str
    proof: str
    kind: Literal["set_not_null"] = "set_not_null"


@dataclass(frozen=True, slots=True)
class SwitchReads:
    """``orch_target.reads_new(change)`` answers true from here on, for ``percent`` of those who ask.

    ``before`` is how many it was true for until then, ``after`` how many seconds that must have stood.
    """

    change_id: str
    percent: int = 100
    before: int = 0
    after: float = 0.0
    kind: Literal["switch_reads"] = "switch_reads"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The way back ends: what an earlier Step took away is not put back any more. Nothing but the marker changes.

    It stands in contract or purge where nothing is left to be dropped, so that abort or undo is possible until then.
    """

    table: TableName
    what: str
    kind: Literal["give_up"] = "give_up"


Step = (
    AddColumn
    | SetDefault
    | SetComment
    | InstallSync
    | RemoveSync
    | RelaxNotNull
    | Backfill
    | CreateIndex
    | AddConstraint
    | AddExclusion
    | AttachConstraint
    | SwapPrimaryKey
    | MoveDefault
    | DropConstraint
    | DropIndex
    | SwapIndex
    | ValidateConstraint
    | SetNotNull
    | SwitchReads
    | GiveUp
    | ParkColumn
    | PurgeColumn
    | CreateTable
    | AddEnumValue
    | CreateEnum
    | PurgeEnum
    | RunSql
    | ParkTable
    | PurgeTable
    | CreateView
    | RenameTable
    | CreatePartitionedIndex
    | DropPartitionedIndex
    | AddPartitionedForeignKey
    | DropPartitionedForeignKey
    | CreateSchema
    | RenameColumn
    | DropView
    | DropSchema
    | NumberColumn
    | MakeIdentity
)
"""Every primitive effect. A dialect that renders and observes these can run every Operation."""

PURGES = (PurgeColumn, PurgeTable, PurgeEnum, DropView, DropSchema)
"""What drops for good: it comes last, and nothing leads back from it."""
