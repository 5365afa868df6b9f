"""Two real sessions block each other; the one in the way is found, judged and ended from the screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from orchestrator.service import Service
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, submit
from tests.tui.test_screens import fill, yes
from tui.cancel import CancelModal
from tui.screenshot import screen_text

__all__ = ["shop"]


@contextmanager
def blocked(url: str) -> Iterator[tuple[psycopg.Connection, threading.Thread]]:
    """The holder, and the thread of the one that waits for it."""
    with psycopg.connect(url, application_name="batch_job") as holder, psycopg.connect(url, autocommit=True) as waiter:
        holder.execute("SELECT 'hush' FROM orders")
        waiting = threading.Thread(target=lambda: waiter.execute("ALTER TABLE orders ADD COLUMN b int"))
        waiting.start()
        try:
            yield holder, waiting
        finally:
            holder.close()
            waiting.join(20)


@piloted
async def test_the_blocker_is_shown_and_ended_with_its_pid_typed(shop: Service, database: str) -> None:
    submit(shop, "orders-note")
    with blocked(database) as (holder, waiting):
        pid = holder.info.backend_pid
        async with running(shop, (110, 30), monotonic=None) as (app, pilot):
            await pilot.press("3")
            shown = await until_text(pilot, app, "1 behind: AccessShare")
            assert f"✖ {pid}" in shown
            assert "hush" not in shown
            await pilot.press("K")
            await fill(pilot, app, "reason", "it sleeps")
            await fill(pilot, app, "typed", str(pid + 1))
            await until_text(pilot, app, "the pid does not match yet")
            assert yes(app).disabled
            app.screen.query_one("#typed").value = str(pid)  # type: ignore[attr-defined]
            await until(pilot, lambda: not yes(app).disabled, "yes is possible")
            yes(app).press()
            await until(pilot, lambda: not waiting.is_alive(), "the waiter got its lock")
            await until_text(pilot, app, "Nobody waits for a lock")
        assert [event.kind for event in shop.events()][-1] == "session.cancelled"


@piloted
async def test_an_open_question_is_refused_once_the_blocker_is_gone(shop: Service, database: str) -> None:
    with blocked(database) as (holder, _):
        async with running(shop, (110, 30), monotonic=None) as (app, pilot):
            await pilot.press("3")
            await until_text(pilot, app, "1 behind: AccessShare")
            await pilot.press("K")
            await until(pilot, lambda: isinstance(app.screen, CancelModal), "the modal")
            holder.close()
            await until_text(pilot, app, "REFUSED: backend")
            assert yes(app).disabled
            assert "End session" in screen_text(app)
