"""What keeps two shapes of a row equal, and what a row must obey: the values that Steps of several kinds carry.

Why it exists: trigger, backfill, Checks and undo speak of the same expressions, columns and rules; they are said once, here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.core.catalog import TableName


@dataclass(frozen=True, slots=True)
class Argument:
    """One column that an expression reads, with its type; becomes an argument of the generated function."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """An SQL expression over some columns, to a type. It becomes one function with pinned settings.

    Used by trigger, backfill and Checks alike, so that all three mean the same (correctness F11). ``sql`` None is the
    plain cast of the single argument; where ``values`` (from, to) is given, the cast of its text after these replacements.
    """

    name: str
    sql: str | None
    arguments: tuple[Argument, ...]
    returns: str
    values: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What a constraint asks of rows, so that those that break it are named before the server refuses them.

    ``check``: no row makes ``condition`` false. ``not_null``: no row is NULL in ``columns``. ``unique``: no two rows (of those
    that meet ``condition``, if there is one) have the same ``columns``. ``reference``: the ``columns`` of a row are found in
    ``to`` of ``references``. ``key`` is how rows are named.
    """

    asks: Literal["check", "not_null", "unique", "exclusion", "reference"]
    key: tuple[Argument, ...] = ()
    columns: tuple[str, ...] = ()
    condition: str | None = None
    references: TableName | None = None
    to: tuple[str, ...] = ()
    elements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One column of a shape. ``value`` makes it of the other shape's columns; None copies the only one there is as it is.

    ``required``: it may not be NULL (of a new column: once contract has come).
    """

    column: str
    type: str
    value: Conversion | None = None
    required: bool = False
    default: str | None = None
    default_volatile: bool = False


@dataclass(frozen=True, slots=True)
class Mirror:
    """Columns of one table that carry the same fact in two shapes, kept equal from expand to purge.

    A shape is written as a whole: one of its columns given is the shape given. Nearly always each has one column.
    ``reversible`` False means that nothing leads back. ``relaxed``: the NOT NULL of required old columns was dropped in expand,
    and the trigger stands in for it. ``narrow``: no other BEFORE UPDATE row trigger exists, so UPDATE OF is enough.
    ``strict``: the old column is a key or refers to one, so that until it is parked a new value that does not come back from it
    fails its writer. ``claims`` are the columns of a key of which the old one is a part: a key is claimed before it is
    inserted, since upserts of two versions, each with a unique index of its own, would collide (F19). Both are of shapes of one
    column.
    """

    id: str
    change_id: str
    table: TableName
    olds: tuple[Part, ...]
    news: tuple[Part, ...]
    key: tuple[Argument, ...]
    trigger: str
    reversible: bool = True
    relaxed: bool = False
    narrow: bool = True
    always: bool = False
    strict: bool = False
    claims: tuple[str, ...] = ()
    kind: Literal["mirror"] = "mirror"

    @property
    def old_columns(self) -> tuple[str, ...]:
        """The columns of the old shape."""
        return tuple(part.column for part in self.olds)

    @property
    def new_columns(self) -> tuple[str, ...]:
        """The columns of the new shape."""
        return tuple(part.column for part in self.news)

    def when_parked(self) -> Mirror:
        """Itself once the old columns have other names: a key of which one is a part goes by the new one."""
        renamed = {old.column: Argument(new.column, new.type) for old, new in zip(self.olds, self.news, strict=False)}
        return replace(self, key=tuple(renamed.get(argument.name, argument) for argument in self.key))


@dataclass(frozen=True, slots=True)
class Fill:
    """One column that a trigger fills where a writer left it NULL. ``on_update`` covers UPDATE too."""

    id: str
    change_id: str
    table: TableName
    column: str
    type: str
    key: tuple[Argument, ...]
    trigger: str
    value: Conversion
    on_update: bool = False
    required: bool = False
    always: bool = False
    kind: Literal["fill"] = "fill"


Sync = Mirror | Fill
