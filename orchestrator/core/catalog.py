"""The Catalog: an immutable snapshot of the Target's schema, as far as a Plan needs it.

Why it exists: planning is pure. Whatever an Operation wants to know of the database it reads here, so that a plan can be
tested without a server and recomputed bit for bit.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from orchestrator.core.asked import ExpressionFacts, Question
from orchestrator.core.errors import PlanRefused


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A schema-qualified table name, exactly as the catalog spells it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """The sequence that belongs to a column, by identity or ownership, with all that ALTER SEQUENCE may set.

    ``grants`` are (privilege, grantee, grantable) of everybody but its owner, who is the table's.
    """

    name: TableName
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    comment: str | None = None
    grants: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is ``format_type``'s text, ``default`` the deparsed expression.

    ``default_fast`` says that the default's expression is not volatile; ``sequence`` names an owned sequence;
    ``numbers`` is that one or the identity's, ``always`` says that an identity is GENERATED ALWAYS;
    ``grants`` are (privilege, grantee, grantable) of the column's own ACL, grantee empty for PUBLIC.
    """

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    default_volatile: bool = False
    identity: bool = False
    generated: bool = False
    collation: str | None = None
    comment: str | None = None
    statistics: int | None = None
    sequence: str | None = None
    grants: tuple[tuple[str, str, bool], ...] = ()
    always: bool = False
    numbers: Sequence | None = None


@dataclass(frozen=True, slots=True)
class IndexExtras:
    """What an index has beside its definition; ``statistics`` are (ordinal of the key, target)."""

    comment: str | None = None
    tablespace: str | None = None
    statistics: tuple[tuple[int, int], ...] = ()


NO_EXTRAS = IndexExtras()


@dataclass(frozen=True, slots=True)
class Index:
    """One index. ``columns`` are the table's columns it touches anywhere (key, INCLUDE, expression, predicate).

    ``replica_identity``: subscribers are told of a row by its columns. ``options`` are its storage parameters. ``evaluates``:
    it has an expression or a predicate.
    """

    name: str
    definition: str
    columns: tuple[str, ...]
    unique: bool
    primary: bool
    valid: bool
    constraint: str | None = None
    replica_identity: bool = False
    extras: IndexExtras = NO_EXTRAS
    options: tuple[str, ...] = ()
    evaluates: bool = False


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint. ``kind`` is pg_constraint.contype; ``definition`` is pg_get_constraintdef.

    ``inbound`` marks a foreign key of another table that refers to this one (``columns`` are then ours, ``source`` is that
    table, ``source_columns`` are its columns). ``demands`` are the
    columns whose becoming NULL may make it refuse a row that it accepts. ``condition`` is a CHECK's expression; ``references``
    and ``to`` are where a foreign key points. ``index`` enforces it: that of a key, or the one that a foreign key refers to.
    ``deferrable`` is what follows a key's columns; ``views`` are those that rely on it (GROUP BY a primary key).
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    validated: bool
    inbound: bool = False
    demands: tuple[str, ...] = ()
    condition: str | None = None
    references: TableName | None = None
    to: tuple[str, ...] = ()
    index: str | None = None
    deferrable: str = ""
    comment: str | None = None
    views: tuple[str, ...] = ()
    source: TableName | None = None
    source_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Domain:
    """What a domain, or one below it, asks of a value. ``demands`` says that it refuses NULL."""

    constrained: bool
    demands: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """One user trigger. ``ours`` are the ones whose function lives in ``orch_target``; their ``columns`` are those they read
    or write, other triggers' are those of UPDATE OF.
    """

    name: str
    before: bool
    row: bool
    insert: bool
    update: bool
    columns: tuple[str, ...]
    function: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Body:
    """A function whose text names the table, or that a trigger of the table calls; renames do not reach its text.

    ``words`` are the identifiers in its code, ``quotes`` is the text of its literals; ``trigger`` says that it is a trigger's,
    of this table or naming it.
    """

    name: str
    words: frozenset[str]
    quotes: str
    trigger: bool


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something that reads or names a column: a view, rule, policy, publication, generated column, function.

    ``column`` is empty where the whole table is meant, and ``*`` for what outside of the table needs it to be there at all.
    """

    kind: str
    name: str
    column: str


@dataclass(frozen=True, slots=True, order=True)
class TypeName:
    """A schema-qualified type name, exactly as the catalog spells it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """As SQL spells it, wherever that is read."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))


@dataclass(frozen=True, slots=True)
class TypeUser:
    """Something that needs a type to be there; ``table`` and ``column`` where it goes with a column."""

    what: str
    table: TableName | None = None
    column: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a table or type: its owner, and (privilege, grantee, grantable) of everybody else, grantee empty for PUBLIC."""

    owner: str = ""
    grants: tuple[tuple[str, str, bool], ...] = ()


NO_ACCESS = Access()
"""Whatever the server gives to what is made."""


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum type with its values in order, what uses it and who may."""

    name: TypeName
    values: tuple[str, ...]
    users: tuple[TypeUser, ...] = ()
    access: Access = NO_ACCESS
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """Something that a partition has of its own: its parent's objects do not carry it. ``columns`` are those it is about."""

    kind: str
    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Partition:
    """A table below a partitioned one, at any depth. ``kind`` is pg_class.relkind."""

    name: TableName
    kind: str
    own: tuple[Own, ...] = ()


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a table is partitioned, itself and below: ``columns`` decide to which partition a row belongs.

    ``expressions`` says that one of the keys is more than columns, ``not_valid`` that a foreign key of it can be NOT VALID
    (PostgreSQL 18).
    """

    columns: tuple[str, ...] = ()
    expressions: bool = False
    partitions: tuple[Partition, ...] = ()
    not_valid: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table with all that hangs on it. ``kind`` is pg_class.relkind; ``rows`` and ``bytes`` are estimates.
    ``unidentified``: it is published for UPDATE and subscribers could not be told which row is meant, so every UPDATE fails.

    ``triggers`` of a partitioned table are also those of its partitions.
    ``usage`` are those who may use its schema (empty for PUBLIC), ``subscribed`` says that it is filled by a subscription,
    ``typed`` that it is made OF a type. ``versions`` are the views by which another change shows it. ``around`` are statements,
    seen by the server, that a view in its place would not take; they and ``bodies`` are looked for only where views are asked
    for.
    """

    name: TableName
    kind: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    rules: tuple[str, ...] = ()
    inherits: bool = False
    partition: bool = False
    row_security: bool = False
    unidentified: bool = False
    rows: int = 0
    bytes: int = 0
    access: Access = NO_ACCESS
    comment: str | None = None
    partitioning: Partitioning | None = None
    usage: tuple[str, ...] = ()
    subscribed: bool = False
    typed: bool = False
    versions: tuple[str, ...] = ()
    bodies: tuple[Body, ...] = ()
    around: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name. Raises PlanRefused, naming the nearest columns."""
        for column in self.columns:
            if column.name == name:
                return column
        near = difflib.get_close_matches(name, [column.name for column in self.columns], 3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"name one of {', '.join(c.name for c in self.columns)}"
        )
        raise PlanRefused(f"table {self.name} has no column {name!r}", hint)

    def has(self, name: str) -> bool:
        """Whether a column of that name exists."""
        return any(column.name == name for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns of the primary key, else of a unique NOT NULL index without expression; empty if none."""
        for kind in ("p", "u"):
            for constraint in self.constraints:
                if constraint.kind == kind and not constraint.inbound and self._all_not_null(constraint.columns):
                    return constraint.columns
        return ()

    def _all_not_null(self, names: tuple[str, ...]) -> bool:
        return all(self.column(name).not_null for name in names)


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """What the grammar says of a statement. ``error`` is why it is not let through, ``way`` the way around.

    ``tables`` are those it names, ``breaks`` says that it takes away what an application may use.
    """

    error: str | None = None
    way: str = ""
    lock: str = ""
    tables: tuple[TableName, ...] = ()
    breaks: bool = False
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The snapshot. ``tables`` is keyed by the name as the change file spells it, ``domains`` and ``enums`` by the type's
    full name.

    ``absent`` says of tables that do not exist where they would be; ``queries`` are the texts asked about that only read.
    ``views`` is the schema asked for a version's views, ``taken`` says that it exists; ``traced`` that the server tells which
    statements it was sent. ``actions`` are those asked about that the server refuses, with its reason.
    """

    server_version: int
    tables: tuple[tuple[str, Table], ...]
    facts: tuple[tuple[Question, ExpressionFacts], ...] = ()
    types: tuple[tuple[str, str | None], ...] = ()
    domains: tuple[tuple[str, Domain], ...] = ()
    subscribes: bool = False
    absent: tuple[tuple[str, TableName], ...] = ()
    enums: tuple[tuple[str, Enum], ...] = ()
    statements: tuple[tuple[str, StatementFacts], ...] = ()
    queries: frozenset[str] = frozenset()
    views: str | None = None
    taken: bool = False
    traced: bool = False
    actions: tuple[tuple[tuple[str, str], str], ...] = ()

    def table(self, spelled: str) -> Table:
        """The table a change file means. Raises PlanRefused when it is missing."""
        for name, table in self.tables:
            if name == spelled:
                return table
        raise PlanRefused(
            f"table {spelled!r} does not exist on the target, or is not visible to this login",
            "check the name (schema.table, spelled exactly; quote a dot as '\"a.b\"') and the search_path",
        )

    def new_table(self, spelled: str) -> TableName:
        """Where a table that is yet to be made goes. Raises PlanRefused when it exists, or has no schema to be in."""
        if any(name == spelled for name, _ in self.tables):
            raise PlanRefused(f"there is a relation {self.table(spelled).name} already", "choose another name")
        found = dict(self.absent).get(spelled)
        if found is None:
            raise PlanRefused(f"there is no schema in which {spelled!r} could be created", "create the schema first")
        return found

    def fact(self, question: Question) -> ExpressionFacts:
        """What was asked of the server before planning."""
        return dict(self.facts)[question]

    def statement(self, text: str) -> StatementFacts:
        """What is known of a statement of the change file."""
        return dict(self.statements)[text]

    def action_error(self, table: str, action: str) -> str | None:
        """Why the server would refuse a form of ALTER TABLE on an empty twin of the table; None where it would not."""
        return dict(self.actions).get((table, action))

    def is_query(self, text: str) -> bool:
        """Whether a text of the change file is one SELECT without side effects."""
        return text in self.queries

    def domain(self, type_: str) -> Domain | None:
        """What the domain of that full name asks of a value; None for a type that is no domain."""
        return dict(self.domains).get(type_)

    def enum(self, spelled: str) -> Enum:
        """The enum type a change file means. Raises PlanRefused when there is none."""
        full = self.type(spelled)
        found = dict(self.enums).get(full)
        if found is None:
            raise PlanRefused(f"{full} is no enum type", "name the enum itself, not a domain over it or an array of it")
        return found

    def enum_of(self, type_: str) -> Enum | None:
        """The enum type of that full name; None for a type that is no enum."""
        return dict(self.enums).get(type_)

    def type(self, spelled: str) -> str:
        """The server's own spelling of a type. Raises PlanRefused when there is no such type."""
        known = dict(self.types).get(spelled)
        if known is None:
            raise PlanRefused(f"type {spelled!r} does not exist on the target", "check its name and schema")
        return known
