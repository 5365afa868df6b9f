"""Add a column, with any default, filled from the row if wanted, NOT NULL without a scan under lock.

A default that is not volatile is stored in the catalog and costs nothing; a volatile one is set for rows to come and
backfilled for those that are there, since adding it at once would rewrite the table under lock.

An identity column is numbered by a sequence for the time being, backfilled, proved NOT NULL, and made an identity for a change
in the catalog. A generated column costs nothing where it is virtual (PostgreSQL 18); a stored one rewrites the table under lock
and is let through on tiny tables only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.newtable import Computed
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import AddColumn as AddColumnStep
from orchestrator.core.step import Backfill, SetDefault, SwitchReads
from orchestrator.core.sync import Conversion, Fill
from orchestrator.operations import _numbered, _small, _table
from orchestrator.operations._constraint import quoted
from orchestrator.operations._copy import not_null
from orchestrator.operations._model import (
    Name,
    OperationModel,
    checked,
    identity,
    key_of,
    new_column,
    shortened,
    trigger_name,
)
from orchestrator.operations.set_not_null import filled

VIRTUAL = 180000
"""The server version from which a generated column can be virtual."""


class AddColumn(OperationModel):
    """``add_column: {table: orders, column: channel, type: text, fill: "'web'", not_null: true}``.

    Or ``identity: always`` (or ``by default``), or ``generated: price * quantity``, with ``virtual: true``.
    """

    column: Name
    type: str
    default: str | None = None
    fill: str | None = None
    not_null: bool = False
    comment: str | None = None
    identity: Literal["always", "by default"] | None = None
    generated: str | None = None
    virtual: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [word for word in ("default", "fill", "identity", "generated") if getattr(self, word) is not None]
        if len(given) > 1 and given != ["default", "fill"]:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        if self.virtual and self.generated is None:
            raise ValueError("virtual says of a generated column that it is computed when read: say what generates it")
        if self.identity is not None or self.generated is not None:
            if self.not_null:
                raise ValueError(
                    "leave out not_null: an identity is never NULL, and what generates a column decides for itself"
                )
            return self
        if self.default is not None and self.fill is not None:
            raise ValueError("default and fill exclude each other: with a default no row is ever empty")
        if self.not_null and self.default is None and self.fill is None:
            raise ValueError("not_null needs default or fill, or INSERTs of versions that do not name the column fail")
        return self

    def types(self) -> tuple[str, ...]:
        """The column's type."""
        return (self.type,)

    def questions(self) -> tuple[Question, ...]:
        """The default, what to fill in, or what generates it."""
        sql = next((text for text in (self.default, self.fill, self.generated) if text is not None), None)
        return () if sql is None else (Question(self.table, sql, self.type, assigned=self.default is not None),)

    def actions(self) -> tuple[tuple[str, str], ...]:
        """Whether the expression can generate a column, or the type be an identity's, only the server knows."""
        if self.generated is None and self.identity is None:
            return ()
        how = (
            "AS IDENTITY"
            if self.generated is None
            else f"AS (\n{self.generated}\n) {'VIRTUAL' if self.virtual else 'STORED'}"
        )
        return ((self.table, f"ADD COLUMN {quoted(self.column)} {self.type} GENERATED ALWAYS {how}"),)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The new column."""
        return frozenset({(str(catalog.table(self.table).name), self.column)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """In one step where that costs nothing, else add, fill, prove."""
        table = catalog.table(self.table)
        new_column(table, self.column)
        _table.writable(table, partitioned=True)
        _table.no_publication(table)
        if self.identity is not None:
            self._possible(catalog)
            return _numbered.draft(table, self._step(catalog, table), settings, always=self.identity == "always")
        if self.generated is not None:
            return self._generated(catalog, table)
        if self.fill is not None:
            _table.synced(table, partitioned=True)
            self._refuse_nullable(table)
            return Draft(tuple(self._with_fill(catalog, table, settings)))
        volatile = self._default_volatile(catalog)
        if volatile:
            return Draft(tuple(self._with_volatile_default(catalog, table, settings)))
        return Draft((self._add(catalog, table, self.default, self.not_null),))

    def _refuse_nullable(self, table: Table) -> None:
        if table.partitioning is not None and not self.not_null:
            raise PlanRefused(
                f"{table.name} is partitioned: a row that moves to another partition is inserted there, where fill would take"
                f" a NULL that was written into {self.column} for one that was left out",
                "say not_null: true, or use default:",
            )

    def _default_volatile(self, catalog: Catalog) -> bool:
        if self.default is None:
            return False
        fact = catalog.fact(self.questions()[0])
        if fact.error is not None or fact.columns:
            reason = fact.error or f"it reads {', '.join(fact.columns)}"
            raise PlanRefused(f"default of {self.table}.{self.column}: {reason}", "use fill: to compute from the row")
        return fact.volatility == "v"

    def _add(self, catalog: Catalog, table: Table, default: str | None, not_null: bool) -> PlannedStep:
        step = AddColumnStep(table.name, self.column, catalog.type(self.type), None, default, not_null, self.comment)
        words = f"add {table.name}.{self.column} {step.type}"
        return PlannedStep("expand", step, words + (f" default {default}" if default else ""))

    def _with_volatile_default(self, catalog: Catalog, table: Table, settings: Settings) -> Iterator[PlannedStep]:
        assert self.default is not None  # noqa: S101 - narrowed by the caller
        sync_id = identity(settings.change_id, table, self.column)
        where = f"{table.name}.{self.column}"
        yield self._add(catalog, table, None, False)
        default = SetDefault(table.name, self.column, self.default)
        yield PlannedStep("expand", default, f"default {self.default} for rows to come")
        fill = Backfill(
            table=table.name,
            column=self.column,
            key=key_of(table),
            sync_id=sync_id,
            expression=self.default,
            batch_rows=settings.batch_rows,
            statement_time=settings.statement_time,
            max_replica_lag=settings.max_replica_lag,
            fire_triggers=_table.fire_triggers(table, self.column, settings),
        )
        yield PlannedStep("backfill", fill, f"fill {where} of the rows that are there")
        if self.not_null:
            yield from not_null(table, self.column, shortened(self.column, f"_nn_{sync_id[:6]}"), "backfill")

    def _possible(self, catalog: Catalog) -> None:
        """Refuse what the server would refuse of an empty table, too. Raises PlanRefused."""
        catalog.type(self.type)
        error = catalog.action_error(*self.actions()[0])
        if error is not None:
            raise PlanRefused(f"{self.table}.{self.column}: {error}", "correct the type or the expression")

    def _generated(self, catalog: Catalog, table: Table) -> Draft:
        """Computed when read for a change in the catalog; stored where the rewrite is short."""
        assert self.generated is not None  # noqa: S101 - narrowed by the caller
        instead = "add the column with fill: in place of generated:, or index the expression by add_index"
        _table.alone(table, partitioned=instead)
        checked(catalog, self.questions()[0], what=f"{self.column} of {table.name}", synced=True)
        if self.virtual and catalog.server_version < VIRTUAL:
            raise PlanRefused("before PostgreSQL 18 no generated column is virtual", "leave out virtual, or use a view")
        if not self.virtual:
            _small.only(
                table,
                "a stored generated column is added, by a rewrite,",
                "virtual: true (PostgreSQL 18), an index on the expression (add_index), or a column that fill: computes once",
            )
        self._possible(catalog)
        computed = Computed(self.generated, None if self.virtual else _small.BOUND)
        step = replace(self._step(catalog, table), computed=computed)
        how = "computed when read" if self.virtual else "computed and stored, if the rows are few"
        return Draft((PlannedStep("expand", step, f"add {table.name}.{self.column}, {how}"),))

    def _step(self, catalog: Catalog, table: Table) -> AddColumnStep:
        return AddColumnStep(table.name, self.column, catalog.type(self.type), comment=self.comment)

    def _with_fill(self, catalog: Catalog, table: Table, settings: Settings) -> Iterator[PlannedStep]:
        sync_id = identity(settings.change_id, table, self.column)
        arguments = checked(catalog, self.questions()[0], what=f"fill of {table.name}.{self.column}", synced=False)
        kind = catalog.type(self.type)
        fill = Fill(
            id=sync_id,
            change_id=settings.change_id,
            table=table.name,
            column=self.column,
            type=kind,
            key=key_of(table),
            trigger=trigger_name(table, sync_id),
            value=Conversion(f"fill_{sync_id}", self.fill, arguments, kind),
            on_update=self.not_null,
            required=self.not_null,
            always=catalog.subscribes,
        )
        yield self._add(catalog, table, None, False)
        proof = shortened(self.column, f"_nn_{sync_id[:6]}") if self.not_null else None
        yield from filled(fill, table, settings, proof=proof)
        switch = SwitchReads(settings.change_id)
        yield PlannedStep("switch_reads", switch, f"reads_new answers true: {self.column} may be read")


plugin = AddColumn
