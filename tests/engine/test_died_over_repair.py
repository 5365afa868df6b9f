"""A worker finds that the target lost what was done, and dies over the repair: the next one brings all of it about, in order."""

from __future__ import annotations

import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.service.world import World


def _dies_when_something_is_gone(world: World, *, goal: State, at: int = 1) -> None:
    """A worker that finds steps gone, records so, and dies before it has brought about again the one it found ``at`` last."""

    class Died(Exception):
        pass

    found: list[Progress] = []

    def die(progress: Progress) -> None:
        if progress.kind == "waiting":
            found.append(progress)
        if len(found) == at:
            raise Died

    with pytest.raises(Died):
        world.to(goal, listen=die)


def test_a_worker_that_dies_over_a_step_that_was_gone_leaves_it_to_the_next(world: World) -> None:
    """It has recorded that the step is not done any more; the change rests, and no phase of its own would bring it about."""
    world.submit("rename_column: {table: orders, column: email, to: mail}")
    world.to(State.EXPANDED)
    (change,) = world.rows(
        "SELECT DISTINCT tgfoid::regproc::text FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal"
    )
    world.run(f"DROP FUNCTION {change[0]} CASCADE")
    _dies_when_something_is_gone(world, goal=State.BACKFILLED)
    assert [step.status for step in world.service.status("change").steps][:2] == ["done", "pending"]
    world.run("UPDATE orders SET email = 'late' WHERE id = 1")
    world.to(State.COMPLETED)
    assert world.rows("SELECT mail FROM orders WHERE id = 1") == [("late",)]
    assert world.service.audit_verify() == []


def test_what_a_pending_step_needs_is_brought_about_before_it(world: World) -> None:
    """A second failover takes what the first repair had brought about: the fill is pending, and its functions are gone again."""
    world.submit("change_type: {table: orders, column: quantity, to: amount, type: bigint}")
    world.to(State.BACKFILLED)
    generated = "pronamespace = 'orch_target'::regnamespace AND proname ~ '_[0-9a-f]{12}'"

    def lose_the_sync() -> None:
        made = world.rows(f"SELECT oid::regprocedure::text FROM pg_proc WHERE {generated}")
        assert made
        world.run(*(f"DROP FUNCTION IF EXISTS {name} CASCADE" for (name,) in made))

    lose_the_sync()
    _dies_when_something_is_gone(world, goal=State.SWITCHED, at=2)
    steps = world.service.status("change").steps
    assert [step.status for step in steps if step.description.startswith("fill ")] == ["pending"]
    lose_the_sync()
    world.to(State.COMPLETED)
    assert world.rows("SELECT count(*) FROM orders WHERE amount IS NULL") == [(0,)]
    assert world.service.audit_verify() == []
