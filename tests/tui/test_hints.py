"""An event elsewhere is on the screen long before the poll would ask; what is lost is made anew by itself."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import tui.app
from orchestrator.core.errors import Invalid
from orchestrator.service import Service
from tests.conftest import Connect
from tests.tui.fakes import FakeService, Shown
from tests.tui.harness import piloted, running, until, until_text
from tests.tui.test_postgres import shop, submit
from tui.hints import Hints
from tui.poll import Poll
from tui.screenshot import screen_text

__all__ = ["shop"]
NEVER = 3600.0
HERE = "datname = current_database()"
"""Other tests listen on the same server."""


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@piloted
async def test_an_event_is_shown_long_before_the_poll_asks(shop: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tui.app, "INTERVAL", NEVER)
    async with running(shop, monotonic=None) as (app, pilot):
        await until(pilot, lambda: app._hints.listening, "it listens")
        await until_text(pilot, app, "orch submit FILE")
        began = time.monotonic()
        await asyncio.to_thread(submit, shop, "orders-note")
        await until_text(pilot, app, "orders-note")
        await asyncio.to_thread(shop.pause, "orders-note", reason="peak traffic")
        await until_text(pilot, app, "held by")
        assert time.monotonic() - began < 20  # an hour by the poll alone


@piloted
async def test_without_anybody_listening_the_poll_does_it(shop: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hints, "start", lambda _: None)
    async with running(shop, monotonic=None) as (app, pilot):
        await asyncio.to_thread(submit, shop, "orders-note")
        await until_text(pilot, app, "orders-note")
        assert not app._hints.listening


@piloted
async def test_a_killed_listener_comes_back_by_itself(
    shop: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tui.app, "INTERVAL", NEVER)
    admin = connect()
    pids = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'orch-tui-listen' AND {HERE}"
    async with running(shop, monotonic=None) as (app, pilot):
        await until(pilot, lambda: app._hints.listening, "it listens")
        (before,) = admin.execute(pids).fetchall()
        admin.execute("SELECT pg_terminate_backend(%s)", before)
        await until(pilot, lambda: admin.execute(pids).fetchall() not in ([], [before]), "another listens")
        await asyncio.to_thread(submit, shop, "orders-note")
        await until_text(pilot, app, "orders-note")
        assert "DISCONNECTED" not in screen_text(app)


def test_a_listener_ends_when_it_is_told_to(shop: Service, connect: Connect) -> None:
    heard: list[str] = []
    stopped = threading.Event()
    listening = threading.Thread(target=lambda: heard.extend(shop.hints(stopped)))
    listening.start()
    eventually(
        lambda: (
            connect()
            .execute(f"SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN orch' AND {HERE}")
            .fetchone()
            == (1,)
        )
    )
    submit(shop, "orders-note")
    stopped.set()
    listening.join(10)
    assert not listening.is_alive()
    assert heard[0] == ""


class Flood(FakeService):
    """Says a thousand things at once, and nothing more."""

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        yield from ["c"] * 1000
        stopped.wait(30)


def test_a_thousand_events_wake_once_until_they_are_taken() -> None:
    woken: list[int] = []
    hints = Hints(Flood(), lambda: woken.append(1))
    hints.start()
    eventually(lambda: hints.listening)
    time.sleep(0.05)
    hints.stop()
    assert woken == [1]


class Slow(FakeService):
    """Takes its time for every answer, and has something happen right after the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.answered = threading.Event()

    def fleet(self, before: object = None) -> Shown:
        self.looks += 1
        time.sleep(0.4)
        self.answered.set()
        return super().fleet(before)

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        self.answered.wait(30)
        time.sleep(0.1)
        yield "c"
        stopped.wait(30)


@piloted
async def test_what_is_heard_while_a_slow_registry_rests_is_read_after_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tui.app, "INTERVAL", NEVER)
    service = Slow()
    async with running(service, monotonic=None) as (_, pilot):
        await until(pilot, lambda: service.looks > 1, "it asks again")


class Lost(FakeService):
    """Cannot listen at first."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = 0

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        self.tried += 1
        if self.tried < 3:
            raise Invalid("lost")
        yield ""
        stopped.wait(30)


def test_it_tries_again_and_says_meanwhile_that_nothing_is_heard() -> None:
    service = Lost()
    hints = Hints(service, lambda: None)
    assert not hints.listening
    hints.start()
    eventually(lambda: hints.listening)
    hints.stop()
    assert service.tried == 3


def test_a_hint_breaks_the_pace_but_not_the_rest() -> None:
    moment = [0.0]
    poll = Poll(FakeService(), lambda: tui.app.utc_now(), lambda: moment[0])
    began = poll.start()
    moment[0] = 1.0
    asyncio.run(poll.ask(began, {}))  # it took a second, so a second of rest follows
    assert not poll.may_start(0.0)
    poll.hint()
    moment[0] = 1.5
    assert not poll.may_start(60.0)
    moment[0] = 2.0
    assert poll.may_start(60.0)
    poll.start()
    assert not poll.hinted
