"""A change of a large table does not expand before it was taken through on a copy as large, and nothing spoke against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Blocked
from orchestrator.service import Service
from state.model import Rehearsed, State, Verdict
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: email, to: mail}"
NEW = "create_table: {table: fresh, columns: [{name: id, type: bigint}]}"


@pytest.fixture
def large(world: World) -> Iterator[World]:
    """A world in which 300 rows, which the server has counted, are many."""
    world.run("ANALYZE orders")
    target = TargetConfig("shop", world.url, rehearse_from=300)
    with Service(Config(world.url, {"shop": target})) as service:
        yield World(world.url, service)


def rehearsal(world: World) -> Rehearsed:
    """One that fits."""
    ((server,),) = world.rows("SELECT current_setting('server_version_num')::int / 10000")
    plan = world.service.status("change").plan_sha256
    return Rehearsed(plan, "synthetic", server, size_class=2, rows=300, hold_ms=4.0, stall_ms=9.0, seconds=12.5)


def _refused(world: World) -> str:
    with pytest.raises(Blocked) as refused:
        world.service.advance("change")
    assert refused.value.exit_code == 4
    assert world.service.status("change").state is State.PLANNED
    return refused.value.message


def test_what_was_never_rehearsed_does_not_expand(large: World) -> None:
    large.submit(RENAME)
    assert "a table has about 300 rows, and this plan was never rehearsed: orch rehearse change" in _refused(large)
    assert large.service.keep_rehearsal("change", rehearsal(large)) == ""
    assert large.service.advance("change").state is State.EXPANDED
    assert large.service.audit_verify() == []


def test_so_is_a_change_that_begins_with_the_switch(large: World) -> None:
    large.submit("drop_table: {table: orders}")
    with pytest.raises(Blocked, match="never rehearsed"):
        large.service.advance("change")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"over_budget": ("step 3 (x), to the end held a strong lock 90 ms; max_lock_hold is 50 ms",)}, "step 3 (x)"),
        ({"broken": 2}, "2 statements failed"),
        ({"problems": 1}, "see its report"),
        ({"server": 1}, "it was rehearsed on PostgreSQL 1, and this is"),
        ({"size_class": 1}, "on a copy of about 10^1 rows, and a table has about 300"),
    ],
)
def test_one_that_does_not_fit_or_has_faults_does_not_count(large: World, wrong: dict[str, object], said: str) -> None:
    large.submit(RENAME)
    large.service.keep_rehearsal("change", replace(rehearsal(large), **wrong))  # type: ignore[arg-type]
    assert said in _refused(large)


def test_the_last_one_counts_and_only_for_its_plan(large: World) -> None:
    large.submit(RENAME)
    good = rehearsal(large)
    large.service.keep_rehearsal("change", replace(good, broken=1))
    large.service.keep_rehearsal("change", good)
    shown = large.service.status("change").to_json()["rehearsal"]
    assert (shown["broken"], shown["stale"], shown["actor"]) == (0, False, "postgres")
    large.submit(RENAME, more=QUICK + "park: 1d\n")
    assert large.service.status("change").to_json()["rehearsal"]["stale"]
    assert "never rehearsed" in _refused(large)
    assert large.service.keep_rehearsal("change", good).startswith("change is submitted with another plan")
    assert large.service.keep_rehearsal("other", good) == "other is not submitted"


def test_a_table_that_grew_asks_for_another_rehearsal(large: World) -> None:
    large.submit(RENAME)
    large.service.keep_rehearsal("change", rehearsal(large))
    large.run("INSERT INTO orders (email, quantity) SELECT 'm', 1 FROM generate_series(1, 800)", "ANALYZE orders")
    assert "on a copy of about 10^2 rows, and a table has about 1,100" in _refused(large)


def test_it_is_asked_before_the_first_step_whatever_phase_that_is_in(large: World) -> None:
    large.submit("set_not_null: {table: orders, column: note, fill: \"'none'\"}")
    with pytest.raises(Blocked, match="this plan was never rehearsed"):
        large.service.advance("change")
    assert "set_not_null" in large.service.source("change")
    large.service.keep_rehearsal("change", rehearsal(large))
    large.to(State.SWITCHED)
    assert large.rows("SELECT count(*) FROM orders WHERE note IS NULL") == [(0,)]


def test_partitions_count_together(large: World) -> None:
    large.run(
        "CREATE TABLE logs (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id)",
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (200)",
        "CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (200) TO (1000)",
        "INSERT INTO logs SELECT i, 'n' FROM generate_series(1, 350) i",
        "ANALYZE logs",
    )
    large.submit("rename_column: {table: logs, column: note, to: remark}")
    assert "about 350 rows" in _refused(large)


def test_small_and_new_tables_and_whoever_switched_it_off_go_on(large: World, world: World) -> None:
    large.run("DELETE FROM orders WHERE id > 299", "ANALYZE orders")
    for change, operation in (("change", RENAME), ("new", NEW)):
        large.submit(operation, change=change)
        assert large.service.verify(change, checks=["rehearsed"]).findings == ()
        assert large.service.advance(change).state is not State.PLANNED
    world.run("INSERT INTO orders (email, quantity) SELECT 'm', 1 FROM generate_series(1, 800)", "ANALYZE orders")
    off = TargetConfig("shop", world.url, rehearse_from=0)
    with Service(Config(world.url, {"shop": off})) as service:
        World(world.url, service).submit("add_column: {table: orders, column: extra, type: text}", change="off")
        assert service.advance("off").state is not State.PLANNED


def test_one_that_was_not_asked_for_is_shown_and_its_faults_count(world: World) -> None:
    world.submit(RENAME)
    world.service.keep_rehearsal("change", rehearsal(world))
    (found,) = world.service.verify("change", checks=["rehearsed"]).findings
    assert (found.verdict, "locks held 4 ms" in found.detail) == (Verdict.PASS, True)
    world.service.keep_rehearsal("change", replace(rehearsal(world), broken=1))
    _refused(world)


def test_a_change_that_has_begun_is_not_rehearsed_by_its_name(world: World) -> None:
    world.submit(RENAME)
    assert "rename_column" in world.service.source("change")
    world.to(State.EXPANDED)
    with pytest.raises(Blocked, match="rehearsed and exported before it begins"):
        world.service.source("change")
