"""What people say besides consent: nothing may start for a while, a deploy has happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.core.errors import Blocked, Invalid, OrchError, Waiting
from orchestrator.readiness import ready
from state import known
from state.model import State
from state.store import Registry
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
EXTERNAL = QUICK + "switch_reads: {by: external, deploy: shop}\n"
HOUR = timedelta(hours=1)


def _ready(world: World) -> list[str]:
    with Registry(world.url) as registry, registry.reading() as connection:
        return ready(known.everything(connection))


# -- freezes ---------------------------------------------------------------------------------------------------------


def test_nothing_starts_while_everything_is_frozen(world: World) -> None:
    world.submit(RENAME)
    world.service.approve("change")
    assert _ready(world) == ["change"]
    world.service.freeze(HOUR, reason="the sale is on")
    with pytest.raises(Waiting, match=r"freeze: unknown: until .*the sale is on") as waits:
        world.service.advance("change")
    assert waits.value.exit_code == 3
    assert _ready(world) == [], "a worker does not try"
    assert world.service.status("change").state is State.PLANNED
    world.service.freeze(None, reason="the sale is over")
    assert world.service.freezes() == ()
    assert world.service.advance("change").state is State.EXPANDED
    kinds = [event.kind for event in world.service.events() if event.kind.startswith("freeze.")]
    assert kinds == ["freeze.set", "freeze.lifted"]
    assert world.service.audit_verify() == []


def test_a_freeze_ends_by_the_clock_of_the_registry(world: World) -> None:
    world.submit(RENAME)
    world.service.approve("change")
    world.service.freeze(timedelta(seconds=1.5), reason="short")
    with pytest.raises(Waiting):
        world.service.advance("change")
    world.until("SELECT pg_sleep(1.6) IS NOT NULL")
    assert world.service.advance("change").state is State.EXPANDED


def test_a_freeze_of_one_target_binds_no_other(world: World) -> None:
    world.submit(RENAME)
    world.service.approve("change")
    with pytest.raises(Invalid):
        world.service.freeze(HOUR, reason="elsewhere", target="nowhere")
    with Registry(world.url) as registry:
        registry.freeze(datetime.now(UTC) + HOUR, "elsewhere", "other")
    assert world.service.advance("change").state is State.EXPANDED
    world.service.freeze(HOUR, reason="here", target=world.service.status("change").target)
    world.service.approve("change")
    with pytest.raises(Waiting, match="here"):
        world.service.advance("change")


def test_work_in_hand_goes_on_under_a_freeze(world: World) -> None:
    """It limits starting, not finishing: a phase that stands half done hurts more than one that ends."""
    world.submit(RENAME)
    world.service.approve("change")

    class Died(Exception):
        pass

    def die(_: object) -> None:
        if world.rows("SELECT 1 FROM orch.step WHERE status = 'done'"):
            raise Died

    with pytest.raises(Died):
        world.service.advance("change", listen=die)
    assert world.service.status("change").state is State.EXPANDING
    world.service.freeze(HOUR, reason="meanwhile")
    assert world.service.advance("change").state is State.EXPANDED


def test_breaking_glass_goes_through_a_freeze_and_is_told(world: World) -> None:
    world.submit(RENAME)
    world.service.freeze(HOUR, reason="the sale is on")
    assert world.service.advance("change", break_glass="the site is down").state is State.EXPANDED
    (event,) = [event for event in world.service.events("change") if event.kind == "break_glass.used"]
    assert event.data["skipped"] == ["freeze"]


def test_a_freeze_needs_a_reason_and_a_future(world: World) -> None:
    with pytest.raises(OrchError, match="needs a reason"):
        world.service.freeze(HOUR, reason=" ")
    with pytest.raises(OrchError, match="is over already"):
        world.service.freeze(datetime.now(UTC) - HOUR, reason="yesterday")
    assert {event.kind for event in world.service.events()} == {"registry.home"}


# -- deploys ---------------------------------------------------------------------------------------------------------


def test_an_external_switch_waits_for_its_deploy(world: World) -> None:
    world.submit(RENAME, more=EXTERNAL)
    world.to(State.BACKFILLED)
    world.service.approve("change")
    with pytest.raises(Waiting, match="the deploy of shop that reads the new shape is not attested") as waits:
        world.service.advance("change")
    assert waits.value.exit_code == 3
    world.service.attest("change", deploy="billing", release="7")
    with pytest.raises(Waiting, match="not attested"):
        world.service.advance("change")
    status = world.service.attest("change", deploy="shop", release="2.4", url="https://ci.example/1")
    assert status.gate is not None
    assert [need.detail for need in status.gate.requirements if need.kind == "deploy"] == [
        "shop 2.4, attested by postgres, https://ci.example/1"
    ]
    assert world.service.advance("change").state is State.SWITCHED
    assert world.service.audit_verify() == []


def test_a_deploy_from_before_the_backfill_ended_does_not_count(world: World) -> None:
    world.submit(RENAME, more=EXTERNAL)
    world.to(State.EXPANDED)
    world.service.attest("change", deploy="shop", release="2.4")
    world.to(State.BACKFILLED)
    world.service.approve("change")
    with pytest.raises(Waiting, match="not attested"):
        world.service.advance("change")


def test_after_the_reads_went_back_it_is_asked_for_anew(world: World) -> None:
    world.submit(RENAME, more=EXTERNAL)
    world.to(State.BACKFILLED)
    world.service.attest("change", deploy="shop", release="2.4")
    world.to(State.SWITCHED)
    world.service.undo("change", reason="it was slow")
    assert world.service.advance("change").state is State.BACKFILLED
    world.service.approve("change")
    with pytest.raises(Waiting, match="not attested"):
        world.service.advance("change")


def test_breaking_glass_does_not_stand_in_for_a_deploy(world: World) -> None:
    world.submit(RENAME, more=EXTERNAL)
    world.to(State.BACKFILLED)
    with pytest.raises(Waiting, match="not attested"):
        world.service.advance("change", break_glass="hurry")


@pytest.mark.parametrize(("deploy", "release"), [("", "1"), ("shop", " "), ("sh\nop", "1")])
def test_a_deploy_without_words_is_refused(world: World, deploy: str, release: str) -> None:
    world.submit(RENAME)
    with pytest.raises((Invalid, Blocked)):
        world.service.attest("change", deploy=deploy, release=release)
