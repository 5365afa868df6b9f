"""Registry and Target in two databases: losing the lease in one ends what runs in the other, and status tells who holds it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from orchestrator.cli import wiring
from orchestrator.cli.main import main
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import LeaseLost
from orchestrator.engine.lease import Lease
from orchestrator.service import Service
from state.model import State
from state.store import Registry
from tests.service.world import QUICK, Copies, service_at, source

FILL = "set_not_null: {table: orders, column: note, fill: \"'none'\"}"
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow();
"""
RUNNING = """
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'orch:%' AND wait_event = 'PgSleep')
"""
SOON = 1.0
"""Seconds. It takes a few milliseconds; the machine of the tests may be busy."""


def _noted(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When a lease was found lost."""
    moments: list[float] = []
    lose = Lease._lose

    def noting(lease: Lease) -> None:
        moments.append(time.monotonic())
        lose(lease)

    monkeypatch.setattr(Lease, "_lose", noting)
    return moments


@contextmanager
def _none_left(link: psycopg.Connection) -> Iterator[None]:
    """Where the test fails the statement would go on, and the thread with it."""
    try:
        yield
    finally:
        link.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'orch:%'"
            " AND datname = current_database()"
        )


def _until(link: psycopg.Connection, answer: bool, within: float) -> None:
    """Wait until the statement runs, or runs no more."""
    began = time.monotonic()
    while link.execute(RUNNING).fetchall() != [(answer,)]:
        assert time.monotonic() - began < within, f"still {not answer} after {within} s"
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["taken by another", "not renewed"])
def test_losing_the_lease_ends_the_statement_on_the_target(
    copies: Copies, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_at = _noted(monkeypatch)
    registry_url, target_url = copies(), copies()
    config = Config(registry_url=registry_url, targets={"shop": TargetConfig("shop", target_url)})
    with (
        psycopg.connect(registry_url, autocommit=True) as registry,
        psycopg.connect(target_url, autocommit=True) as target,
        Service(config, lease_seconds=3) as service,
        ThreadPoolExecutor(1) as pool,
        _none_left(target),
    ):
        service.submit(source(FILL, more=QUICK + "triggers: fire\n"), "change.yaml")
        service.advance("change", through=State.EXPANDED)
        target.execute(SLOW)
        running = pool.submit(_through, service, lost := threading.Event())
        _until(target, answer=True, within=60)
        if how == "taken by another":
            registry.execute("UPDATE orch.lease SET expires_at = clock_timestamp()")
            with Registry(registry_url) as another:
                another.acquire("change", "another", 60)
        else:  # whoever locks the row keeps the renewals waiting, and the clock of the worker itself ends it
            registry.execute("BEGIN; SELECT FROM orch.lease FOR UPDATE")
        _until(target, answer=False, within=30)
        assert time.monotonic() - lost_at[0] < SOON
        registry.execute("ROLLBACK")
        assert lost.wait(30)
        assert "change (fence" in str(running.result(30))


def _through(service: Service, lost: threading.Event) -> LeaseLost:
    """Advance until the lease is lost."""
    try:
        with pytest.raises(LeaseLost) as raised:
            while True:
                service.advance("change")
        return raised.value
    finally:
        lost.set()


def test_status_names_the_holder_and_for_how_long(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry_url, target_url = copies(), copies()
    with service_at(registry_url, target_url) as service, Registry(registry_url) as registry:
        service.submit(source(FILL), "change.yaml")
        assert service.status("change").lease is None
        registry.acquire("change", "worker@host:42", 60)
        with psycopg.connect(registry_url, autocommit=True) as link:
            link.execute("UPDATE orch.lease SET acquired_at = acquired_at - interval '2 minutes'")
        lease = service.status("change").lease
        assert lease is not None
        assert lease.owner == "worker@host:42"
        assert 120 <= lease.seconds_held < 160
        monkeypatch.setenv("ORCH_REGISTRY_URL", registry_url)
        monkeypatch.setenv("ORCH_URL", target_url)
        wiring.root.set((None, None))
        assert main(("status", "change")) == 0
        assert "worker@host:42, fence 1, since 2m" in " ".join(capsys.readouterr().out.split()).replace("2 min", "2m")
        assert main(("status", "change", "--json")) == 0
        told = json.loads(capsys.readouterr().out)["lease"]
        assert (told["owner"], told["fence"]) == ("worker@host:42", 1)
        assert 120 <= told["seconds_held"] < 160
