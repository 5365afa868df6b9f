"""The Plan: an ordered, immutable list of Steps compiled from a Change and a Catalog.

Why it exists: what people approve must be what is run. A Plan is a value, known by its digest, stored whole, and never
recomputed once expand has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog
from orchestrator.core.footprint import Footprint
from orchestrator.core.gate import GatePolicy
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.ramp import EACH
from orchestrator.core.reading import Readers
from orchestrator.core.step import Backfill, InstallSync, Step
from orchestrator.core.sync import Mirror, Sync
from orchestrator.core.viewstep import RenameColumn, RenameTable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PhaseName = Literal["expand", "backfill", "switch_reads", "contract", "purge"]
TAKES = (ParkColumn, ParkTable, RenameColumn, RenameTable)
"""Steps of contract that take a name away by which an application may still read or write."""
PHASES: tuple[PhaseName, ...] = ("expand", "backfill", "switch_reads", "contract", "purge")


@dataclass(frozen=True, slots=True)
class Settings:
    """What of the change file shapes the Steps. ``park`` in seconds; 0 drops at once.

    ``views`` is the schema of the new version's views, where reads are switched by views; ``ramp`` are percentages of
    readers that switch first, each of which stands for ``each`` seconds.
    """

    change_id: str
    park: float
    batch_rows: int = 1000
    statement_time: float = 0.1
    max_replica_lag: float = 5.0
    triggers: str | None = None
    views: str | None = None
    ramp: tuple[int, ...] = ()
    each: float = EACH


@dataclass(frozen=True, slots=True)
class Query:
    """One of the change's own verify queries: passes when its single value equals ``expect``."""

    name: str
    sql: str
    expect: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A Step in its place. ``description`` is the sentence the operator reads."""

    phase: PhaseName
    step: Step
    description: str
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, with the notes an operator must read and the policies of the gates."""

    change_id: str
    target: str
    steps: tuple[PlannedStep, ...]
    park: float
    notes: tuple[str, ...] = ()
    verify: tuple[Query, ...] = ()
    gates: Mapping[str, GatePolicy] = field(default_factory=dict)
    footprint: Footprint = field(default_factory=Footprint)
    readers: Readers = field(default_factory=Readers)

    def of(self, *phases: str) -> tuple[PlannedStep, ...]:
        """The Steps of some phases, in order."""
        return tuple(step for step in self.steps if step.phase in phases)

    @property
    def parks(self) -> bool:
        """Whether contract leaves something parked that is purged later, behind its own gate."""
        return bool(self.of("purge"))

    def policy(self, gate: str) -> GatePolicy:
        """What ``gate`` asks for, with the defaults of design §4."""
        default = GatePolicy(soak=3600.0 if gate == "contract" else self.park if gate == "purge" else 0.0)
        return self.gates.get(gate, default)

    def syncs(self) -> tuple[Sync, ...]:
        """Every Sync that expand installs."""
        return tuple(planned.step.sync for planned in self.steps if isinstance(planned.step, InstallSync))

    def mirrors(self) -> tuple[Mirror, ...]:
        """The two-way Syncs, whose shapes can be compared."""
        return tuple(sync for sync in self.syncs() if isinstance(sync, Mirror))

    def backfills(self) -> tuple[PlannedStep, ...]:
        """The Steps that fill rows."""
        return tuple(planned for planned in self.steps if isinstance(planned.step, Backfill))


class Operation(Protocol):
    """One typed request of a change file. Each lives in one file of ``orchestrator/operations``."""

    def tables(self) -> tuple[str, ...]:
        """Tables to snapshot, as spelled in the change file."""

    def types(self) -> tuple[str, ...]:
        """Type names to resolve on the server."""

    def questions(self) -> tuple[Question, ...]:
        """Expressions about which the server is asked before planning."""

    def statements(self) -> tuple[str, ...]:
        """Statements of the change file that are to be run."""

    def queries(self) -> tuple[str, ...]:
        """Texts of the change file that must be one SELECT each."""

    def actions(self) -> tuple[tuple[str, str], ...]:
        """(table, action) of forms of ALTER TABLE that are tried on an empty twin of the table before planning."""

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """(table, column) pairs this operation changes; two operations of one change may not share one.

        The column ``*`` stands for the table itself: no other operation may then touch any part of it.
        """

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """(table, column) pairs that its Steps name; no other operation of the change may take these away."""

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """The Steps, or PlanRefused with the reason and the way around."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What one Operation contributes to the Plan."""

    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...] = ()


def takes_away(plan: Plan) -> bool:
    """Whether contract takes a name away by which an application may still read or write."""
    return any(isinstance(planned.step, TAKES) for planned in plan.of("contract"))


def plan_json(plan: Plan) -> dict[str, Any]:
    """The Plan as JSON; ``parse_plan`` reads it back."""
    return _adapter().dump_python(plan, mode="json")  # type: ignore[no-any-return]


def parse_plan(data: Mapping[str, Any]) -> Plan:
    """Read a stored Plan. Raises pydantic's ValidationError when it was written by another version."""
    return _adapter().validate_python(data)


@cache
def _adapter() -> TypeAdapter[Plan]:
    """Built once, which takes a tenth of a second, and only where a Plan is read or written."""
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
