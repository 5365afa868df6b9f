"""A fleet that is kept current says the same as one that is read whole, whatever has happened in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestrator import refreshing
from orchestrator.refreshing import Fleet
from state.model import State
from tests.service.world import World

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
ADD = "add_column: {table: orders, column: remark, type: text}"


def submit(world: World, name: str, operation: str, rest: str = "") -> None:
    text = f"change: {name}\ntitle: A change\noperations:\n  - {operation}\n{rest}"
    world.service.submit(text + "readers: {statements: none, reason: a test}\n", f"{name}.yaml")


def shapes(statuses: Any) -> list[dict[str, Any]]:
    """What people see, but for the seconds that pass between two questions."""
    found = []
    for each in statuses:
        shape = each.to_json()
        shape["lease"] = shape["lease"] and shape["lease"]["owner"]
        found.append(shape)
    return found


def agree(world: World, fleet: Fleet | None) -> Fleet:
    now = world.service.fleet(fleet)
    assert shapes(now.statuses) == shapes(world.service.statuses())
    return now


def test_after_everything_that_people_and_workers_do(world: World) -> None:
    service = world.service
    fleet = agree(world, None)
    acts: list[Callable[[], object]] = [
        lambda: submit(world, "first", RENAME),
        lambda: submit(world, "second", ADD),
        lambda: service.approve("first"),
        lambda: service.reject("second", reason="not yet"),
        lambda: service.pause("second", reason="lunch"),
        lambda: service.freeze(timedelta(hours=1), reason="the sale"),
        lambda: service.freeze(None, reason="over"),
        lambda: service.advance("first"),
        lambda: service.resume("second"),
        lambda: service.tune("first", {"lanes": 2}),
        lambda: service.attest("first", deploy="shop", release="2"),
        lambda: service.request("first"),
        lambda: service.approve("first"),
        lambda: service.advance("first"),
        lambda: service.verify("first"),
        lambda: service.hold_everything(reason="the site is down"),
        lambda: service.let_go(reason="it is up"),
        lambda: service.abort("first", reason="not today"),
        lambda: service.advance("first"),
    ]
    for act in acts:
        act()
        fleet = agree(world, fleet)
    assert fleet.entries["first"].status.state is State.ABORTED


def test_only_what_moved_is_read_again(world: World) -> None:
    submit(world, "first", RENAME)
    submit(world, "second", ADD)
    before = world.service.fleet()
    world.service.pause("second", reason="lunch")
    now = world.service.fleet(before)
    assert now.entries["first"] is before.entries["first"]
    assert now.entries["second"].status.hold is not None


def test_figures_and_the_end_of_a_lease_need_no_event(world: World) -> None:
    submit(world, "first", RENAME)
    world.service.approve("first")
    world.service.advance("first")
    before = world.service.fleet()
    world.run(
        "UPDATE orch.change SET state = 'backfilling'",
        "UPDATE orch.lease SET owner = 'w', acquired_at = now(), expires_at = now() + interval '1 s'",
        "INSERT INTO orch.backfill (change_id, ordinal, table_name, rows_done, rows_total, updated_at)"
        " SELECT change_id, ordinal, 'orders', 1, 300, clock_timestamp() FROM orch.step WHERE phase = 'backfill' LIMIT 1",
    )
    world.run("UPDATE orch.change SET version = version + 1")
    before = agree(world, before)
    assert before.entries["first"].status.lease is not None
    world.run("UPDATE orch.backfill SET rows_done = 200, updated_at = clock_timestamp()")
    now = agree(world, before)
    assert now.entries["first"].status.backfills[0].rows_done == 200
    assert now.entries["first"].read_at == before.entries["first"].read_at, "only the figures were read"
    time.sleep(1.1)
    assert agree(world, now).entries["first"].status.lease is None, "nobody said that it ended"


def test_what_the_file_holds_a_backfill_to_is_known(world: World) -> None:
    submit(world, "first", RENAME, "backfill: {statement_time: 20ms, lanes: 3}\n")
    (found,) = world.service.fleet().statuses
    assert (found.control["statement_time"], found.control["lanes"]) == ("20ms", 3)
    assert found.control == world.service.status("first").control


def test_an_approval_that_expires_is_noticed_without_an_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "READ_AGAIN", timedelta(seconds=0.2))
    monkeypatch.setattr(refreshing, "TURN", timedelta(seconds=0.5))
    submit(world, "first", RENAME, "gates: {expand: {expires: 1s}}\n")
    world.service.approve("first")
    fleet = agree(world, None)
    assert "0 of 1" not in fleet.entries["first"].status.why
    time.sleep(1.2)
    assert "0 of 1" in agree(world, fleet).entries["first"].status.why


def test_soak_is_judged_by_the_clock_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "JUDGE_AGAIN", timedelta(seconds=0.1))
    monkeypatch.setattr(refreshing, "READ_MOST", 0)
    submit(world, "first", RENAME, "gates: {expand: {soak: 1s, approvals: 0}}\n")
    fleet = world.service.fleet()
    time.sleep(1.1)
    now = agree(world, fleet)
    assert now.entries["first"].read_at == fleet.entries["first"].read_at
    assert "left of 1s" in fleet.entries["first"].status.why
    assert "left of 1s" not in now.entries["first"].status.why


def test_a_change_that_is_gone_is_gone(world: World) -> None:
    submit(world, "first", RENAME)
    submit(world, "second", ADD)
    fleet = agree(world, None)
    world.run("SET session_replication_role = replica; DELETE FROM orch.change WHERE id = 'first'")
    assert [each.change for each in agree(world, fleet).statuses] == ["second"]
