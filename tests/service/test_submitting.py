"""Submitting is what pipelines repeat, and advancing what they ask for again: both say the same each time."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked, Stale
from state.model import State
from tests.service.world import QUICK, World, source

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


def test_the_same_file_again_changes_nothing_at_any_state(world: World) -> None:
    text = source(RENAME)
    first, changed = world.service.submit(text, "c.yaml")
    assert changed
    for state in (State.PLANNED, State.EXPANDED, State.SWITCHED, State.CONTRACTED, State.COMPLETED):
        world.to(state)
        before = world.kinds()
        again, changed = world.service.submit("# only a comment\n" + text, "c.yaml")
        assert (again.state, changed, again.plan_sha256) == (state, False, first.plan_sha256)
        assert world.kinds() == before


@pytest.mark.parametrize("other", ["title: Another\n", "park: 3d\n", "verify: [{name: q, sql: select 1, expect: 1}]\n"])
def test_another_file_under_an_id_that_has_begun_is_exit_4(world: World, other: str) -> None:
    """Even where the file could no longer be planned, since our own steps have changed the schema."""
    world.submit(RENAME)
    world.to(State.EXPANDED)
    before = world.kinds()
    with pytest.raises(Blocked, match="change is expanded, so its file can no longer change") as refused:
        world.submit(RENAME, more=QUICK + other)
    assert refused.value.exit_code == 4
    assert world.kinds() == before


@pytest.mark.parametrize(
    "meanwhile",
    [
        "CREATE INDEX late ON orders (email)",
        "ALTER TABLE orders RENAME email TO mail",
        "ALTER TABLE orders ADD customer_email text",
        "DROP TABLE orders",
        "ALTER TABLE orders ALTER email TYPE varchar(80)",
        "CREATE VIEW late AS SELECT email FROM orders",
    ],
)
def test_a_plan_that_the_schema_has_left_behind_is_exit_6_and_touches_nothing(world: World, meanwhile: str) -> None:
    world.submit(RENAME)
    world.run(meanwhile)
    before = world.seen() if "DROP" not in meanwhile else None
    with pytest.raises(Stale, match="no longer fits") as refused:
        world.step()
    assert refused.value.exit_code == 6
    assert world.service.status("change").state is State.PLANNED
    assert before is None or world.seen() == before


def test_the_same_file_is_planned_anew_where_the_schema_has_left_its_plan_behind(world: World) -> None:
    """That is what the refusal tells people to do."""
    text = source(RENAME, more=QUICK.replace("expand: {approvals: 0}", "expand: {approvals: 1}"))
    world.service.submit(text, "c.yaml")
    world.service.approve("change")
    world.run("CREATE INDEX late ON orders (email)")
    with pytest.raises(Stale, match="orch submit FILE"):
        world.service.advance("change")
    status, changed = world.service.submit(text, "c.yaml")
    assert changed
    assert status.gate is not None
    assert not status.gate.ready  # approvals are asked for again
    world.to(State.COMPLETED)
    assert "late" in [row[0] for row in world.seen()[0]["indexes"]]


def test_going_through_to_where_a_change_already_is_or_was_does_nothing(world: World) -> None:
    """A pipeline that runs again must not contract because it asks for expanded."""
    world.submit(RENAME)
    assert world.service.advance("change", through=State.SWITCHED).state is State.SWITCHED
    world.service.approve("change")
    before = world.kinds()
    for state in (State.EXPANDED, State.BACKFILLED, State.SWITCHED):
        assert world.service.advance("change", through=state).state is State.SWITCHED
    assert world.kinds() == before
    world.to(State.COMPLETED)
    assert world.service.advance("change", through=State.CONTRACTED).state is State.COMPLETED


def test_going_through_phases_without_steps_arrives(world: World) -> None:
    world.submit("add_index: {table: orders, columns: [email], name: by_email}")
    assert world.service.advance("change", through=State.BACKFILLED).state is State.COMPLETED


def test_going_through_is_refused_where_it_can_never_be(world: World) -> None:
    world.submit(RENAME)
    world.to(State.EXPANDED)
    world.abort()
    with pytest.raises(Blocked, match="aborted"):
        world.service.advance("change", through=State.SWITCHED)
    assert world.service.advance("change").state is State.ABORTED
    assert world.service.advance("change", through=State.ABORTED).state is State.ABORTED
