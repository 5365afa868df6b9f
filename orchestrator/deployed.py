"""Phases that the team's own migration tool has deployed: what its table says, and what the catalog proves.

Why it exists: a team that exports a change lets its pipeline run some phases, and orch must go on from there. The tool's table
says who did it and how far it came; only the catalog says that it is done. Whatever both show is recorded as the phase ahead is
gone through, Step by Step, under the lease as always: a Step that shows itself done is remembered and not sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.errors import Indeterminate, Invalid, Stale
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.ports import Seen
from orchestrator.core.step import PURGES
from orchestrator.core.viewstep import RenameColumn, RenameTable
from orchestrator.engine import ddl
from orchestrator.plugins import discover
from state import known
from state.model import Event, GateName, State, StepStatus

if TYPE_CHECKING:
    from orchestrator.core.plan import PlannedStep
    from orchestrator.core.ports import Reader
    from orchestrator.engine.run import Run
    from orchestrator.exporting._model import History

_COLUMNS = """
SELECT array_agg(attname::text) FROM pg_catalog.pg_attribute
 WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped AND has_table_privilege(attrelid, 'SELECT')
"""


_UNMISTAKABLE = (ParkColumn, ParkTable, RenameColumn, RenameTable)
"""Steps of contract that show themselves done only once contract was deployed; what drops looks done before."""
_BEFORE_CONTRACT = frozenset(
    {
        State.EXPANDING,
        State.EXPANDED,
        State.BACKFILLING,
        State.BACKFILLED,
        State.SWITCHING,
        State.SWITCHED,
        State.UNSWITCHING,
        State.ABORTING,
    }
)


@dataclass(frozen=True, slots=True)
class Witness:
    """Who says that a phase was deployed: ``by`` a tool (or a person), ``at`` which version; ``whole``, or only in part.

    ``trouble`` is what the tool itself says is wrong.
    """

    by: str
    at: str
    whole: bool
    trouble: str = ""

    def __str__(self) -> str:
        return f"{self.by}, {self.at}"


def witness(run: Run, phase: GateName) -> Witness | None:
    """What the tables of migration tools on the target, or else people (``orch attest``), say of a phase."""
    return min(_witnesses(run, phase), key=lambda each: (not each.trouble, not each.whole), default=None)


def _witnesses(run: Run, phase: GateName) -> Iterator[Witness]:
    try:
        exported = run.target.exported(run.plan, run.change.plan_sha256)
    except Invalid:
        return  # only orch can run it
    wanted = {number for number, unit in enumerate(exported.units, 1) if unit.phase == phase.value}
    with run.registry.reading() as connection:
        here = known.one(connection, run.change.id)
    with run.target.reader() as reader:
        for name, tool in discover("orchestrator.exporting").items():
            history: History | None = tool.history
            if history is None or (rows := _rows(reader, history)) is None:
                continue
            ledger = history.read(exported, rows, here.exports.get((name, exported.plan_sha256), ()))
            if ledger is not None and (ledger.trouble or ledger.units & wanted):
                yield Witness(name.replace("_", "-"), ledger.at, wanted <= ledger.units, ledger.trouble)
    for deploy in here.deploys:
        if deploy.deploy == phase.value:
            yield Witness(f"{deploy.actor} (orch attest)", deploy.version, whole=True)


def _rows(reader: Reader, history: History) -> list[tuple[object, ...]] | None:
    """The rows of a tool's table, by the names our login finds; None where there is none, or none that it may read."""
    ((columns,),) = reader.ask(_COLUMNS.format(table=history.table))
    if not set(history.columns) <= set(columns or ()):
        return None
    return reader.ask(f"SELECT {', '.join(history.columns)} FROM {history.table}")  # noqa: S608 - words of a plug-in


def record(run: Run, phase: GateName, found: Witness) -> None:
    """Keep who deployed the phase ahead, before it is gone through. Raises FenceLost."""
    data = {"phase": phase.value, "by": found.by, "at": found.at}
    run.change = run.registry.record(run.change.id, Event.PHASE_DEPLOYED, data, fence=run.lease.fence)
    run.tell("waiting", f"{phase.value} was deployed by {found}: each of its steps is looked at, not believed")


def expanded(run: Run, stale: Stale) -> Witness:
    """Who deployed expand, of which the catalog proves every Step.

    Raises ``stale`` where it is not there at all, Stale where nobody says who did it, Indeterminate where it is there in part.
    """
    found = witness(run, GateName.EXPAND)
    there, lacking = _seen(run, "expand")
    change = run.change.id
    if there and found is not None and found.trouble:
        raise Indeterminate(f"{found.by} stopped halfway on {run.change.target}: {found.trouble}", _then(change))
    if there and not lacking:
        if found is not None:
            return found
        raise Stale(
            f"{run.change.target} shows expand of {change} whole, and no migration tool's table says who deployed it",
            f"orch attest {change} --deploy expand --version VERSION says that it was your deploy; then orch advance {change}",
        ) from stale
    if (found is None or found.trouble) and not any(_is_own(run, ordinal) for ordinal in there):
        raise stale
    said = (
        f"{found.by} says that it stands at {found.at}" if found is not None else "no migration tool says that it ran"
    )
    raise Indeterminate(
        f"expand of {change} is deployed in part: {said}; the target does not show {_described(run, lacking)}",
        f"let the tool run the rest of 1-expand, or take back what it ran, {_then(change)}",
    ) from stale


def _is_own(run: Run, ordinal: int) -> bool:
    """Whether a Step made what bears the Change's own name, which nobody makes by chance."""
    return next(p for p in run.plan.steps if p.ordinal == ordinal).step.kind == "install_sync"


def _then(change: str) -> str:
    return f"then orch advance {change}"


def _seen(run: Run, phase: str) -> tuple[list[int], list[int]]:
    """The Steps of a phase that the catalog shows done, and the others."""
    there: list[int] = []
    lacking: list[int] = []
    for planned in run.plan.of(phase):
        (there if ddl.observed(run, planned).seen is Seen.DONE else lacking).append(planned.ordinal)
    return there, lacking


def _described(run: Run, ordinals: list[int]) -> str:
    return "; ".join(planned.description for planned in run.plan.steps if planned.ordinal in ordinals)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that somebody else deployed, whole; ``purged`` are its parks of which not even the parked shape is left."""

    purged: tuple[PlannedStep, ...]

    @property
    def way_back(self) -> str:
        """How it is taken back, in words; empty where it cannot be."""
        return "" if self.purged else _WAY_BACK


_WAY_BACK = "take contract back with the tool's own way down (the phase 4-contract)"


def contracted(run: Run) -> Contract | None:
    """The contract that somebody else has deployed before its gate was passed here. Raises Indeterminate where that is not
    all of contract, or reads are not switched by what is recorded.

    Asked before anything is confirmed or taken back: a sync that went into the park would look lost, and bringing it about again
    would break the application's writes; an abort would drop the new shape while the old one is parked.
    """
    if run.change.state not in _BEFORE_CONTRACT:
        return None
    parked, purged = _parks(run)
    if not parked and not purged:
        return None
    found = Contract(purged)
    _, lacking = _seen(run, "contract")
    lacking = [ordinal for ordinal in lacking if ordinal not in {planned.ordinal for planned in purged}]
    if run.change.state is State.SWITCHED and not lacking:
        return found
    told = witness(run, GateName.CONTRACT)
    by = f"by {told}" if told is not None else "and no migration tool's table says by whom"
    why = f"the target does not show {_described(run, lacking)}" if lacking else f"it is {run.change.state.value} here"
    raise Indeterminate(
        f"{'contract and purge' if purged else 'contract'} of {run.change.id} was deployed {by}, past its gate, and {why}",
        f"{found.way_back or _NO_WAY_BACK}, then orch advance {run.change.id}",
    )


_NO_WAY_BACK = (
    "the old shape is dropped, and an abort would drop the new one, too: bring the old shape back from a backup"
)


def purged(run: Run) -> tuple[PlannedStep, ...]:
    """Parks of a contract whose intent is recorded, and of which somebody else has left nothing."""
    return _parks(run)[1]


def _parks(run: Run) -> tuple[tuple[PlannedStep, ...], tuple[PlannedStep, ...]]:
    """Parks of contract that stand though no run of ours made them, and those of which purge has left nothing."""
    rows, marks = run.rows(), run.target.marks(run.change.id).done
    ours = [p for p in run.plan.of("contract") if isinstance(p.step, _UNMISTAKABLE)]
    ours = [p for p in ours if rows[p.ordinal].status is not StepStatus.DONE and rows[p.ordinal].step_id not in marks]
    seen = {planned: ddl.observed(run, planned) for planned in ours}
    parked = tuple(planned for planned, found in seen.items() if found.seen is Seen.DONE)
    left = tuple(
        planned
        for planned, found in seen.items()
        if isinstance(planned.step, ParkColumn) and found.seen is Seen.FOREIGN and not found.gone
    )
    purges = [p for p in run.plan.of("contract", "purge") if isinstance(p.step, PURGES)]
    if not left or not all(ddl.observed(run, planned).seen is Seen.DONE for planned in purges):
        return parked, ()
    return parked, left


def unproved(run: Run, contract: Contract, missing: list[str]) -> Indeterminate:
    """What is said of a contract that was deployed although its gate here was closed."""
    found = witness(run, GateName.CONTRACT)
    by = f"by {found}" if found is not None else "by somebody unknown"
    change = run.change.id
    back = f"{contract.way_back}, then orch advance {change}; or record it as it is: " if contract.way_back else ""
    return Indeterminate(
        f"{'contract and purge' if contract.purged else 'contract'} of {change} was deployed {by} while its gate was closed, so"
        f" nothing proves that no row was lost and nobody reads the old shape: {', '.join(missing)}",
        f"{back or 'record it as it is: '}orch advance {change} --break-glass --reason WHY",
    )
