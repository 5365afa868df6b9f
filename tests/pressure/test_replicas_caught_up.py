"""The switch waits for standbys: for one that does not replay, one that is away, one in ``orch.toml`` that nobody can ask."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from orchestrator import embedded
from orchestrator.checks import replicas_caught_up
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from state.model import Finding, State, Verdict
from tests.chaos.servers import Pair
from tests.pressure.conftest import CHANGE, FILE, On, write

Filled = Callable[..., Service]


@pytest.fixture
def filled(servers: Pair, shop: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    """A change that waits at its switch."""
    monkeypatch.setattr(replicas_caught_up, "WITHIN", 2.0)
    with contextlib.ExitStack() as stack:

        def make(replicas: tuple[str, ...] = ()) -> Service:
            url = servers.primary.url(shop)
            service = stack.enter_context(Service(Config(url, {"shop": TargetConfig("shop", url, replicas)})))
            service.init()
            service.submit((FILE % "").replace("batch_rows: 20", "batch_rows: 20000"), "fill.yaml")
            service.advance(CHANGE, through=State.BACKFILLED)
            return service

        yield make


def _found(service: Service) -> Finding:
    (found,) = service.verify(CHANGE, checks=["replicas_caught_up"]).findings
    return found


def test_a_standby_that_does_not_replay(filled: Filled, servers: Pair, on: On) -> None:
    service = filled()
    assert _found(service).verdict is Verdict.PASS
    on("SELECT pg_wal_replay_pause()", server=servers.standby)
    try:
        write(on, "'x'")
        found = _found(service)
        assert (found.verdict, found.mismatches) == (Verdict.FAIL, 1)
        assert found.samples[0].startswith("standby ")
    finally:
        on("SELECT pg_wal_replay_resume()", server=servers.standby)
    assert _found(service).verdict is Verdict.PASS


def test_one_that_was_there_by_its_slot_and_is_away(filled: Filled, on: On) -> None:
    service = filled()
    on("SELECT pg_create_physical_replication_slot('far', true)")
    try:
        assert _found(service).samples == ("the standby of slot far (away)",)
    finally:
        on("SELECT pg_drop_replication_slot('far')")
    assert _found(service).verdict is Verdict.PASS


def test_a_configured_replica_is_asked_itself(filled: Filled, servers: Pair, on: On) -> None:
    service = filled((servers.standby.url(),))
    assert _found(service).verdict is Verdict.PASS
    on("SELECT pg_wal_replay_pause()", server=servers.standby)
    try:
        write(on, "'x'")
        assert [sample.split(" ")[0] for sample in _found(service).samples] == ["standby", "replica"]
    finally:
        on("SELECT pg_wal_replay_resume()", server=servers.standby)
    embedded.stop(servers.standby, "immediate")
    try:
        found = _found(service)
        assert (found.verdict, "cannot be asked" in found.detail) == (Verdict.UNKNOWN, True)
    finally:
        embedded.restart(servers.standby)
