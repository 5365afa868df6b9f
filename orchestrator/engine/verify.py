"""Runs the Checks of a Gate and keeps what they saw as Evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.core.plan import Check, Plan
from orchestrator.core.ports import Target
from orchestrator.core.progress import Listener, Progress
from state.model import Evidence, Finding, GateName
from state.store import Registry


def expected(checks: Iterable[Check], plan: Plan, gate: GateName) -> tuple[Check, ...]:
    """The Checks that a Gate asks for. A gate into a phase without steps asks for none."""
    if not plan.of(gate.value):
        return ()
    return tuple(check for check in checks if gate in check.gates)


def run(checks: Sequence[Check], plan: Plan, gate: GateName, target: Target, listen: Listener) -> tuple[Finding, ...]:
    """Ask every Check. A lost connection raises TargetError; a question without an answer is unknown."""
    found: list[Finding] = []
    with target.reader() as reader:
        for check in checks:
            for finding in check.findings(plan, gate, reader):
                found.append(finding)
                message = f"{finding.verdict.value} {finding.name}: {finding.detail}"
                listen(Progress(plan.change_id, None, "check", message))
    return tuple(found)


def keep(registry: Registry, plan: Plan, gate: GateName, findings: Sequence[Finding], plan_sha256: str) -> Evidence:
    """Store what was found, with its event."""
    return registry.record_evidence(plan.change_id, gate, findings, plan_sha256)
