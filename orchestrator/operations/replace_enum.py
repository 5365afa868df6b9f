"""Carry a column of an enum type into one of another enum type: values are renamed, merged, removed or put in another order.

PostgreSQL can neither take a value out of an enum nor move it, so a new type is made, with a new column beside the old one that
is kept equal by the mapping in both directions. Old versions go on with the old values, new versions with the new ones. A value
that is in both types stays as it is; every other old value needs its new one in ``map``, and a new value that no old one
becomes, or several, needs in ``down`` what old versions shall read. The new type gets the old one's owner, privileges and
comment. The old type is dropped with the old column when nothing else uses it. Each further column of the old type is a
change of its own, which finds the new type there and uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.core.catalog import Catalog, Column, Enum, Table, TypeName
from orchestrator.core.enumstep import CreateEnum, PurgeEnum
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.sync import Argument, Conversion
from orchestrator.operations import _table
from orchestrator.operations._copy import Copy, draft, preconditions
from orchestrator.operations._model import Name, OperationModel, beside, cut_name, identity, mapping_or_none, new_column

Label = Annotated[str, AfterValidator(cut_name)]
Labels = dict[Label, Label]


class ReplaceEnum(OperationModel):
    """``replace_enum: {table: orders, column: state, to: stage, type: order_stage, values: [new, sent], map: {shipped: sent}}``.

    ``type`` is made in the schema of the table. ``down: none`` says that nothing leads back.
    """

    column: Name
    to: Name
    type: Name
    values: tuple[Label, ...] = Field(min_length=1, strict=False)
    map: Labels = {}
    down: Annotated[Labels | Literal["none"], BeforeValidator(mapping_or_none)] = {}
    default: Label | None = None

    @model_validator(mode="after")
    def _known_values(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise ValueError("a value stands twice in values")
        for word, asked in (
            ("map", self.map.values()),
            ("down", self._back),
            ("default", filter(None, [self.default])),
        ):
            for value in asked:
                if value not in self.values:
                    raise ValueError(f"{word} names {value!r}, which is not in values")
        return self

    @property
    def _back(self) -> Labels:
        return self.down if isinstance(self.down, dict) else {}

    def tables(self) -> tuple[str, ...]:
        """The table, and what has the name of the new type."""
        return (self.table, self._spelled)

    def types(self) -> tuple[str, ...]:
        """The new type, which may be there."""
        return (self._spelled,)

    @property
    def _spelled(self) -> str:
        return beside(self.table, self.type)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Both columns and both types."""
        table = str(catalog.table(self.table).name)
        enum = catalog.enum_of(catalog.table(self.table).column(self.column).type)
        types = {f"type {name}" for name in (self._new(catalog)[0], enum.name if enum else None) if name}
        return frozenset({(table, self.column), (table, self.to), *((name, "*") for name in types)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Make the type, copy through the mapping, drop the old type with the old column."""
        table = catalog.table(self.table)
        column = table.column(self.column)
        enum = catalog.enum_of(column.type)
        if enum is None:
            raise PlanRefused(
                f"{table.name}.{self.column} is of type {column.type}, which is no enum type",
                "use change_type, with up: and down: as expressions",
            )
        _refuse(table, column)
        new_column(table, self.to)
        name, there = self._new(catalog)
        if name == enum.name:
            raise PlanRefused(f"{name} is the type of {table.name}.{self.column} already", "use rename_column")
        mapping = _mapped(enum, self.values, self.map, None if self.down == "none" else self._back)
        copied = draft(self._copy(catalog, settings, table, column, name, mapping), ())
        create = CreateEnum(name, self.values, enum.access, enum.comment)
        made = () if there else (PlannedStep("expand", create, f"make the type {name} ({', '.join(self.values)})"),)
        dropped = tuple(_dropped(enum, table, column, settings))
        notes = (*copied.notes, *_notes(enum, table, column, name, mapping, there=there))
        return Draft((*made, *copied.steps, *dropped), notes)

    def _new(self, catalog: Catalog) -> tuple[TypeName, bool]:
        """The new type, and whether it is there already, with these very values."""
        if dict(catalog.types).get(self._spelled) is None:
            place = catalog.new_table(self._spelled)
            return TypeName(place.schema, place.name), False
        found = catalog.enum_of(catalog.type(self._spelled))
        if found is None or found.values != self.values:
            what = f"an enum of ({', '.join(found.values)})" if found else "no enum"
            raise PlanRefused(f"there is a type {self.type!r} already, and it is {what}", "choose another name")
        return found.name, True

    def _copy(
        self, catalog: Catalog, settings: Settings, table: Table, column: Column, name: TypeName, mapping: _Mapping
    ) -> Copy:
        sync_id = identity(settings.change_id, table, self.column)
        up = (Argument(self.column, column.type),)
        down = (Argument(self.to, name.quoted),)
        back = Conversion(f"down_{sync_id}", None, down, column.type, _changed(mapping.down))
        return Copy(
            table=table,
            old=column,
            new=self.to,
            new_type=name.quoted,
            sync_id=sync_id,
            settings=settings,
            subscribes=catalog.subscribes,
            default=self._default(table, column, name, mapping),
            up=Conversion(f"up_{sync_id}", None, up, name.quoted, _changed(mapping.up)),
            down=back if mapping.reversible else None,
            reversible=mapping.reversible,
        )

    def _default(self, table: Table, column: Column, name: TypeName, mapping: _Mapping) -> str | None:
        """The old default's new value, as SQL spells it."""
        if column.default is None and self.default is None:
            return None
        value = self.default or next(
            (new for old, new in mapping.up if _literal(old, column.type) == column.default), None
        )
        if value is None:
            raise PlanRefused(
                f"{table.name}.{column.name} has the default {column.default}, which is not one of its values",
                "add default: with one of the new values",
            )
        return _literal(value, name.quoted)


@dataclass(frozen=True, slots=True)
class _Mapping:
    """Every old value with its new one, and every new value with its old one (none without a way back)."""

    up: tuple[tuple[str, str], ...]
    down: tuple[tuple[str, str], ...]
    reversible: bool


def _mapped(enum: Enum, values: tuple[str, ...], given: Labels, down: Labels | None) -> _Mapping:
    """The mapping both ways. Raises PlanRefused where a value has none."""
    _are_values(enum, "map", given)
    up = {old: given.get(old, old) for old in enum.values}
    if lost := [old for old, new in up.items() if new not in values]:
        raise PlanRefused(
            f"values of {enum.name} have no new value: {', '.join(lost)}; a row may hold each of them at any time",
            f"say what they become, like map: {{{lost[0]}: {values[0]}}}",
        )
    if down is None:
        return _Mapping(tuple(up.items()), (), False)
    _are_values(enum, "down", down.values())
    return _Mapping(tuple(up.items()), tuple((new, _back(enum, up, new, down)) for new in values), True)


def _are_values(enum: Enum, word: str, asked: Iterable[str]) -> None:
    for value in asked:
        if value not in enum.values:
            raise PlanRefused(
                f"{word} names {value!r}, which {enum.name} does not have", f"name one of {', '.join(enum.values)}"
            )


def _back(enum: Enum, up: dict[str, str], new: str, down: Labels) -> str:
    """The old value of a new one: as said, the same, or the only one that becomes it. Raises PlanRefused."""
    sources = [old for old, mapped in up.items() if mapped == new]
    if new in down:
        if sources and down[new] not in sources:
            raise PlanRefused(
                f"down makes {down[new]!r} of {new!r}, but {down[new]!r} becomes {up[down[new]]!r}",
                f"choose one of {', '.join(sources)}, which become {new!r}",
            )
        return down[new]
    if new in sources:
        return new
    if len(sources) == 1:
        return sources[0]
    why = f"{', '.join(sources)} become it" if sources else f"no value of {enum.name} becomes it"
    raise PlanRefused(
        f"what old versions shall read for {new!r} is not said: {why}",
        f"add it to down:, like down: {{{new}: {(sources or enum.values)[0]}}}; or down: none, for no way back",
    )


def _changed(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((old, new) for old, new in pairs if old != new)


def _literal(value: str, type_: str) -> str:
    """A value as the server spells it in a default."""
    quoted = value.replace("'", "''")
    return f"'{quoted}'::{type_}"


def _refuse(table: Table, column: Column) -> None:
    preconditions(table, column)
    speaks = [("constraint", c.name, "drop_constraint") for c in _table.own_constraints(table, column)]
    speaks += [("index", i.name, "drop_index") for i in _table.own_indexes(table, column) if i.evaluates]
    for kind, name, way in speaks:
        raise PlanRefused(
            f"{kind} {name} of {table.name} may speak of the values of {column.name}, or of their type",
            f"{way} {name} in a change that completes before this one, and add it over the new column in one after it",
        )


def _others(enum: Enum, table: Table, column: Column) -> list[str]:
    """What uses the old type beside the column, in all partitions; what another change has parked goes with that change."""
    parts = table.partitioning.partitions if table.partitioning else ()
    its = {(each, column.name) for each in (table.name, *(part.name for part in parts))}
    return [
        user.what
        for user in enum.users
        if (user.table, user.column) not in its and not user.column.startswith("_orch_parked_")
    ]


def _dropped(enum: Enum, table: Table, column: Column, settings: Settings) -> Iterator[PlannedStep]:
    if not _others(enum, table, column):
        phase: PhaseName = "purge" if settings.park > 0 else "contract"
        yield PlannedStep(
            phase, PurgeEnum(enum.name, enum.values), f"drop the type {enum.name}, if nothing uses it then"
        )


def _notes(
    enum: Enum, table: Table, column: Column, name: TypeName, mapping: _Mapping, *, there: bool
) -> Iterator[str]:
    if others := _others(enum, table, column):
        yield f"{enum.name} stays, since others use it: {', '.join(others)}; the change that takes the last of these drops it"
    if there:
        yield f"{name} is there already, with these values: it is used, and stays, whatever is aborted"
    up = dict(mapping.up)
    lossy = [f"{new!r} as {old!r}" for new, old in mapping.down if up[old] != new]
    if lossy:
        yield (
            f"old versions read {', '.join(lossy)}: rows with such a value disagree until reads are switched, so write it"
            " after that"
        )
    merged = {new: [old for old, mapped in mapping.up if mapped == new] for new in up.values()}
    for new, sources in merged.items():
        if len(sources) > 1:
            yield f"{', '.join(sources)} become {new!r}; which of them a row held is lost at purge"


plugin = ReplaceEnum
