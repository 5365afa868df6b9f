"""What lease, hold and fence cost a backfill is measured in every run and written down with its outcome."""

from __future__ import annotations

import time

import pytest

from orchestrator.engine.lease import Lease
from state.model import State
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


def _cost(world: World) -> dict[str, float]:
    world.submit(RENAME, more=QUICK + "backfill: {batch_rows: 20}\n")
    world.to(State.BACKFILLED)
    found = [e.data for e in world.service.events("change") if e.kind == "step.done" and "guard_seconds" in e.data]
    (data,) = found
    return {name: float(data[name]) for name in ("batch_seconds", "guard_seconds")}


def test_each_backfill_tells_what_its_guards_took(world: World) -> None:
    cost = _cost(world)
    assert 0 < cost["guard_seconds"] < cost["batch_seconds"]


def test_slow_guards_show(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the worker's side, and on the server's."""
    check = Lease.check

    def slow(lease: Lease) -> None:
        time.sleep(0.01)
        check(lease)

    monkeypatch.setattr(Lease, "check", slow)
    world.run(
        "ALTER FUNCTION orch_target.check_fence(text, bigint) RENAME TO quick_check",
        "CREATE FUNCTION orch_target.check_fence(p_change text, p_fence bigint) RETURNS void LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_sleep(0.02); PERFORM orch_target.quick_check(p_change, p_fence); END $$",
    )
    batches = 300 / 20
    assert _cost(world)["guard_seconds"] > batches * 0.03
