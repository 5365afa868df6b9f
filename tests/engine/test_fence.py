"""A worker whose fence is over writes nothing to the target, whatever it still sends (design §5, item 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from orchestrator.core.errors import LeaseLost, OrchError
from orchestrator.core.plan import Plan, parse_plan
from orchestrator.core.ports import Cursor, Fenced, Mark, Observation, Seen, Session
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.engine.lease import Lease
from orchestrator.engine.run import step_id
from state.model import State
from state.store import Registry
from tests.service.world import World

Send = Callable[[Session, Plan, Mark], object]


def _apply(ordinal: int) -> Send:
    return lambda session, plan, mark: session.apply(plan.steps[ordinal - 1].step, mark)


def _undo(ordinal: int) -> Send:
    return lambda session, plan, mark: session.undo(plan.steps[ordinal - 1].step, mark)


def _batch(session: Session, plan: Plan, mark: Mark) -> None:
    step = plan.steps[2].step
    assert isinstance(step, Backfill)
    session.batch(step, mark, Cursor(None, 0, False))


def _mop_up(session: Session, plan: Plan, mark: Mark) -> None:
    step = plan.steps[2].step
    assert isinstance(step, Backfill)
    session.mop_up(step, mark, Cursor(None, 0, True))


def _end(session: Session, plan: Plan, mark: Mark) -> None:
    step = plan.steps[2].step
    assert isinstance(step, Backfill)
    session.end_backfill(step, mark, Cursor(None, 0, True, True))


@pytest.mark.parametrize("send", [_batch, _mop_up, _end, _apply(4), _apply(5), _undo(2), _undo(1)])
def test_nothing_is_written_under_an_older_fence(world: World, send: Send) -> None:
    world.submit("rename_column: {table: orders, column: email, to: customer_email}")
    world.to(State.EXPANDED)
    row = world.service._row("change")
    plan = parse_plan(row.plan)
    target = PostgresTarget("shop", world.url)
    target.raise_fence("change", 8, 1.0)
    before = world.seen(), world.rows("SELECT * FROM orch_target.marker ORDER BY step_id")
    mark = Mark("change", step_id(row.plan_sha256, "change", 3), 3, 7, row.plan_sha256)
    with target.session("change", 7, 3) as session, pytest.raises(Fenced, match="fence 7 of change is over; 8 stands"):
        send(session, plan, mark)
    assert (world.seen(), world.rows("SELECT * FROM orch_target.marker ORDER BY step_id")) == before


def test_a_fence_is_never_lowered(world: World) -> None:
    target = PostgresTarget("shop", world.url)
    target.raise_fence("change", 8, 1.0)
    with pytest.raises(Fenced):
        target.raise_fence("change", 7, 1.0)
    target.raise_fence("other", 1, 1.0)
    assert world.rows("SELECT change_id, fence FROM orch_target.fence ORDER BY 1") == [("change", 8), ("other", 1)]


def test_what_a_worker_sees_whose_lease_is_over_is_no_verdict(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen while it looked, it sees its heir's work half done, and must not call a person."""
    world.submit("rename_column: {table: orders, column: email, to: customer_email}")

    def late(*_: object) -> Observation:
        monkeypatch.setattr(Lease, "_safe_until", 0.0)
        return Observation(Seen.FOREIGN, "orders has no column email")

    monkeypatch.setattr(PostgresSession, "observe", late)
    with pytest.raises(LeaseLost):
        world.step()


def test_an_ordinary_run_says_nothing_of_lost_commits(world: World) -> None:
    world.submit("rename_column: {table: orders, column: email, to: customer_email}")
    world.step()
    assert "registry.behind" not in world.kinds()
    assert not [event for event in world.service.events("change") if "target_fence" in event.data]


class Cancelled:
    """A session that remembers that it was cancelled."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


def test_losing_the_lease_cancels_what_runs_and_stops_what_comes(world: World) -> None:
    world.submit("rename_column: {table: orders, column: email, to: customer_email}")
    with Registry(world.url) as registry:
        fence = registry.acquire("change", "test", 3)
        lease = Lease(registry, "change", fence, 3)
        session = Cancelled()
        try:
            with lease.guarding(session):
                lease.check()
                world.run("UPDATE orch.lease SET expires_at = clock_timestamp()")
                assert registry.acquire("change", "another", 30) == fence + 1
                assert session.cancelled.wait(30)
                with pytest.raises(LeaseLost) as lost:
                    lease.check()
            assert isinstance(lost.value, OrchError)
            assert lost.value.exit_code == 5
            with pytest.raises(LeaseLost), lease.guarding(session):
                pass
        finally:
            lease.close()
