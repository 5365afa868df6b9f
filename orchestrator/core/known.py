"""What a linter may know of the database behind a migration: sizes, constraints, indexes, functions, version.

Why it exists: the same statement is harmless on ten rows and an outage on ten million. It is a value, so that rules stay
pure and a whole run of files shares one look at the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SMALL_ROWS = 10_000
SMALL_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """``type`` is ``format_type``'s text; ``not_null`` is proven for every row; ``views`` are those that name the column."""

    type: str
    not_null: bool = False
    indexed: bool = False
    checked: bool = False
    views: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownConstraint:
    """``kind`` as in a Constraint of a script; ``proves`` are the columns that it keeps from NULL."""

    kind: str
    columns: tuple[str, ...] = ()
    valid: bool = True
    proves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """``columns`` are those of the key, an empty name for an expression."""

    columns: tuple[str, ...]
    unique: bool = False
    valid: bool = True
    partial: bool = False


@dataclass(frozen=True, slots=True)
class KnownTable:
    """``kind`` as in pg_class.relkind; ``rows`` is an estimate, ``bytes`` includes indexes and TOAST."""

    name: str
    kind: str = "r"
    rows: int = 0
    bytes: int = 0
    columns: Mapping[str, KnownColumn] = field(default_factory=dict)
    constraints: Mapping[str, KnownConstraint] = field(default_factory=dict)
    indexes: Mapping[str, KnownIndex] = field(default_factory=dict)
    default_partition: bool = False

    @property
    def small(self) -> bool:
        """Whether a scan or a rewrite is over before anybody notices."""
        return self.rows < SMALL_ROWS and self.bytes < SMALL_BYTES


@dataclass(frozen=True, slots=True)
class KnownUse:
    """``statements`` that somebody sent, with the number of calls; ``bodies`` are the texts of functions by name; ``missing``
    says why nobody knows of statements.
    """

    statements: tuple[tuple[str, int], ...] = ()
    bodies: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """``tables`` by qualified name; ``functions`` (qualified) → v, s or i, the most volatile of its overloads; ``domains``
    (qualified) → base type, ``constrained`` are those with a constraint; ``lock_timeout`` says that role
    or database set one; ``rehearse_from`` is from how many rows on a lock's time must have been seen, 0 for never.
    """

    version: int
    search_path: tuple[str, ...] = ("public",)
    tables: Mapping[str, KnownTable] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    constrained: frozenset[str] = frozenset()
    lock_timeout: bool = False
    utc: bool = False
    rehearse_from: int = 0
    use: KnownUse = KnownUse()

    def table(self, schema: str, name: str) -> KnownTable | None:
        """The table as a statement names it."""
        for each in (schema,) if schema else self.search_path:
            found = self.tables.get(f"{each}.{name}")
            if found is not None:
                return found
        return None
