"""Columns carried over into others, one into several or several into one: the Steps that split_column and merge_columns share.

Why it exists: both keep two shapes of one fact equal that differ in the number of their columns. A shape is written, filled,
rejected and parked as a whole: half of a name is no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Column, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.parkstep import ParkColumn, Parked
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import AddColumn, Backfill, Filled, InstallSync, RelaxNotNull, SwitchReads
from orchestrator.core.sync import Conversion, Mirror, Part
from orchestrator.operations import _table
from orchestrator.operations._copy import not_null, parking, preconditions
from orchestrator.operations._model import checked, checked_default, key_of, new_column, shortened, trigger_name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new column as the change file asks for it."""

    column: str
    type: str
    up: str
    not_null: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Regroup:
    """Some columns of a table on their way into others. ``down`` has an expression for each old column; None: no way back."""

    spelled: str
    olds: tuple[str, ...]
    news: tuple[Wanted, ...]
    down: tuple[tuple[str, str], ...] | None

    def questions(self) -> tuple[Question, ...]:
        """Every conversion, and the new defaults."""
        asked = [self.up_question(new) for new in self.news]
        asked += [self.down_question(column, sql) for column, sql in self.down or ()]
        return (*asked, *(question for _, question in self.defaults()))

    def defaults(self) -> Iterator[tuple[str, Question]]:
        """The new defaults by column."""
        for new in self.news:
            if new.default is not None:
                yield new.column, Question(self.spelled, new.default, new.type, assigned=True)

    def up_question(self, new: Wanted) -> Question:
        """What a new column is made of."""
        return Question(self.spelled, new.up, new.type)

    def down_question(self, column: str, sql: str) -> Question:
        """What an old column is made of."""
        return Question(self.spelled, sql, f"%{column}", extra=tuple((new.column, new.type) for new in self.news))

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """All columns of both shapes."""
        table = str(catalog.table(self.spelled).name)
        return frozenset((table, column) for column in (*self.olds, *(new.column for new in self.news)))

    def draft(self, catalog: Catalog, settings: Settings, sync_id: str) -> Draft:
        """All Steps, in order. Raises PlanRefused."""
        table = catalog.table(self.spelled)
        olds = tuple(table.column(name) for name in self.olds)
        _refuse(catalog, table, olds, self.news)
        self._null_stays(catalog, table, olds)
        for column, question in self.defaults():
            checked_default(catalog, question, what=f"{table.name}.{column}")
        mirror = self._mirror(catalog, table, olds, settings, sync_id)
        steps = (
            *_expand(table, olds, mirror),
            _backfill(table, mirror, settings),
            PlannedStep(
                "switch_reads", SwitchReads(settings.change_id), "reads_new answers true: reads go to the new shape"
            ),
            *_contract(table, mirror, self.news, settings),
        )
        return Draft(steps, tuple(_notes(table, olds, mirror)))

    def _null_stays(self, catalog: Catalog, table: Table, olds: tuple[Column, ...]) -> None:
        """Where some column of a shape always has a value, a shape of NULLs was left out, and never written."""
        if not any(old.not_null for old in olds):
            for new in self.news:
                _table.null_stays(catalog, table, self.up_question(new), f"up of {table.name}.{new.column}")
        if not any(new.not_null for new in self.news):
            for column, sql in self.down or ():
                _table.null_stays(catalog, table, self.down_question(column, sql), f"down of {table.name}.{column}")

    def _mirror(
        self, catalog: Catalog, table: Table, olds: tuple[Column, ...], settings: Settings, sync_id: str
    ) -> Mirror:
        downs = dict(self.down or ())
        old_parts = (
            Part(
                old.name,
                old.type,
                self._down(catalog, old, downs[old.name], f"down{place}_{sync_id}") if self.down is not None else None,
                old.not_null,
                old.default,
                old.default_volatile,
            )
            for place, old in enumerate(olds, 1)
        )
        new_parts = (
            Part(new.column, catalog.type(new.type), self._up(catalog, new, f"up{place}_{sync_id}"), new.not_null)
            for place, new in enumerate(self.news, 1)
        )
        return Mirror(
            id=sync_id,
            change_id=settings.change_id,
            table=table.name,
            olds=tuple(old_parts),
            news=tuple(new_parts),
            key=key_of(table),
            trigger=trigger_name(table, sync_id),
            reversible=self.down is not None,
            relaxed=any(old.not_null for old in olds),
            narrow=not any(t.before and t.row and t.update and not t.ours for t in table.triggers),
            always=catalog.subscribes,
        )

    def _up(self, catalog: Catalog, new: Wanted, name: str) -> Conversion:
        what = f"up of {self.spelled}.{new.column}"
        arguments = checked(catalog, self.up_question(new), what=what, synced=True)
        _only(what, (argument.name for argument in arguments), self.olds)
        return Conversion(name, new.up, arguments, catalog.type(new.type))

    def _down(self, catalog: Catalog, old: Column, sql: str, name: str) -> Conversion:
        what = f"down of {self.spelled}.{old.name}"
        arguments = checked(catalog, self.down_question(old.name, sql), what=what, synced=True)
        _only(what, (argument.name for argument in arguments), tuple(new.column for new in self.news))
        return Conversion(name, sql, arguments, old.type)


def _only(what: str, found: Iterable[str], allowed: tuple[str, ...]) -> None:
    """An expression that reads anything else would have to be evaluated when that changes. Raises PlanRefused."""
    others = [name for name in found if name not in allowed]
    if others:
        raise PlanRefused(
            f"{what} reads {', '.join(others)}: what one shape says must follow from the other",
            f"use {', '.join(allowed)} only",
        )


def _refuse(catalog: Catalog, table: Table, olds: tuple[Column, ...], news: tuple[Wanted, ...]) -> None:
    for old in olds:
        preconditions(table, old)
        _table.may_be_null(catalog, table, old)
        _nothing_speaks_of(table, old)
        if old.sequence is not None:
            raise PlanRefused(
                f"{table.name}.{old.name} has the sequence {old.sequence}, which purge would drop",
                "ALTER SEQUENCE … OWNED BY NONE first",
            )
    for new in news:
        new_column(table, new.column)
    required = [old.name for old in olds if old.not_null]
    if required and not any(new.not_null for new in news):
        raise PlanRefused(
            f"{table.name}.{required[0]} is NOT NULL, and no new column is: what new versions may leave empty,"
            " old versions could not read",
            "add not_null: true to what every row has",
        )
    having = [old for old in olds if old.default is not None]
    if having and all(new.default is None for new in news):
        raise PlanRefused(
            f"{table.name}.{having[0].name} has the default {having[0].default}; what new rows get from contract on is not said",
            "add default: to a new column (null, for none)",
        )


def _nothing_speaks_of(table: Table, old: Column) -> None:
    """A CHECK or foreign key would refuse what ``down`` makes, and fail a new version's write (F16). Raises PlanRefused."""
    for constraint in _table.own_constraints(table, old):
        kind = "CHECK" if constraint.kind == "c" else "foreign key"
        raise PlanRefused(
            f"{kind} {constraint.name} of {table.name} asks something of {old.name}: it would refuse what new versions write,"
            " once converted",
            f"drop_constraint {constraint.name} in a change that completes before this one, and add one over the new columns"
            " in one after it",
        )


def _expand(table: Table, olds: tuple[Column, ...], mirror: Mirror) -> Iterator[PlannedStep]:
    everywhere = tuple(grant for grant in olds[0].grants if all(grant in old.grants for old in olds))
    for part in mirror.news:
        add = AddColumn(table.name, part.column, part.type, grants=everywhere)
        yield PlannedStep("expand", add, f"add {table.name}.{part.column} {part.type}, empty")
    both = f"{table.name}.{', '.join(mirror.old_columns)} and {', '.join(mirror.new_columns)}"
    yield PlannedStep("expand", InstallSync(mirror), f"keep {both} equal in both directions")
    for old in olds:
        if old.not_null:
            relax = RelaxNotNull(table.name, old.name, shortened(old.name, f"_old_nn_{mirror.id[:6]}"))
            where = f"{table.name}.{old.name}"
            yield PlannedStep("expand", relax, f"let {where} hold NULL where a new value does not convert back")


def _backfill(table: Table, mirror: Mirror, settings: Settings) -> PlannedStep:
    first, *others = mirror.news
    fill = Backfill(
        table=table.name,
        column=first.column,
        key=mirror.key,
        sync_id=mirror.id,
        value=first.value,
        batch_rows=settings.batch_rows,
        statement_time=settings.statement_time,
        max_replica_lag=settings.max_replica_lag,
        fire_triggers=_table.fire_triggers(table, first.column, settings),
        also=tuple(Filled(part.column, part.value) for part in others if part.value is not None),
        required=tuple(part.column for part in mirror.news if part.required),
    )
    words = f"fill {table.name}.{', '.join(mirror.new_columns)} from {', '.join(mirror.old_columns)}"
    return PlannedStep("backfill", fill, words)


def _contract(table: Table, mirror: Mirror, news: tuple[Wanted, ...], settings: Settings) -> Iterator[PlannedStep]:
    for part in mirror.news:
        if part.required:
            yield from not_null(table, part.column, shortened(part.column, f"_nn_{mirror.id[:6]}"), "contract")
    parked = [Parked(part.column, f"_orch_parked_{mirror.id}_{place}") for place, part in enumerate(mirror.olds, 1)]
    park = ParkColumn(
        table=table.name,
        column=parked[0].column,
        parked=parked[0].parked,
        sync=mirror,
        also=tuple(parked[1:]),
        defaults=tuple((new.column, new.default) for new in news if new.default is not None),
    )
    yield from parking(park, settings)


def _notes(table: Table, olds: tuple[Column, ...], mirror: Mirror) -> Iterator[str]:
    where = f"{table.name}.{', '.join(mirror.old_columns)}"
    taken = sorted({index.name for old in olds for index in _table.own_indexes(table, old)})
    if taken:
        yield (
            f"purge of {where} also drops {', '.join(taken)}: add_index over {', '.join(mirror.new_columns)} in a change of its"
            " own before reads are switched"
        )
    yield (
        f"{', '.join(mirror.new_columns)}: an INSERT through the new shape that gives none of them is indistinguishable from one"
        f" through the old shape, which takes {', '.join(mirror.old_columns)}"
    )
    if not mirror.reversible:
        yield f"{where}: no down: going back after the switch loses values written through {', '.join(mirror.new_columns)}"
    if not table.key:
        yield f"{table.name} has no key: rejected rows are counted, not located; the backfill goes by page ranges"
    yield (
        f"{table.name} gains {len(mirror.news)} columns in expand and loses {len(mirror.olds)} in contract: prepared SELECT * and"
        " RETURNING * fail (0A000) until their connection is renewed"
    )
