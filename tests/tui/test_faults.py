"""What the screen does while the database, its rights, its terminal or another screen act against it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from textual.pilot import Pilot

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from tests.conftest import Connect
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, spoken, submit
from tests.tui.test_screens import fill, say_yes
from tests.tui.test_terminal import MODES_OFF, program
from tui import poll
from tui.app import OrchApp
from tui.fleet import FleetList
from tui.screenshot import screen_text

__all__ = ["shop"]

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'orch-tui' AND datname = current_database()"


async def answers_keys(pilot: Pilot[int], app: OrchApp) -> None:
    """A key is answered at once, whatever the database does."""
    rows = app.screen.query_one(FleetList)
    for key, expected in (("j", 1), ("k", 0)):
        began = time.monotonic()
        await pilot.press(key)
        assert rows._cursor == expected
        assert time.monotonic() - began < 5.0, "less than the patience with the call that hangs"


@piloted
async def test_a_frozen_backend_is_seen_by_its_age_and_left_behind(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    submit(shop, "orders-word", "word")
    frozen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poll, "PATIENCE", 8.0)
        async with running(shop, (100, 24), monotonic=None) as (app, pilot):
            await until_text(pilot, app, "orders-word")
            try:
                for (pid,) in connect().execute(BACKENDS).fetchall():
                    os.kill(pid, signal.SIGSTOP)
                    frozen.append(pid)
                assert frozen
                await until(pilot, lambda: "STALE" in screen_text(app), "it is stale", 1500)
                await answers_keys(pilot, app)
                assert app.screen.check_action("ask", ("approve",)) is None
                assert "orders-note" in screen_text(app)
                await until(pilot, lambda: app.world.live, "another connection was made", 1500)
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)


@piloted
async def test_a_restart_of_the_server_is_outlived() -> None:
    with embedded.running() as server:
        url = embedded.create_database(server, "shop")
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL)")
        with Service(Config(url, {"shop": TargetConfig("shop", url)}), client="tui") as service:
            service.init()
            submit(service, "orders-note")
            submit(service, "orders-word", "word")
            async with running(service, (100, 24), monotonic=None) as (app, pilot):
                await until_text(pilot, app, "orders-word")
                embedded.stop(server, "immediate")
                shown = await until_text(pilot, app, "✖ DISCONNECTED")
                assert "orders-note" in shown
                await answers_keys(pilot, app)
                embedded.restart(server)
                await until(pilot, lambda: app.world.live and not app.world.trouble, "live again", 1500)
                await pilot.press("p")
                await fill(pilot, app, "reason", "it was restarted")
                await say_yes(pilot, app)
                await until(pilot, lambda: any(each.hold for each in app.world.statuses), "and it can act")


@piloted
async def test_a_lost_right_is_named_and_what_was_read_stays(shop: Service, connect: Connect, database: str) -> None:
    submit(shop, "orders-note")
    owner, role = connect(), f"looker_{os.getpid()}"
    name = sql.Identifier(role)
    owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    give = sql.SQL("GRANT USAGE ON SCHEMA orch TO {}; GRANT SELECT ON ALL TABLES IN SCHEMA orch TO {}").format(
        name, name
    )
    try:
        owner.execute(give)
        url = _as(database, role)
        with Service(Config(url, {"shop": TargetConfig("shop", url)}), client="tui") as service:
            async with running(service, (120, 24), monotonic=None) as (app, pilot):
                await until_text(pilot, app, "orders-note")
                owner.execute(sql.SQL("REVOKE USAGE ON SCHEMA orch FROM {}").format(name))
                shown = await until_text(pilot, app, "permission denied")
                assert "orders-note" in shown
                await until(pilot, lambda: app.screen.check_action("ask", ("approve",)) is None, "keys are off")
                owner.execute(give)
                await until(pilot, lambda: app.world.live and not app.world.trouble, "live again", 1500)
    finally:
        owner.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(name, name))


def _as(url: str, role: str) -> str:
    parts = conninfo_to_dict(url)
    return f"postgresql://{role}@/{parts['dbname']}?host={str(parts['host']).replace('/', '%2F')}&port={parts['port']}"


def test_of_two_screens_that_approve_at_once_one_takes_and_the_other_says_so(shop: Service, connect: Connect) -> None:
    submit(shop, "orders-note")
    together = threading.Barrier(2, timeout=60)
    said: list[str] = []
    failed: list[BaseException] = []

    def person(number: int) -> None:
        try:
            asyncio.run(_approve(shop, number, together, said))
        except BaseException as error:
            failed.append(error)
            together.abort()

    people = [threading.Thread(target=person, args=(number,)) for number in (1, 2)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert failed == []
    assert len(spoken(connect())) == 1
    assert sorted(said) == ["done", "refused"]
    kinds = connect().execute("SELECT count(*) FROM orch.event WHERE kind = 'gate.approved'").fetchone()
    assert kinds == (1,)


async def _approve(shop: Service, number: int, together: threading.Barrier, said: list[str]) -> None:
    async with running(shop, (100, 30), monotonic=None) as (app, pilot):
        await until_text(pilot, app, "orders-note")
        await pilot.press("A")
        await until_text(pilot, app, "ready to approve")
        await fill(pilot, app, "reason", f"person {number}")
        await asyncio.to_thread(together.wait)
        app.screen.query_one("#yes").press()  # type: ignore[attr-defined]
        await until(pilot, lambda: _outcome(app), "the answer is told", 1500)
        said.append(_outcome(app))


def _outcome(app: OrchApp) -> str:
    """What the screen says of its request: a toast, or the modal that refuses to send it."""
    words = [f"{note.title} {note.message}" for note in app._notifications]
    text = " ".join(words) + screen_text(app)
    if "refused" in text or "REFUSED" in text:
        return "refused"
    return "done" if any(each.startswith("done") for each in words) else ""


def test_sigterm_restores_the_terminal_while_the_database_hangs() -> None:
    with program(HANG_AFTER_START="1") as running_:
        time.sleep(0.7)
        running_.process.send_signal(signal.SIGTERM)
        assert running_.finish(3) == 128 + signal.SIGTERM
        assert all(mode in running_.output for mode in MODES_OFF)


def test_the_end_of_stdin_ends_the_program_without_spinning() -> None:
    with program() as running_:
        before = _processor(running_.process.pid)
        os.close(running_.terminal)
        last = before
        end = time.monotonic() + 10
        while (now := _processor(running_.process.pid)) is not None:
            last = now
            assert time.monotonic() < end, "it goes on without a terminal"
            time.sleep(0.01)
        assert last is not None
        assert before is not None
        assert last - before < 1.0, "seconds of processor from the loss to the end"
        assert running_.process.wait(5) != 0


def _processor(pid: int) -> float | None:
    """Seconds of processor so far; None once the process is over."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields: list[Any] = file.read().rsplit(")", 1)[1].split()
    return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
