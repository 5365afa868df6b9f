"""Statements of your own in any phase, each with the way back and a query that tells whether it is done.

Each is one transaction that must end within 10 seconds, sent as an application would send it: names resolve as for the login,
and triggers keep what is in sync in sync. What may read or rewrite a table under lock, cannot run in a transaction, or is not
known to be short, is refused with the way around; what takes something away is refused before contract, since old versions
still use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.core.catalog import Catalog, StatementFacts
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import PHASES, Draft, PhaseName, PlannedStep, Settings
from orchestrator.core.step import RunSql
from orchestrator.operations._model import AnyOperation

_LATE = ("contract", "purge")


class Own(BaseModel):
    """``{do: …, undo: …, done_when: select exists (…)}``; ``undo: none`` says that nothing leads back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    do: str = Field(min_length=1)
    undo: str = Field(min_length=1)
    done_when: str = Field(min_length=1)


class Sql(AnyOperation):
    """``sql: {expand: [{do: CREATE EXTENSION pg_trgm, undo: DROP EXTENSION pg_trgm, done_when: select …}]}``.

    ``done_when`` is one SELECT of one value, true once it is done; while what it asks about does not exist it counts as false.
    """

    expand: list[Own] = []
    backfill: list[Own] = []
    switch_reads: list[Own] = []
    contract: list[Own] = []
    purge: list[Own] = []

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(getattr(self, phase) for phase in PHASES):
            raise ValueError(f"give statements for at least one of {', '.join(PHASES)}")
        return self

    def statements(self) -> tuple[str, ...]:
        """What is to be run, there and back."""
        return tuple(text for _, own in self._all() for text in (own.do, own.undo) if text != "none")

    def queries(self) -> tuple[str, ...]:
        """What is asked."""
        return tuple(own.done_when for _, own in self._all())

    def _all(self) -> Iterator[tuple[PhaseName, Own]]:
        for phase in PHASES:
            for own in getattr(self, phase):
                yield phase, own

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The statements themselves: none may be there twice."""
        return frozenset(("sql", own.do) for _, own in self._all())

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The tables that it names."""
        named = (table for text in self.statements() for table in catalog.statement(text).tables)
        return frozenset((str(table), "*") for table in named)

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One step per statement."""
        steps, notes = [], []
        for phase, own in self._all():
            facts = _facts(catalog, phase, own)
            now: PhaseName = "contract" if phase == "purge" and settings.park <= 0 else phase
            undo = None if own.undo == "none" else own.undo
            step = RunSql(own.do, undo, own.done_when, facts.lock, last=phase == "purge")
            steps.append(PlannedStep(now, step, f"run {_short(own.do)}"))
            notes += [f"{_short(own.do)}: {facts.warning}"] if facts.warning else []
            notes += [f"{_short(own.do)}: nothing takes it back"] if undo is None and phase != "purge" else []
        return Draft(tuple(steps), tuple(notes))


def _facts(catalog: Catalog, phase: PhaseName, own: Own) -> StatementFacts:
    for text in (own.undo, own.do):
        if text != "none" and (error := catalog.statement(text).error) is not None:
            raise PlanRefused(f"sql {_short(text)}: {error}", catalog.statement(text).way)
    if not catalog.is_query(own.done_when):
        raise PlanRefused(
            f"done_when of {_short(own.do)} is not one SELECT without side effects: {_short(own.done_when)}",
            "ask for one value that is true once it is done, such as select exists (…)",
        )
    facts = catalog.statement(own.do)
    if facts.breaks and phase not in _LATE:
        raise PlanRefused(
            f"sql {_short(own.do)} takes away in {phase} what old versions may still use",
            "put it under contract:, which waits until they are gone",
        )
    return facts


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


plugin = Sql
