"""The Gate: what must hold before a Phase (or purge) may start, judged purely.

Why it exists: CLI, TUI and worker must say the same about why a change does not move, and the engine must ask again in
the moment it starts. So the judgement is one function over facts; the clock is one of the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.core.duration import window, words
from orchestrator.core.errors import Blocked, OrchError, Stale, Waiting
from state.model import Approval, Deploy, Evidence, Freeze, GateName, Hold, Verdict

EVIDENCE_MAX_AGE = timedelta(minutes=10)
"""Older evidence is taken again before a gate opens (design §4)."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a Gate asks for. Times in seconds; ``window`` as written."""

    approvals: int = 1
    soak: float = 0.0
    window: str | None = None
    expires: float = 86400.0


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a Gate asks for.

    ``kind`` is check, approval (fail: what was approved has changed), soak, window, deploy, freeze or hold.
    """

    kind: str
    name: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class GateStatus:
    """A Gate as the operator sees it. ``phase`` is the gate's name.

    ``spoken_for`` are those whose approval would be refused: who has approved it, and the requester where others must.
    """

    phase: GateName
    ready: bool
    requirements: tuple[Requirement, ...]
    evidence_sha256: str
    spoken_for: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Requirement, ...]:
        """What does not pass yet."""
        return tuple(need for need in self.requirements if need.verdict is not Verdict.PASS)


@dataclass(frozen=True, slots=True)
class GateFacts:
    """All that the judgement rests on. ``since`` is when soak began to run; ``approvals`` are those that stand (not
    expired, void or vetoed); ``rejection`` is the last word against, ``void`` how many approvals no longer count. ``awaits`` is
    the deploy that must have been attested, any where that is empty; ``deploys`` are those that were. ``outdated`` is what an
    approver saw whose approval other findings have voided.
    """

    gate: GateName
    policy: GatePolicy
    plan_sha256: str
    evidence_sha256: str
    evidence: Evidence | None
    checks_expected: bool
    approvals: Sequence[Approval]
    rejection: Approval | None
    void: int
    requester: str
    since: datetime | None
    hold: Hold | None
    now: datetime
    freezes: Sequence[Freeze] = ()
    awaits: str | None = None
    deploys: Sequence[Deploy] = ()
    outdated: Evidence | None = None


def judge(facts: GateFacts) -> GateStatus:
    """Judge a Gate. Checks come first, since nothing bypasses them."""
    needs = (
        *_checks(facts),
        *_approvals(facts),
        *_soak(facts),
        *_window(facts),
        *_deploy(facts),
        *_freeze(facts),
        *_hold(facts),
    )
    ready = all(need.verdict is Verdict.PASS for need in needs)
    return GateStatus(facts.gate, ready, needs, facts.evidence_sha256, _spoken_for(facts))


def _checks(facts: GateFacts) -> tuple[Requirement, ...]:
    if not facts.checks_expected:
        return ()
    evidence = facts.evidence
    if evidence is None or evidence.plan_sha256 != facts.plan_sha256:
        return (
            Requirement(
                "check",
                "evidence",
                Verdict.UNKNOWN,
                "the checks have not run yet; approve, advance and verify run them",
            ),
        )
    if facts.now - evidence.at > EVIDENCE_MAX_AGE:
        age = words((facts.now - evidence.at).total_seconds())
        return (
            Requirement(
                "check",
                "evidence",
                Verdict.UNKNOWN,
                f"evidence is {age} old; approve, advance and verify take it again",
            ),
        )
    return tuple(Requirement("check", f.name, f.verdict, f.detail) for f in evidence.findings)


def _counted(facts: GateFacts) -> tuple[Approval, ...]:
    """Distinct people; where two or more are asked for, the requester is not one of them."""
    people = {a.approver: a for a in facts.approvals}
    if facts.policy.approvals >= 2:
        people.pop(facts.requester, None)
    return tuple(people.values())


def _spoken_for(facts: GateFacts) -> tuple[str, ...]:
    """Whom ``orch.check_decision`` would refuse (OR007, OR008)."""
    requester = [facts.requester] if facts.policy.approvals >= 2 else []
    return tuple(dict.fromkeys([*requester, *(a.approver for a in facts.approvals)]))


def _approvals(facts: GateFacts) -> tuple[Requirement, ...]:
    asked = facts.policy.approvals
    if asked == 0:
        return ()
    have = _counted(facts)
    names = ", ".join(f"{a.approver}{' (self-approved)' if a.approver == facts.requester else ''}" for a in have)
    detail = f"{len(have)} of {asked} approvals" + (f": {names}" if names else "")
    if len(have) >= asked:
        return (Requirement("approval", "approvals", Verdict.PASS, detail),)
    if asked >= 2:
        detail += f"; {facts.requester} requested it and does not count"
    if facts.rejection is not None:
        detail += f"; rejected by {facts.rejection.approver}: {facts.rejection.reason}"
    elif facts.void:
        detail += f"; an earlier approval is void: {_changed(facts)}"
        return (Requirement("approval", "approvals", Verdict.FAIL, detail),)
    return (Requirement("approval", "approvals", Verdict.UNKNOWN, detail),)


def _changed(facts: GateFacts) -> str:
    """What is no longer as it was approved, where that is known."""
    if facts.outdated is None or facts.evidence is None:
        return "plan or findings changed"
    return "; ".join(differences(facts.outdated, facts.evidence)) or "findings changed, and back again"


def differences(before: Evidence, after: Evidence) -> tuple[str, ...]:
    """In which findings two runs of a Gate's Checks differ: ``shapes_agree 0 → 3``."""
    old, new = ({found.name: found for found in seen.findings} for seen in (before, after))
    told = [f"{name} is no longer asked" for name in old if name not in new]
    for name, found in new.items():
        was = old.get(name)
        if was is None:
            told.append(f"{name} is new: {found.verdict.value}")
        elif was.mismatches != found.mismatches:
            told.append(f"{name} {was.mismatches} → {found.mismatches}")
        elif was.verdict is not found.verdict:
            told.append(f"{name} {was.verdict.value} → {found.verdict.value}")
        elif (was.definition, sorted(was.samples)) != (found.definition, sorted(found.samples)):
            told.append(f"{name} means other things than before")
    return tuple(told)


def _soak(facts: GateFacts) -> tuple[Requirement, ...]:
    if facts.policy.soak <= 0:
        return ()
    if facts.since is None:
        return (Requirement("soak", "soak", Verdict.UNKNOWN, "soak has not begun"),)
    left = (facts.since + timedelta(seconds=facts.policy.soak) - facts.now).total_seconds()
    total = words(facts.policy.soak)
    if left > 0:
        return (Requirement("soak", "soak", Verdict.UNKNOWN, f"{words(left)} left of {total}"),)
    return (Requirement("soak", "soak", Verdict.PASS, f"{total} are over"),)


def _window(facts: GateFacts) -> tuple[Requirement, ...]:
    if facts.policy.window is None:
        return ()
    hours = window(facts.policy.window)
    if hours.is_open(facts.now):
        return (Requirement("window", "window", Verdict.PASS, f"open: {facts.policy.window}"),)
    left = words((hours.opens_at(facts.now) - facts.now).total_seconds())
    return (Requirement("window", "window", Verdict.UNKNOWN, f"closed: {facts.policy.window}; opens in {left}"),)


def _deploy(facts: GateFacts) -> tuple[Requirement, ...]:
    if facts.awaits is None:
        return ()
    fits = [said for said in facts.deploys if said.deploy == facts.awaits or not facts.awaits]
    if fits:
        said = fits[-1]
        where = f", {said.url}" if said.url else ""
        detail = f"{said.deploy} {said.version}, attested by {said.actor}{where}"
        return (Requirement("deploy", "deploy", Verdict.PASS, detail),)
    what = f"the deploy of {facts.awaits}" if facts.awaits else "a deploy"
    detail = f"{what} that reads the new shape is not attested since the backfill ended"
    return (Requirement("deploy", "deploy", Verdict.UNKNOWN, detail),)


def _freeze(facts: GateFacts) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(
            "freeze", "freeze", Verdict.UNKNOWN, f"until {each.until:%Y-%m-%d %H:%M}Z, {each.actor}: {each.reason}"
        )
        for each in facts.freezes
    )


def _hold(facts: GateFacts) -> tuple[Requirement, ...]:
    if facts.hold is None:
        return ()
    return (Requirement("hold", "hold", Verdict.UNKNOWN, f"held by {facts.hold.actor}: {facts.hold.reason}"),)


def refusal(change_id: str, status: GateStatus) -> OrchError:
    """The error that says exactly what a closed Gate is missing, with the exit code that design §4 ranks highest."""
    lines = "".join(f"\n  - {need.name}: {need.verdict.value}: {need.detail}" for need in status.missing)
    message = f"the {status.phase.value} gate of {change_id} is closed:{lines}"
    kinds = {need.kind: need for need in status.missing}
    if "approval" in kinds and kinds["approval"].verdict is Verdict.FAIL:
        return Stale(message, f"look at what changed: orch status {change_id}; then orch approve {change_id}")
    if "check" in kinds:
        return Blocked(message, f"repair what the check names, then orch verify {change_id}")
    if "hold" in kinds:
        return Waiting(message, f"orch resume {change_id}")
    if "freeze" in kinds:
        return Waiting(message, "orch freeze shows who froze what; orch freeze --lift ends it")
    if "deploy" in kinds:
        return Waiting(message, f"deploy, then orch attest {change_id} --deploy NAME --version VERSION")
    if "approval" in kinds:
        return Waiting(message, f"orch approve {change_id}")
    return Waiting(message, f"orch advance {change_id} --wait 1h")
