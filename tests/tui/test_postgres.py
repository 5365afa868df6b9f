"""The screens over the real service and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from state.model import State
from tests.conftest import Connect
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_screens import fill, say_yes
from tui.fleet import FleetList
from tui.screenshot import screen_text

CHANGE = """
change: {name}
title: Give orders a note
operations:
  - add_column: {{table: orders, column: {column}, type: text}}
"""


@pytest.fixture
def shop(database: str, connect: Connect) -> Iterator[Service]:
    """A service over a database with one table."""
    connect().execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL)")
    config = Config(database, {"shop": TargetConfig("shop", database)})
    with Service(config, client="tui") as service:
        service.init()
        yield service


def submit(service: Service, name: str, column: str = "note") -> None:
    service.submit(CHANGE.format(name=name, column=column), f"{name}.yaml")


def spoken(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT change_id, gate, decision, reason FROM orch.approval ORDER BY id").fetchall()


@piloted
async def test_a_change_submitted_elsewhere_appears(shop: Service) -> None:
    async with running(shop, monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orch submit FILE")
        await asyncio.to_thread(submit, shop, "orders-note")
        shown = await until_text(pilot, app, "orders-note")
        assert "0 of 1 approvals" in shown
        assert app.screen.query_one(FleetList).selected == "orders-note"


@piloted
async def test_approving_in_the_modal_commits_an_approval(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    async with running(shop, monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("A")
        shown = await until_text(pilot, app, "WILL RUN")
        assert "APPROVE expand gate" in shown
        await fill(pilot, app, "reason", "looks right")
        await say_yes(pilot, app)
        connection = connect()
        await until(pilot, lambda: spoken(connection), "the approval is committed")
        assert spoken(connection) == [("orders-note", "expand", "approve", "looks right")]
        await until(pilot, lambda: app.world.statuses[0].gate is not None and app.world.statuses[0].gate.ready, "ready")


@piloted
async def test_rejecting_writes_the_reason(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    async with running(shop, monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("D")
        await fill(pilot, app, "reason", "report still reads it")
        await say_yes(pilot, app)
        connection = connect()
        await until(pilot, lambda: spoken(connection), "the rejection is committed")
        assert spoken(connection) == [("orders-note", "expand", "reject", "report still reads it")]
        await pilot.press("enter")
        await until_text(pilot, app, "report still reads it")


@piloted
async def test_an_approval_is_refused_when_somebody_else_moved_the_change(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    async with running(shop, monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("A")
        await until_text(pilot, app, "ready to approve")
        await asyncio.to_thread(shop.pause, "orders-note", reason="peak traffic")
        await until_text(pilot, app, "REFUSED: version changed")
        assert spoken(connect()) == []


@piloted
async def test_pause_advance_and_history_are_the_services(shop: Service) -> None:
    submit(shop, "orders-note")
    async with running(shop, (100, 40), monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("p")
        await fill(pilot, app, "reason", "lunch")
        await say_yes(pilot, app)
        await until_text(pilot, app, "PAUSED")
        await pilot.press("r")
        await say_yes(pilot, app)
        await until(pilot, lambda: app.world.statuses[0].hold is None, "resumed")
        await asyncio.to_thread(shop.approve, "orders-note")
        await asyncio.to_thread(shop.advance, "orders-note")
        await until(pilot, lambda: app.world.statuses[0].state is not State.PLANNED, "it moved")
        await pilot.press("enter")
        shown = await until_text(pilot, app, "hold.set")
        assert "expand ✔" in shown


@piloted
async def test_killed_connections_do_not_end_the_screen(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    async with running(shop, monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'orch-tui%%'"
        kill += " AND datname = current_database()"
        for _ in range(5):
            connect().execute(kill)
            await pilot.pause(0.1)
        await until(pilot, lambda: app.world.live and not app.world.trouble, "live again")
        assert "orders-note" in screen_text(app)
