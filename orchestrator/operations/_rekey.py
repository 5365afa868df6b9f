"""The Steps by which a key goes over to another column, with the columns that refer to it.

Why it exists: the key and each column that refers to it are copies like any other until contract. There one transaction ends the
old foreign keys and the old primary key and begins the new one; what is needed to go back is built before it is undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from orchestrator.core.catalog import Constraint, Index
from orchestrator.core.keys import KeyReference, MoveDefault, SwapPrimaryKey
from orchestrator.core.parkstep import ParkColumn
from orchestrator.core.plan import PlannedStep, Settings
from orchestrator.core.step import (
    AddConstraint,
    DropConstraint,
    DropIndex,
    RelaxNotNull,
    SwitchReads,
    ValidateConstraint,
)
from orchestrator.core.sync import Mirror, Rule
from orchestrator.operations import _copy, _table
from orchestrator.operations._copy import Copy
from orchestrator.operations._model import key_of, shortened


@dataclass(frozen=True, slots=True)
class Part:
    """One column on its way: the key, or one that refers to it by ``references``.

    ``key`` is the primary key of which it is a part, with its index.
    """

    copy: Copy
    key: tuple[Constraint, Index] | None = None
    references: tuple[Constraint, ...] = ()

    @property
    def others(self) -> tuple[Constraint, ...]:
        """CHECKs, and foreign keys to other tables."""
        own = _table.own_constraints(self.copy.table, self.copy.old)
        return tuple(constraint for constraint in own if constraint not in self.references)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Its indexes but that of the primary key."""
        return tuple(index for index in _table.own_indexes(self.copy.table, self.copy.old) if not index.primary)

    def copied(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Columns, with the new one in place of the old one."""
        return tuple(self.copy.new if name == self.copy.old.name else name for name in names)


def steps(parts: tuple[Part, ...], move: PlannedStep | None, settings: Settings) -> Iterator[PlannedStep]:
    """All Steps, in order; the key is the first part."""
    mirrors = [_mirror(part, parts) for part in parts]
    for part, mirror in zip(parts, mirrors, strict=True):
        yield from _copy.expanding(part.copy, mirror)
    for part in parts:
        yield from _copy.filling(part.copy)
    for part in parts:
        yield from _built(part)
    yield PlannedStep(
        "switch_reads", SwitchReads(settings.change_id), "reads_new answers true: reads go to the new key"
    )
    yield from _contract(parts, move)
    for part, mirror in reversed(tuple(zip(parts, mirrors, strict=True))):
        yield from _parked(part, mirror, settings)


def _mirror(part: Part, parts: tuple[Part, ...]) -> Mirror:
    """Rows are not named by a key of which another part goes first: it would have another name in the meantime."""
    mirror = _copy.mirror_of(part.copy)
    moving = {other.copy.old.name for other in parts if other.copy.table == part.copy.table and other is not part}
    if any(argument.name in moving for argument in mirror.key):
        return replace(mirror, key=())
    return mirror


def _built(part: Part) -> Iterator[PlannedStep]:
    for index in part.indexes:
        yield _copy.twin(part.copy, index, "backfill")
    if not part.copy.fallible:
        yield from _key_built(part)
        yield from _copy.constraints(part.copy, part.others, "backfill")


def _key_built(part: Part) -> Iterator[PlannedStep]:
    """Before contract where no key can be lost on the way: then either version's upserts have their index."""
    if part.key is None:
        return
    constraint, index = part.key
    if not part.copy.fallible:
        yield _copy.twin(part.copy, index, "backfill")
        return
    rule = Rule("unique", key_of(part.copy.table), part.copied(constraint.columns))
    yield _copy.twin(part.copy, index, "contract", rule)


def _contract(parts: tuple[Part, ...], move: PlannedStep | None) -> Iterator[PlannedStep]:
    for part in parts:
        if part.copy.fallible:
            yield from _key_built(part)
            yield from _copy.constraints(part.copy, part.others, "contract")
    for part in parts:
        yield from _twins(part, parts[0].copy)
    for part in parts:
        yield from _swapped(part, parts)
    for part in parts:
        yield from _old_references(part, parts[0].copy)
    for part in parts:
        yield from _old_indexes(part)
    if move is not None:
        yield move
    for part in parts:
        yield from _relaxed(part.copy)


def _twins(part: Part, key: Copy) -> Iterator[PlannedStep]:
    """The foreign keys to the new key, beside those to the old one."""
    copy = part.copy
    for found in part.references:
        name = copy.named(found.name)
        rule = Rule("reference", key_of(copy.table), (copy.new,), references=key.table.name, to=(key.new,))
        add = AddConstraint(
            copy.table.name,
            name,
            found.definition,
            (copy.old.name, copy.new),
            references=key.table.name,
            referred=(key.old.name, key.new),
            rule=rule if found.validated else None,
            comment=found.comment,
        )
        yield PlannedStep("contract", add, f"let {copy.table.name}.{copy.new} refer to {key.table.name}.{key.new}")
        if found.validated:
            prove = ValidateConstraint(copy.table.name, name)
            yield PlannedStep("contract", prove, f"prove {name} for all rows of {copy.table.name}")


def _swapped(part: Part, parts: tuple[Part, ...]) -> Iterator[PlannedStep]:
    if part.key is None:
        return
    copy, (constraint, _) = part.copy, part.key
    referring = parts if part is parts[0] else ()
    swap = SwapPrimaryKey(
        table=copy.table.name,
        name=constraint.name,
        columns=constraint.columns,
        copied=part.copied(constraint.columns),
        index=copy.named(constraint.name),
        parked=_back(part),
        comment=constraint.comment,
        references=tuple(
            KeyReference(other.copy.table.name, found.name, other.copy.named(found.name))
            for other in referring
            for found in other.references
        ),
    )
    over = ", ".join(swap.copied)
    yield PlannedStep("contract", swap, f"make {over} the primary key of {copy.table.name}, and end the old one")


def _back(part: Part) -> str:
    assert part.key is not None  # noqa: S101 - asked of parts of a key only
    return shortened(part.key[0].name, f"_back_{part.copy.sync_id[:6]}")


def _old_references(part: Part, key: Copy) -> Iterator[PlannedStep]:
    """Gone with the swap; undone in turn, they come back before the old key becomes the primary one."""
    for found in part.references:
        table = part.copy.table.name
        gone = DropConstraint(
            table,
            found.name,
            found.definition,
            found.validated,
            comment=found.comment,
            references=key.table.name,
            successor=part.copy.new,
        )
        yield PlannedStep("contract", gone, f"see that {found.name} of {table} is gone; undo adds and proves it first")


def _old_indexes(part: Part) -> Iterator[PlannedStep]:
    """Neither is there after the swap; undone in turn, both are built before the keys change hands."""
    if part.key is None:
        return
    copy, (_, index) = part.copy, part.key
    old = DropIndex(copy.table.name, _back(part), index.definition)
    yield PlannedStep("contract", old, f"see that {index.name} over {copy.old.name} is gone; undo builds it again")
    new = DropIndex(copy.table.name, copy.named(index.name), index.definition, renamed=(copy.old.name, copy.new))
    yield PlannedStep("contract", new, f"see that {new.name} has become {index.name}; undo builds it again")


def _relaxed(copy: Copy) -> Iterator[PlannedStep]:
    if copy.old.not_null:
        relax = RelaxNotNull(copy.table.name, copy.old.name, shortened(copy.old.name, f"_old_nn_{copy.sync_id[:6]}"))
        yield PlannedStep("contract", relax, f"let {copy.where} hold NULL where a new value does not convert back")


def _parked(part: Part, mirror: Mirror, settings: Settings) -> Iterator[PlannedStep]:
    """The old column away; the new foreign keys take the names of the old ones, which are gone."""
    copy = part.copy
    names = _copy.renames(copy, part.indexes, (*part.others, *part.references))
    gone = {found.name for found in part.references}
    park = ParkColumn(
        table=copy.table.name,
        column=copy.old.name,
        parked=copy.parked,
        sync=mirror,
        new=copy.new,
        default=copy.default,
        previous=copy.old.default if copy.default is not None else None,
        renames=tuple(name for name in names if name.name not in gone),
    )
    yield from _copy.parking(park, settings)


__all__ = ["MoveDefault", "Part", "steps"]
