"""Whether a Change has arrived where somebody waits for it, may still arrive there, or needs a person first.

Why it exists: ``advance --through`` and ``watch --until`` must mean the same by "reached", and whoever waits must not wait for
what can no longer come.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.core.errors import Blocked, OrchError, Waiting
from orchestrator.core.gate import refusal
from orchestrator.core.status import Attention, Status
from state.machine import MOVES, TRANSITIONS
from state.model import State, Verdict

FORWARD = (
    State.PLANNED,
    State.EXPANDING,
    State.EXPANDED,
    State.BACKFILLING,
    State.BACKFILLED,
    State.SWITCHING,
    State.SWITCHED,
    State.CONTRACTING,
    State.CONTRACTED,
    State.PURGING,
    State.COMPLETED,
)
"""The way forward: asking for a state that lies behind must do nothing, least of all contract."""


def arrived(state: State, wanted: State) -> bool:
    """Whether a Change in ``state`` has reached ``wanted``, or passed it."""
    if wanted not in FORWARD:
        return state is wanted
    return state in FORWARD[FORWARD.index(wanted) :]


def may_arrive(state: State, wanted: State) -> bool:
    """Whether any sequence of events leads from ``state`` to ``wanted``, or past it."""
    known, ahead = {state}, [state]
    while ahead:
        here = ahead.pop()
        reached = {edge.to for (start, event), edge in TRANSITIONS.items() if start is here and event in MOVES}
        ahead += reached - known
        known |= reached
    return any(arrived(each, wanted) for each in known)


def never(status: Status, wanted: State) -> OrchError | None:
    """The refusal of a wait that cannot end well; nothing while it can."""
    if may_arrive(status.state, wanted):
        return None
    words = f"{status.change} is {status.state.value}, and never {wanted.value} again"
    return Blocked(words, f"orch audit {status.change}")


def trouble(status: Status) -> OrchError | None:
    """What only a person can mend: a step that failed and that nobody tries again, or what a gate has found wrong."""
    if status.attention is Attention.FAILED and status.failed_step is not None:
        step = status.failed_step
        words = f"step {step.ordinal} of {status.change} failed, and nobody runs it: {step.error}"
        return Blocked(words, f"orch status {status.change}; when it is mended: orch advance {status.change}")
    if status.gate is not None and any(need.verdict is Verdict.FAIL for need in status.gate.missing):
        return refusal(status.change, status.gate)
    return None


def not_yet(status: Status, wanted: State, waited: str) -> OrchError:
    """The refusal when patience is over: what is missing, with the exit code that this has at ``advance``."""
    if (found := trouble(status)) is not None:
        return found
    if status.gate is not None:
        # Evidence that is missing is taken by whoever approves or advances: what only others can give is what is said.
        needs = tuple(need for need in status.gate.missing if need.name != "evidence")
        if needs:
            return refusal(status.change, replace(status.gate, requirements=needs))
    words = f"{status.change} is {status.state.value} after {waited}, not {wanted.value} yet: {status.why}"
    return Waiting(words, f"orch watch {status.change} --until {wanted.value}")
