"""Reads switch part by part: each stands as long as it should, nobody is woken meanwhile, and one word takes all back."""

from __future__ import annotations

import time

import pytest

from orchestrator.core.errors import Blocked, Waiting
from orchestrator.core.progress import Progress
from state.model import State
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: email, to: mail}"


def _to_the_ramp(world: World, each: str, ramp: str = "[1, 50]") -> None:
    world.submit(RENAME, more=QUICK + f"switch_reads: {{ramp: {ramp}, each: {each}}}\n")
    world.to(State.BACKFILLED)
    with pytest.raises(Waiting, match=r"for 1 %; for 50 % in") as waiting:
        world.service.advance("change")
    assert waiting.value.exit_code == 3


def _percent(world: World) -> int:
    ((percent,),) = world.rows("SELECT percent FROM orch_target.read_switch")
    return int(percent)


def test_every_part_stands_its_time_and_then_all_have_switched(world: World) -> None:
    _to_the_ramp(world, "2s")
    begun, seen = time.monotonic(), set()

    def listen(told: Progress) -> None:
        if told.kind == "waiting":
            seen.add((_percent(world), told.message.partition(" in ")[0]))

    assert world.service.advance("change", through=State.SWITCHED, wait=20.0, listen=listen).state is State.SWITCHED
    assert time.monotonic() - begun > 3.0
    assert {percent for percent, _ in seen} == {1, 50}
    assert _percent(world) == 100
    assert world.service.audit_verify() == []


def test_what_stands_is_said_and_wakes_no_worker(world: World) -> None:
    _to_the_ramp(world, "1h")
    status = world.service.status("change")
    assert status.why.startswith("reads_new answers true for 1 %; for 50 % in 59m")
    assert status.to_json()["ramp"] == {"percent": 1, "then": 50, "seconds": pytest.approx(3590, abs=60)}
    assert world.service.ready() == []
    before = len(world.kinds())
    with pytest.raises(Waiting):
        world.service.advance("change", wait=4.0)
    assert len(world.kinds()) - before <= 4  # the lease taken and given back at the first and at the last try


def test_going_back_is_one_step_from_any_part(world: World) -> None:
    _to_the_ramp(world, "1h")
    world.service.undo("change", reason="errors on the new shape")
    assert world.service.advance("change").state is State.BACKFILLED
    assert _percent(world) == 0
    with pytest.raises(Waiting, match="for 1 %"):
        world.service.advance("change")
    assert _percent(world) == 1
    world.abort("change")
    assert world.service.status("change").state is State.ABORTED
    assert world.service.audit_verify() == []


def test_no_worker_switches_again_what_a_person_took_back(world: World) -> None:
    _to_the_ramp(world, "1h")
    world.service.undo("change", reason="errors on the new shape")
    world.service.advance("change")
    assert world.service.ready() == []
    assert world.service.status("change").why == "ready: orch advance change starts switch_reads"
    world.service.request("change")
    assert world.service.ready() == ["change"]


def test_consent_to_the_switch_does_not_outlive_its_being_taken_back(world: World) -> None:
    more = QUICK.replace("switch_reads: {approvals: 0}", "switch_reads: {approvals: 1}")
    world.submit(RENAME, more=more + "switch_reads: {ramp: [5], each: 1h}\n")
    world.to(State.BACKFILLED)
    world.service.approve("change")
    with pytest.raises(Waiting, match="for 5 %"):
        world.service.advance("change")
    world.service.undo("change", reason="errors on the new shape")
    world.service.advance("change")
    with pytest.raises(Waiting, match="0 of 1"):
        world.service.advance("change")


def test_a_hold_keeps_the_part_that_stands(world: World) -> None:
    _to_the_ramp(world, "1s")
    world.service.pause("change", reason="look at the dashboards")
    time.sleep(1.2)
    assert world.service.ready() == []
    with pytest.raises(Waiting, match="look at the dashboards"):
        world.service.advance("change")
    assert _percent(world) == 1
    world.service.resume("change")
    with pytest.raises(Waiting, match="for 50 %; for 100 % in"):
        world.service.advance("change")


def test_contract_waits_for_the_whole_switch(world: World) -> None:
    _to_the_ramp(world, "1h")
    with pytest.raises(Blocked, match="no gate is ahead"):
        world.service.verify("change")


def test_a_part_that_a_failover_lost_is_brought_about_again(world: World) -> None:
    _to_the_ramp(world, "1s")
    world.run("DELETE FROM orch_target.read_switch")
    with pytest.raises(Waiting, match="for 1 %; for 50 %"):
        world.service.advance("change")
    assert _percent(world) == 1
