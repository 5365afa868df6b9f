"""What a row means, apart from how a version of the application spells it.

Why it exists: old and new versions write the same fact into different columns. Whether a write survived can only be
judged if the fact itself is known, together with how each shape must look after a write through either of them. A
``Field`` holds that; ``after`` is the whole rule. Nothing here knows of triggers or of orch, so the judgement
cannot repeat a mistake made there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Literal

Value = str | int | float | bool | None
Side = Literal["old", "new"]
Maker = Callable[[Random], object]
SIDES: tuple[Side, Side] = ("old", "new")


def same(value: Value) -> Value:
    """The mapping of a plain rename."""
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of a row. ``old`` and ``new`` are its column in either shape, None where a shape has none.

    ``up`` and ``down`` say what a write through one shape must look like in the other; ``absent_*`` what an INSERT that
    leaves the fact out must leave behind. ``omit`` is how often an INSERT leaves it out, ``change`` the id of the
    Change that carries it over, ``make_new`` differs from ``make`` where the new version means other values.
    """

    name: str
    old: str | None
    new: str | None
    make: Maker
    make_new: Maker | None = None
    up: Callable[[Value], Value] = same
    down: Callable[[Value], Value] = same
    absent_old: Value = None
    absent_new: Value = None
    omit: float = 0.0
    updates: bool = True
    change: str | None = None

    def column(self, side: Side) -> str | None:
        """The column that holds the fact in that shape."""
        return self.old if side == "old" else self.new

    @property
    def moves(self) -> bool:
        """Whether the two shapes are two columns."""
        return self.old != self.new


def plain(name: str, make: Maker, *, omit: float = 0.0, absent: Value = None, updates: bool = True) -> Field:
    """A fact that no Change touches."""
    return Field(name, name, name, make, absent_old=absent, absent_new=absent, omit=omit, updates=updates)


@dataclass(frozen=True, slots=True)
class Table:
    """One table under load. ``key`` is an integer with a default; ``revision`` counts the writes of a row, from 1.

    ``ids`` are the rows updates may hit (None: the first 2,000 found), ``upserts`` the keys that only upserts create
    and nobody deletes. ``deletes`` switches deletion off where a foreign key forbids it.
    """

    name: str
    fields: tuple[Field, ...]
    key: str = "id"
    revision: str = "revision"
    ids: Sequence[int] | None = None
    upserts: Sequence[int] = range(2_000_000_001, 2_000_000_051)
    deletes: bool = True


class Writes(StrEnum):
    """Which shape a version writes."""

    OLD = "old"
    NEW = "new"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the application. ``application`` is its application_name; ``{}`` counts its redeployments."""

    name: str
    application: str
    writes: Writes
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """What a Change permits the new version at this moment."""

    writes_new: bool = False
    reads_new: bool = False


def written(field: Field, writes: Writes, stage: Stage, *, dropped: bool) -> tuple[Side, ...]:
    """Through which shapes a version writes a fact. ``dropped``: no version may use the old shape any longer."""
    if not field.moves:
        return ("old",) if writes is Writes.OLD and not dropped else ("new",)
    wanted: tuple[Side, ...] = ("old",)
    if dropped or (writes is Writes.NEW and stage.writes_new):
        wanted = ("new",)
    elif writes is Writes.BOTH and stage.writes_new:
        wanted = SIDES
    return tuple(side for side in wanted if field.column(side) is not None)


def read(field: Field, writes: Writes, stage: Stage, *, dropped: bool) -> Side | None:
    """Through which shape a version reads a fact, None where that shape does not have it."""
    side: Side = "new" if dropped or (writes is not Writes.OLD and stage.reads_new) else "old"
    return side if field.column(side) is not None else None


Shapes = Mapping[Side, Value]


def after(field: Field, given: Shapes | None) -> Shapes:
    """How both shapes must look after a write; ``given`` is what it put where, None if an INSERT left the fact out."""
    if not given:
        return {"old": field.absent_old, "new": field.absent_new}
    if "old" not in given:
        return {"old": field.down(given["new"]), "new": given["new"]}
    return {"old": given["old"], "new": given["new"] if "new" in given else field.up(given["old"])}


def as_logged(value: object) -> Value:
    """A value as the independent log keeps it: what JSON cannot hold becomes text, digit for digit."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value) if isinstance(value, Decimal) else repr(value)
