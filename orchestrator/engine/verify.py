"""Runs the Checks of a Gate and keeps what they saw as Evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.check import Check
from orchestrator.core.control import Control
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Target
from orchestrator.core.progress import Listener, Progress, onward
from orchestrator.core.reading import Usage
from orchestrator.engine.book import Blank, Book
from orchestrator.engine.comparing import Examining
from state.model import Evidence, Finding, GateName, Rehearsed
from state.store import Registry


@dataclass(frozen=True, slots=True)
class Look:
    """What Checks saw. ``since`` is given where the work of an earlier look was gone on with: when that one began."""

    findings: tuple[Finding, ...]
    since: datetime | None = None


def expected(checks: Iterable[Check], plan: Plan, gate: GateName) -> tuple[Check, ...]:
    """The Checks that a Gate asks for. A gate into a phase without steps asks for none."""
    if not plan.of(gate.value):
        return ()
    return tuple(check for check in checks if gate in check.gates)


def book(registry: Registry, plan: Plan, gate: GateName, plan_sha256: str) -> Book:
    """Where comparisons for a Gate are kept while they run."""
    return Book(registry=registry, gate=gate, change_id=plan.change_id, plan_sha256=plan_sha256)


@contextmanager
def examining(
    target: Target,
    plan: Plan,
    control: Control,
    listen: Listener,
    kept: Blank | None = None,
    proceed: Callable[[], None] = onward,
    captured: Usage | None = None,
    rehearsed: Rehearsed | None = None,
) -> Iterator[Examining]:
    """A session that reads, and compares whole tables range by range; with ``kept``, so that it can be gone on with.

    ``control`` is what a range is held to; ``captured`` are statements in use that do not come from the target.
    """
    with target.reader(captured) as reader:
        yield Examining(reader, plan, listen, kept or Blank(), target, control, proceed, rehearsed)


def run(
    checks: Sequence[Check],
    plan: Plan,
    gate: GateName,
    target: Target,
    control: Control,
    listen: Listener,
    *,
    kept: Blank | None = None,
    proceed: Callable[[], None] = onward,
    captured: Usage | None = None,
    rehearsed: Rehearsed | None = None,
) -> Look:
    """Ask every Check. A lost connection raises TargetError; a question without an answer is unknown.

    ``proceed`` is called between two ranges, and may raise; ``captured`` are statements in use that do not come from the target,
    ``rehearsed`` is the last rehearsal of the Plan.
    """
    found: list[Finding] = []
    with examining(target, plan, control, listen, kept, proceed, captured, rehearsed) as reader:
        for check in checks:
            for finding in check.findings(plan, gate, reader):
                found.append(finding)
                message = f"{finding.verdict.value} {finding.name}: {finding.detail}"
                listen(Progress(plan.change_id, None, "check", message))
    return Look(tuple(found), None if kept is None else kept.since)


def keep(registry: Registry, plan: Plan, gate: GateName, look: Look, plan_sha256: str) -> Evidence:
    """Store what was found, with its event."""
    return registry.record_evidence(plan.change_id, gate, look.findings, plan_sha256, since=look.since)
