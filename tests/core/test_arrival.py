"""What "reached" means for every pair of states, and when nobody should wait any longer."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core.arrival import arrived, may_arrive, never, not_yet, trouble
from orchestrator.core.errors import Blocked, Stale, Waiting
from orchestrator.core.gate import GateStatus, Requirement
from state.model import GateName, State, StepStatus, Verdict
from tests.tui.fakes import LEASE, status, step

S = State
WAY = "planned expanding expanded backfilling backfilled switching switched contracting contracted purging completed"
"""The order of design §4, written down a second time."""


@pytest.mark.parametrize("wanted", list(S))
@pytest.mark.parametrize("state", list(S))
def test_reached_is_there_or_further_on_the_way(state: State, wanted: State) -> None:
    way = WAY.split()
    ahead = state.value in way and wanted.value in way and way.index(state.value) >= way.index(wanted.value)
    assert arrived(state, wanted) is (ahead or state is wanted)


@pytest.mark.parametrize("wanted", list(S))
def test_what_can_still_come(wanted: State) -> None:
    assert may_arrive(S.ABORTED, wanted) is (wanted is S.ABORTED)
    assert may_arrive(S.ABORTING, wanted) is (wanted in (S.ABORTING, S.ABORTED))
    assert may_arrive(S.PLANNED, wanted), "everything lies before a new change"
    assert may_arrive(S.PURGING, wanted) is (wanted.value in WAY.split()), "no way leads back from a purge"


def test_after_an_undo_the_way_forward_is_open_again() -> None:
    assert not arrived(S.UNDOING, S.SWITCHED)
    assert may_arrive(S.UNDOING, S.COMPLETED)
    assert may_arrive(S.CONTRACTED, S.ABORTED)


def _closed(kind: str, verdict: Verdict) -> dict[str, Any]:
    return {"gate": GateStatus(GateName.CONTRACT, False, (Requirement(kind, kind, verdict, "why"),), "")}


def test_an_aborted_change_never_arrives_and_says_so() -> None:
    refused = never(status("c", S.ABORTED), S.COMPLETED)
    assert isinstance(refused, Blocked)
    assert "never completed again" in str(refused)
    assert never(status("c", S.ABORTED), S.ABORTED) is None


def test_trouble_is_what_only_a_person_can_mend() -> None:
    failed = (step(2, "expand", "add", status=StepStatus.RUNNING, error="disk full"),)
    assert isinstance(trouble(status("c", S.EXPANDING, steps=failed)), Blocked)
    assert trouble(status("c", S.EXPANDING, steps=failed, lease=LEASE)) is None, "somebody tries again"
    assert isinstance(trouble(status("c", S.SWITCHED, **_closed("check", Verdict.FAIL))), Blocked)
    assert isinstance(trouble(status("c", S.SWITCHED, **_closed("approval", Verdict.FAIL))), Stale)
    for kind in ("check", "approval", "soak", "window", "hold"):
        assert trouble(status("c", S.SWITCHED, **_closed(kind, Verdict.UNKNOWN))) is None, kind


def test_when_patience_is_over_the_exit_code_says_what_is_missing() -> None:
    def code(**parts: Any) -> int:
        return not_yet(status("c", S.SWITCHED, **parts), S.COMPLETED, "5m").exit_code

    assert code() == 3
    assert code(**_closed("soak", Verdict.UNKNOWN)) == 3
    assert code(**_closed("check", Verdict.FAIL)) == 4
    assert code(**_closed("approval", Verdict.FAIL)) == 6
    untaken = Requirement("check", "evidence", Verdict.UNKNOWN, "the checks have not run yet")
    consent = Requirement("approval", "approvals", Verdict.UNKNOWN, "0 of 1")
    for needs in ((untaken,), (untaken, consent)):
        assert code(gate=GateStatus(GateName.CONTRACT, False, needs, "")) == 3, "whoever goes on takes evidence"
    assert isinstance(not_yet(status("c", S.SWITCHED), S.COMPLETED, "5m"), Waiting)
