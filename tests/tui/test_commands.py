"""The commands: what workers sent and what runs, over a service in memory and over a real database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import Unreachable
from orchestrator.core.view import CommandView, RunningView
from orchestrator.dialects.postgres.activity import without_values
from orchestrator.dialects.postgres.connection import application_name
from orchestrator.service import Service
from tests.conftest import Connect
from tests.service.world import World
from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, submit
from tui.commands import CommandsScreen
from tui.commandsmodel import command_lines
from tui.line import text_of
from tui.lines import LineView
from tui.screenshot import screen_text
from tui.workerlog import WorkerLogScreen, tail

__all__ = ["shop"]

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


def text(sent: tuple[CommandView, ...], running_: tuple[RunningView, ...] | None, trouble: str = "") -> str:
    return "\n".join(text_of(made).rstrip() for made in command_lines(sent, running_, trouble, 100))


@piloted
async def test_commands_are_one_key_away_newest_first_and_copied() -> None:
    service = FakeService()
    async with running(service, (100, 30)) as (app, pilot):
        await pilot.press("C")
        shown = await until_text(pilot, app, "ALTER TABLE a;")
        assert shown.index("pid 48213") < shown.index("items-sku-notnull step 2") < shown.index("step 1 add column")
        assert "waits for Lock: relation" in shown
        assert "55P03" in shown
        await pilot.press("y")
        await until_text(pilot, app, "copied step 1 of")
        await pilot.press("C")
        assert [type(each) for each in app.screen_stack].count(CommandsScreen) == 1, "not twice on the stack"
        await pilot.press("escape")
        assert not isinstance(app.screen, CommandsScreen)


@piloted
async def test_a_target_that_is_gone_hides_nothing_of_what_was_sent() -> None:
    service = FakeService()
    service.target_gone = Unreachable("the target is unreachable: no route", "orch doctor")
    async with running(service, (100, 30)) as (app, pilot):
        await pilot.press("C")
        shown = await until_text(pilot, app, "no route")
        assert "ALTER TABLE a;" in shown


def test_only_the_last_two_hundred_stay() -> None:
    from tui.commands import KEPT, _Read

    screen = CommandsScreen()
    for start in range(0, 500, 100):
        made = tuple(
            CommandView(n, "2026-11-20T13:02:11Z", "w", "c", n, "done", "", (), "") for n in range(start, start + 100)
        )
        screen.take(_Read(made, ()))
        screen.take(_Read(made, ()))
    assert [each.seq for each in screen._sent] == list(range(500 - KEPT, 500))


def test_a_password_in_a_statement_is_not_shown() -> None:
    leak = "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' -- postgresql://u:hunter2@h/d"
    sent = (CommandView(1, "2026-11-20T13:02:11Z", "w", "c", 1, "started", "", (leak,), ""),)
    assert "hunter2" not in text(sent, (RunningView(1, "c", 1, 1.0, "active", "", leak),))


@given(st.text(st.characters(exclude_characters="'", codec="utf-8", min_codepoint=1)), st.integers(0, 200))
def test_no_value_of_a_statement_is_left_even_if_it_was_cut_off(value: str, cut: int) -> None:
    secret = f"K{value}K"
    for literal in (psycopg.sql.quote(secret), f"$q${secret}$q$"):
        query = f"UPDATE t SET a = {literal} WHERE b > 1"[: 17 + cut]
        assert secret[:8] not in without_values(query) or len(secret) < 3
    assert without_values("SELECT 'it''s', 1") == "SELECT '…', 1"
    assert without_values("SELECT E'a\\'b', $$x'y$$, 2") == "SELECT '…', '…', 2"


# -- over a real database ----------------------------------------------------------------------------------------------


def test_the_log_holds_the_very_statements_in_order_and_how_each_ended(world: World) -> None:
    world.submit(RENAME)
    world.service.approve("change")
    planned = {step.ordinal: step.sql for step in world.service.gate_steps("change")}
    world.service.advance("change")
    found = world.service.commands()
    assert [each.seq for each in found] == sorted(each.seq for each in found)
    started = [each for each in found if each.outcome == "started"]
    assert {each.ordinal: each.sql for each in started} == planned
    assert {each.ordinal for each in found if each.outcome == "done"} == set(planned)
    assert all(each.sql == () for each in found if each.outcome == "done")
    middle = found[2].seq
    assert world.service.commands(after=middle) == found[3:]
    assert world.service.commands(limit=2) == found[-2:]


def test_undo_shows_what_undid(world: World) -> None:
    world.submit(RENAME)
    world.service.approve("change")
    undo = {step.ordinal: step.undo for step in world.service.gate_steps("change")}
    world.service.advance("change")
    world.service.abort("change", reason="not today")
    world.service.advance("change")
    undone = [each for each in world.service.commands() if each.outcome == "undone"]
    assert undone
    assert all(each.sql == undo[each.ordinal] for each in undone)


def test_what_runs_is_seen_wherever_it_was_started_and_without_its_values(world: World) -> None:
    world.submit(RENAME)
    with psycopg.connect(world.url, autocommit=True, application_name=application_name("change", 7, 3)) as link:
        work = threading.Thread(target=_work, args=(link,))
        work.start()
        try:
            while not (found := world.service.running()):
                assert work.is_alive()
            assert [(each.change, each.ordinal, each.state) for each in found] == [("change", 3, "active")]
            assert found[0].sql == "SELECT pg_sleep(30), '…'"
            assert found[0].waits == "Timeout: PgSleep"
        finally:
            link.cancel()
            work.join(10)
        found = world.service.running()
        assert [(each.state, each.waits) for each in found] == [("idle", "")], "with what it ran last"
        assert found[0].sql == "SELECT pg_sleep(30), '…'"
    while world.service.running():
        time.sleep(0.01)


def _work(link: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.errors.QueryCanceled):
        link.execute("SELECT pg_sleep(30), 'alice@example.com'")


@piloted
async def test_the_screen_shows_a_real_release(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    await asyncio.to_thread(shop.approve, "orders-note")
    await asyncio.to_thread(shop.advance, "orders-note")
    async with running(shop, (110, 30), monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("C")
        shown = await until_text(pilot, app, "ADD COLUMN")
        assert "✔ done" in shown
        assert "no session of ours" in shown


# -- the log of the worker that the screen started ---------------------------------------------------------------------


@piloted
async def test_without_a_worker_of_its_own_it_says_where_to_look() -> None:
    async with running(FakeService(), (100, 30)) as (app, pilot):
        await pilot.press("L")
        await until_text(pilot, app, "This screen has started no worker")


@piloted
async def test_the_log_is_followed_and_shows_no_password(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("2026-11-20T14:02:31Z orders: postgresql://u:hunter2@h/d refused (again in 5 s)\n")
    async with running(FakeService(), (100, 30)) as (app, pilot):
        app.push_screen(WorkerLogScreen(log))
        shown = await until_text(pilot, app, "again in 5 s")
        assert "hunter2" not in shown
        with log.open("a") as file:
            file.write("2026-11-20T14:03:00Z and another thing\n")
        await until_text(pilot, app, "another thing")
        log.unlink()
        view = app.screen.query_one("#page", LineView)
        await until(pilot, lambda: "No such file" in screen_text(app) and view._lines, "the loss is said")


def test_the_tail_of_a_long_log_is_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("".join(f"line {n} {'x' * 90}\n" for n in range(5000)))
    lines = tail(log)
    assert len(lines) == 200
    assert lines[-1].startswith("line 4999 ")
    assert all(each.startswith("line ") for each in lines)
