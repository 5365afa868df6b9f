"""What acts are about, as it is written: names, types, expressions, keys, constraints and columns.

Why it exists: an Act says what happens, a part to what; a rule compares parts of one statement with those of another. An object
without a schema has ``schema == ""``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Name:
    """An object as it is written, folded as PostgreSQL folds."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Type:
    """A type as the grammar knows it: ``int`` is int4, ``modifiers`` are what stands in parentheses, ``said()`` is all of it."""

    name: str
    schema: str = ""
    modifiers: tuple[str, ...] = ()
    array: bool = False
    said: Callable[[], str] = field(default=str, compare=False, repr=False)

    def __str__(self) -> str:
        inside = f"({','.join(self.modifiers)})" if self.modifiers else ""
        return f"{self.name}{inside}{'[]' if self.array else ''}"


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression: ``functions`` schema first if given; ``said()`` is the whole of it as SQL, ``text`` only a constant's."""

    text: str
    literal: bool = False
    columns: tuple[str, ...] = ()
    functions: tuple[tuple[str, ...], ...] = ()
    null: bool = False
    said: Callable[[], str] = field(default=str, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an index: ``column``, or an ``expression``; ``operator`` is that of an exclusion constraint.

    ``called`` is what PostgreSQL calls it where it names the index; empty if that is not known.
    """

    column: str = ""
    expression: Expr | None = None
    collation: str = ""
    opclass: str = ""
    order: str = ""
    nulls: str = ""
    operator: str = ""
    called: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Constraint:
    """``kind`` is check, foreign key, unique, primary key, exclude or not null; ``valid`` means checked at once.

    ``proves`` are the columns that cannot be NULL where a check holds. ``to`` are the columns a foreign key refers to, ``where``
    restricts an exclusion constraint, whose ``method`` is that of its index.
    """

    kind: str
    name: str
    at: int
    columns: tuple[str, ...] = ()
    expression: Expr | None = None
    refers: Name | None = None
    index: str = ""
    valid: bool = True
    proves: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    on_delete: str = "no action"
    on_update: str = "no action"
    include: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    where: Expr | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column being made. ``generated`` is stored, virtual or nothing, ``computed`` by what; ``identity`` is always, by default
    or nothing.
    """

    name: str
    type: Type
    at: int
    not_null: bool = False
    default: Expr | None = None
    generated: str = ""
    identity: str = ""
    serial: bool = False
    constraints: tuple[Constraint, ...] = ()
    computed: Expr | None = None
