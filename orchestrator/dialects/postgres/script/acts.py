"""What a statement does, as values: one Act per effect on one object, so ALTER TABLE with three commands is three Acts.

Why it exists: a rule looks at an Act and at nothing else of the grammar. ``at`` counts characters from the beginning of the
script.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.dialects.postgres.script.parts import Column, Constraint, Expr, Key, Name, Type


@dataclass(frozen=True, slots=True)
class Act:
    """Base of all. ``at`` is where it stands."""

    at: int


@dataclass(frozen=True, slots=True)
class TableAct(Act):
    """An Act upon one table."""

    table: Name


@dataclass(frozen=True, slots=True)
class CreateTable(TableAct):
    """``parent`` is the partitioned table of PARTITION OF; ``query`` says CREATE TABLE AS."""

    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    temporary: bool = False
    if_not_exists: bool = False
    parent: Name | None = None
    partitioned: bool = False
    default_partition: bool = False
    query: bool = False


@dataclass(frozen=True, slots=True)
class AddColumn(TableAct):
    """ALTER TABLE … ADD COLUMN."""

    column: Column
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumn(TableAct):
    """ALTER TABLE … DROP COLUMN."""

    column: str
    cascade: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class Retype(TableAct):
    """ALTER TABLE … ALTER COLUMN … TYPE."""

    column: str
    type: Type
    using: Expr | None = None


@dataclass(frozen=True, slots=True)
class SetNotNull(TableAct):
    """ALTER TABLE … ALTER COLUMN … SET NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class DropNotNull(TableAct):
    """ALTER TABLE … ALTER COLUMN … DROP NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class SetDefault(TableAct):
    """ALTER TABLE … ALTER COLUMN … SET DEFAULT."""

    column: str
    default: Expr


@dataclass(frozen=True, slots=True)
class DropDefault(TableAct):
    """ALTER TABLE … ALTER COLUMN … DROP DEFAULT."""

    column: str


@dataclass(frozen=True, slots=True)
class AddConstraint(TableAct):
    """ALTER TABLE … ADD CONSTRAINT."""

    constraint: Constraint


@dataclass(frozen=True, slots=True)
class ValidateConstraint(TableAct):
    """ALTER TABLE … VALIDATE CONSTRAINT."""

    name: str


@dataclass(frozen=True, slots=True)
class DropConstraint(TableAct):
    """ALTER TABLE … DROP CONSTRAINT."""

    name: str
    cascade: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AttachPartition(TableAct):
    """``table`` is the parent."""

    partition: Name
    default: bool = False


@dataclass(frozen=True, slots=True)
class DetachPartition(TableAct):
    """``table`` is the parent."""

    partition: Name
    concurrently: bool = False


@dataclass(frozen=True, slots=True)
class AlterTable(TableAct):
    """Any other command: ``action`` in the words of the grammar, such as ``set logged`` or ``disable trigger``."""

    action: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rename(Act):
    """``kind`` is column, table, index, constraint, type, schema, …; ``table`` holds it, or is it."""

    kind: str
    table: Name | None
    old: str
    new: str
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class SetSchema(Act):
    """ALTER … SET SCHEMA."""

    kind: str
    name: Name
    schema: str


@dataclass(frozen=True, slots=True)
class Drop(Act):
    """DROP of one object; of a trigger, policy or rule ``table`` is the table."""

    kind: str
    name: Name
    table: Name | None = None
    cascade: bool = False
    concurrently: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateIndex(TableAct):
    """``only`` means ON ONLY: not on the partitions."""

    name: str
    columns: tuple[str, ...] = ()
    unique: bool = False
    concurrently: bool = False
    if_not_exists: bool = False
    only: bool = False
    partial: bool = False
    method: str = "btree"
    keys: tuple[Key, ...] = ()
    include: tuple[str, ...] = ()
    condition: Expr | None = None


@dataclass(frozen=True, slots=True)
class Reindex(Act):
    """``kind`` is index, table, schema, system or database."""

    kind: str
    name: Name
    concurrently: bool = False


@dataclass(frozen=True, slots=True)
class Refresh(Act):
    """REFRESH MATERIALIZED VIEW."""

    name: Name
    concurrently: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Vacuum(Act):
    """VACUUM or, with ``analyze_only``, ANALYZE; without a table it is the whole database."""

    table: Name | None
    full: bool = False
    analyze_only: bool = False


@dataclass(frozen=True, slots=True)
class Cluster(Act):
    """CLUSTER."""

    table: Name | None


@dataclass(frozen=True, slots=True)
class Truncate(TableAct):
    """TRUNCATE of one table."""

    cascade: bool = False


@dataclass(frozen=True, slots=True)
class Modify(TableAct):
    """UPDATE, DELETE or MERGE. ``equal`` are columns that WHERE compares with ``=`` or IN to values, ``ranged`` those it holds
    between two; ``limited`` says that a subquery in WHERE has a LIMIT. ``sets`` are the columns that are set one by one,
    ``condition`` is all of WHERE, ``empty`` the column if that is ``column IS NULL``.
    """

    verb: str
    where: bool
    equal: tuple[str, ...] = ()
    ranged: tuple[str, ...] = ()
    limited: bool = False
    sets: tuple[tuple[str, Expr], ...] = ()
    condition: Expr | None = None
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Insert(TableAct):
    """INSERT; ``source`` says that the rows come from a table, without a LIMIT."""

    source: bool = False


@dataclass(frozen=True, slots=True)
class Copy(TableAct):
    """COPY … FROM."""


@dataclass(frozen=True, slots=True)
class Query(Act):
    """SELECT; ``functions`` it calls, ``value`` is the first text argument of the first call."""

    functions: tuple[tuple[str, ...], ...] = ()
    arguments: tuple[str, ...] = ()
    locks_rows: bool = False


@dataclass(frozen=True, slots=True)
class Setting(Act):
    """SET, SET LOCAL or RESET (``value`` is None)."""

    name: str
    value: str | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Transaction(Act):
    """``kind`` is begin, commit, rollback, savepoint, release, rollback to or another word of the grammar."""

    kind: str


@dataclass(frozen=True, slots=True)
class Lock(TableAct):
    """LOCK TABLE; ``mode`` as in ``ACCESS EXCLUSIVE``."""

    mode: str
    nowait: bool = False


@dataclass(frozen=True, slots=True)
class CreateTrigger(TableAct):
    """CREATE TRIGGER."""

    name: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class CreatePolicy(TableAct):
    """CREATE POLICY."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateEnum(Act):
    """CREATE TYPE … AS ENUM."""

    name: Name
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddEnumValue(Act):
    """ALTER TYPE … ADD VALUE; ``placed`` says BEFORE or AFTER, which of them ``before`` and ``after`` say."""

    type: Name
    value: str
    placed: bool = False
    before: str = ""
    after: str = ""
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class Comment(Act):
    """COMMENT ON a table or column; ``text`` is empty where it takes the comment away."""

    table: Name
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class CreateDomain(Act):
    """CREATE DOMAIN; ``constrained`` by a CHECK or NOT NULL."""

    name: Name
    constrained: bool


@dataclass(frozen=True, slots=True)
class AlterDomain(Act):
    """ALTER DOMAIN: ``action`` is add constraint, set not null, drop constraint, validate constraint, …"""

    name: Name
    action: str
    valid: bool = True


@dataclass(frozen=True, slots=True)
class CreateFunction(Act):
    """``volatility`` is volatile, stable or immutable."""

    name: Name
    volatility: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class CreateView(Act):
    """CREATE VIEW, or with ``materialized`` of one with rows."""

    name: Name
    replace: bool = False
    materialized: bool = False


@dataclass(frozen=True, slots=True)
class Opaque(Act):
    """What the grammar does not show: DO, CALL, EXECUTE."""

    kind: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Unread(Act):
    """Part of a migration that could not be said in SQL without running it; ``what`` it is and why, in a sentence. ``partly``: it
    was said, and some name in it was made up.
    """

    what: str
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Revoke(Act):
    """REVOKE; ``kind`` of object and its names."""

    kind: str
    names: tuple[Name, ...]
    privileges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Other(Act):
    """Anything else, by the grammar's name for the statement."""

    kind: str


_ALONE = frozenset(
    {"createdb", "create table space", "drop table space", "alter system", "create subscription", "drop subscription"}
)
"""By the grammar's name: what no transaction takes, whatever its options. CREATE SUBSCRIPTION is one unless it makes no slot."""


def needs_no_transaction(act: Act) -> bool:
    """Whether PostgreSQL refuses the act inside a transaction (error 25001)."""
    match act:
        case Vacuum():
            return not act.analyze_only
        case Reindex():
            return act.concurrently or act.kind in ("schema", "system", "database")
        case Drop():
            return act.concurrently or act.kind == "database"
        case CreateIndex() | DetachPartition():
            return act.concurrently
        case Cluster():
            return act.table is None
        case Other():
            return act.kind in _ALONE
    return False
