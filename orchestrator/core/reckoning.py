"""What the Registry and the Target each remember of a Change, side by side.

Why it exists: either may fail over to a standby that lacked the last commits, and then one of them tells an older story. The
Target leaves a marker for every Step done and takes it away with every Step undone, in order, each under the fence of the run
that did it; the Registry writes its intent under the same fence before. So a marker that is newer than what the Registry
wrote of the Step means that the Registry lost something, and a Step without a marker, beyond the last one that has one, that
the Target did, unless the Registry is known to be behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from state.model import GateName, State, StepRow, StepStatus

if TYPE_CHECKING:
    from orchestrator.core.ports import Marks


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Where the two differ, as ordinals of Steps. Steps in ``missing`` may have been adopted: observe them.

    ``ahead``: the Target did them in a run the Registry does not know of. ``revived``: recorded as undone, and done again on
    a Target that lost the undo. ``missing``: done when their phase ended, beyond the last marker. ``strangers``: step ids of
    another Plan of this Change, which the Registry does not know at all.
    """

    ahead: frozenset[int]
    revived: frozenset[int]
    missing: frozenset[int]
    strangers: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not (self.ahead or self.revived or self.missing or self.strangers)


_UNTIL: Mapping[State, int] = {
    State.EXPANDED: 1,
    State.BACKFILLING: 1,
    State.BACKFILLED: 2,
    State.SWITCHING: 2,
    State.UNSWITCHING: 2,
    State.SWITCHED: 3,
    State.CONTRACTING: 3,
    State.UNDOING: 3,
    State.CONTRACTED: 4,
    State.PURGING: 4,
    State.COMPLETED: 5,
}
_PHASES = tuple(gate.value for gate in GateName)
ENDED: Mapping[State, tuple[str, ...]] = {state: _PHASES[: _UNTIL.get(state, 0)] for state in State}
"""The phases that are over in each state: every Step of theirs was done."""
_OPEN = frozenset({StepStatus.PENDING, StepStatus.RUNNING})


def _was_done(state: State, row: StepRow) -> bool:
    """Whether a Step is recorded as done, or was when its phase ended: whoever found it gone may have died over it."""
    return row.status is StepStatus.DONE or (row.status in _OPEN and row.phase in ENDED[state])


def reckon(state: State, rows: Iterable[StepRow], marks: Marks) -> Reckoning:
    """Compare the Registry's rows of a Change with the Target's markers."""
    known = {row.step_id: row for row in rows}
    marked = {known[name].ordinal: fence for name, fence in marks.done.items() if name in known}
    last = max(marked, default=0)
    ahead, revived, missing = set(), set(), set()
    for row in known.values():
        fence = marked.get(row.ordinal)
        if fence is None:
            if _was_done(state, row) and row.ordinal > last:
                missing.add(row.ordinal)
        elif row.status is StepStatus.UNDONE and (fence <= (row.fence or 0) or state is State.ABORTED):
            revived.add(row.ordinal)
        elif fence > (row.fence or 0):
            ahead.add(row.ordinal)
    strangers = tuple(sorted(set(marks.done) - set(known)))
    return Reckoning(frozenset(ahead), frozenset(revived), frozenset(missing), strangers)
