"""A worker may die between any two statements: whoever advances next continues, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from state.model import State
from tests.engine.killer import KILLED
from tests.service.world import QUICK, World

ROOT = Path(__file__).parents[2]
OPERATIONS = (
    "rename_column: {table: orders, column: email, to: customer_email}",
    "set_not_null: {table: orders, column: note, fill: \"'none'\"}",
)
PLAIN = (
    "ALTER TABLE orders RENAME email TO customer_email",
    "UPDATE orders SET note = 'none' WHERE note IS NULL",
    "ALTER TABLE orders ALTER note SET NOT NULL",
)


def _killed(world: World, goal: State, how: str) -> list[int]:
    """Advance in workers that die; how each of them ended."""
    command = [sys.executable, "-m", "tests.engine.killer", world.url, "change", goal.value, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    assert codes[-1] == 0, done.stderr
    assert world.service.status("change").state is goal
    assert world.service.audit_verify() == []
    return codes


def _rows(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT id, customer_email, coalesce(note, 'none'), quantity FROM orders ORDER BY id")


def test_a_worker_killed_at_every_point_in_turn_loses_nothing(world: World) -> None:
    before = world.rows("SELECT id, email, coalesce(note, 'none'), quantity FROM orders ORDER BY id")
    world.submit(*OPERATIONS, more=QUICK + "backfill: {batch_rows: 50}\n")
    codes = _killed(world, State.COMPLETED, "events")
    assert codes.count(KILLED) > 2 * len(world.service.status("change").steps)
    shape, _ = world.seen()
    names = {column[0]: column[2] for column in shape["columns"]}
    assert names == {"id": True, "customer_email": True, "note": True, "status": True, "quantity": True, "ticket": True}
    assert [index[0] for index in shape["indexes"]] == ["orders_email_idx", "orders_pkey"]
    assert not shape["triggers"]
    assert not shape["left over"]
    assert _rows(world) == before


def test_an_abort_killed_at_every_point_leaves_nothing_behind(world: World) -> None:
    world.run("UPDATE orders SET note = 'none' WHERE note IS NULL")
    before = world.seen()
    world.submit(*OPERATIONS)
    world.to(State.SWITCHED)
    world.service.abort("change", reason="a test says so")
    assert KILLED in _killed(world, State.ABORTED, "events")
    assert world.seen() == before


@pytest.mark.parametrize("seed", ["one"])
def test_a_worker_killed_at_any_instant_loses_nothing(world: World, seed: str) -> None:
    world.run("INSERT INTO orders (email, quantity, note) SELECT 'm' || i, 1, NULL FROM generate_series(1, 3000) i")
    before = world.rows("SELECT id, email, coalesce(note, 'none'), quantity FROM orders ORDER BY id")
    world.submit(*OPERATIONS, more=QUICK + "backfill: {batch_rows: 50}\n")
    codes = _killed(world, State.COMPLETED, seed)
    assert codes.count(-9) > 3
    assert _rows(world) == before
