"""Which Changes a worker may run now, without anybody asking it to.

Why it exists: approvals arrive, soaks end and servers fail over while nobody is at a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator import statuses
from orchestrator.core.ports import Target
from orchestrator.core.reckoning import reckon
from orchestrator.core.status import Status
from orchestrator.refusals import explained
from state.known import Known
from state.machine import TERMINAL, WORKING


def ready(everything: Iterable[Known]) -> list[str]:
    """Work in hand that nobody runs, and gates that are open; a gate that lacks evidence only is looked at, too."""
    free = [each for each in everything if each.change.state not in TERMINAL and each.change.hold is None]
    found = [(each, statuses.status(each, full=False)) for each in free]
    return [status.change for each, status in found if _may_run(status) or _lacks_evidence(each, status)]


def fallen_back(over: Iterable[Known], target: Callable[[str], Target]) -> list[str]:
    """Changes whose Target remembers another end than the Registry. Raises OrchError where a Target cannot be asked."""
    found = []
    for each in over:
        with explained():
            marks = target(each.change.target).marks(each.change.id)
        if not each.lease.held and not reckon(each.change.state, each.steps, marks).agrees:
            found.append(each.change.id)
    return found


def may_go_on(status: Status) -> bool:
    """Whether ``advance`` would find something to do: work in hand, or a gate that is open but for its evidence."""
    if status.hold is not None:
        return False
    if status.state in WORKING:
        return status.rung is None
    return status.gate is None or all(need.name == "evidence" for need in status.gate.missing)


def _may_run(status: Status) -> bool:
    asked = status.gate is not None and status.requested is status.gate.phase
    return status.lease is None and (asked or not status.needs_word) and may_go_on(status)


def _lacks_evidence(known: Known, status: Status) -> bool:
    """Whether people wait for evidence that only a worker can take: they asked to advance, and none was taken since."""
    if status.lease is not None or status.gate is None or status.requested is not status.gate.phase:
        return False
    stale = any(need.name == "evidence" for need in status.gate.missing)
    return stale and known.asked
