"""Tuning a backfill from the screen: only what was changed is sent, and what cannot be is said while it is typed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.service import Service
from state.model import State, StepStatus
from tests.support.release import NO_PROOF
from tests.tui.fakes import CONTROL, STEPS, FakeService, backfill, status
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, submit
from tests.tui.test_screens import yes
from tui.tune import TuneModal
from tui.tunemodel import fields_of, moved, nothing_to_tune, settings

__all__ = ["shop"]
FILLING = status("orders-email", State.BACKFILLING, steps=STEPS, backfills=(backfill(5, 10),))
BIG = f"""
change: orders-big
title: Shorten
{NO_PROOF}
operations:
  - change_type: {{table: orders, column: email, to: mail, type: varchar}}
"""
SAME = {"statement_time": "100ms", "max_replica_lag": "5s", "lanes": "1", "window": ""}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({}, {}),
        ({"statement_time": " 250ms "}, {"statement_time": "250ms"}),
        ({"lanes": "4", "window": "22:00-05:00"}, {"lanes": 4, "window": "22:00-05:00"}),
    ],
)
def test_only_what_was_changed_is_asked_for(typed: dict[str, str], asked: dict[str, Any]) -> None:
    assert settings(FILLING, SAME | typed) == asked


def test_what_is_emptied_is_lifted_where_that_can_be() -> None:
    windowed = replace(FILLING, control={**CONTROL, "window": "22:00-05:00"})
    assert settings(windowed, SAME) == {"window": None}
    with pytest.raises(ValueError, match="lanes cannot be empty"):
        settings(FILLING, SAME | {"lanes": ""})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lanes", "99", "lanes"),
        ("lanes", "two", "lanes"),
        ("statement_time", "soon", "statement_time"),
        ("window", "x", "x"),
    ],
)
def test_what_cannot_be_is_named(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(FILLING, SAME | {name: text})


def test_a_latency_is_asked_for_only_where_there_is_a_probe() -> None:
    assert "max_latency" not in fields_of(FILLING)
    probing = replace(FILLING, control={**CONTROL, "probe": "SELECT 1", "signals": ["queue"]})
    assert settings(probing, SAME | {"max_latency": "80ms"}) == {"max_latency": "80ms"}


def test_tuning_is_out_of_place_without_a_backfill_ahead() -> None:
    done = tuple(replace(step, status=StepStatus.DONE) for step in STEPS)
    assert nothing_to_tune(FILLING) == ""
    assert "is over" in nothing_to_tune(replace(FILLING, steps=done))
    assert "fills no rows" in nothing_to_tune(replace(FILLING, steps=STEPS[:2]))
    assert "is completed" in nothing_to_tune(replace(FILLING, state=State.COMPLETED))


def test_what_somebody_else_tuned_voids_what_was_read() -> None:
    assert moved(FILLING, replace(FILLING, version=9)) == ""
    assert moved(FILLING, replace(FILLING, control={**CONTROL, "lanes": 2})) == "somebody else tuned it"
    assert moved(FILLING, replace(FILLING, plan_sha256="x")) == "the plan changed"


@piloted
async def test_the_modal_sends_what_was_changed_with_the_version_it_saw() -> None:
    service = FakeService([FILLING])
    async with running(service) as (app, pilot):
        await pilot.press("t")
        await until_text(pilot, app, "nothing is changed yet")
        app.screen.query_one("#lanes").value = "x"  # type: ignore[attr-defined]
        await until_text(pilot, app, "is not a number of lanes")
        assert yes(app).disabled
        app.screen.query_one("#lanes").value = "3"  # type: ignore[attr-defined]
        await until_text(pilot, app, "will be: lanes 3")
        yes(app).press()
        await until(pilot, lambda: service.asked, "the request arrived")
        assert service.asked == [("tune", "orders-email", "{'lanes': 3}", 7)]


@piloted
async def test_tuning_is_kept_by_the_real_service_and_refused_once_it_is_old(shop: Service) -> None:
    await asyncio.to_thread(shop.submit, BIG, "orders-big.yaml")
    submit(shop, "zz-note")
    async with running(shop, (100, 30), monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-big")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TuneModal), "the modal")
        app.screen.query_one("#statement_time").value = "250ms"  # type: ignore[attr-defined]
        await until_text(pilot, app, "will be: statement time 250ms")
        await asyncio.to_thread(shop.tune, "orders-big", {"lanes": 2})
        await until_text(pilot, app, "REFUSED: somebody else tuned it")
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(app.screen, TuneModal), "the modal again")
        app.screen.query_one("#statement_time").value = "250ms"  # type: ignore[attr-defined]
        await until(pilot, lambda: not yes(app).disabled, "yes is possible")
        yes(app).press()
        await until(pilot, lambda: shop.status("orders-big").tuned.get("statement_time") == "250ms", "tuned")
    assert shop.status("orders-big").control["lanes"] == 2
