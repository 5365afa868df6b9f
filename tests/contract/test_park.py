"""What waiting for purge costs is told to whoever decides about it."""

from __future__ import annotations

import pytest

from state.model import Finding, State, Verdict
from tests.service.world import World

RENAME = "rename_column: {table: orders, column: note, to: remark}"


def _cost(world: World) -> Finding:
    (found,) = [each for each in world.service.verify("change").findings if each.name == "park_costs"]
    return found


def test_a_parked_column_costs_its_bytes_and_its_sync(world: World) -> None:
    world.run("UPDATE orders SET note = repeat('x', 10000)", "ALTER TABLE orders ALTER note SET STORAGE EXTERNAL")
    world.run("UPDATE orders SET note = repeat('y', 10000)")
    world.submit(RENAME)
    world.to(State.CONTRACTED)
    found = _cost(world)
    assert found.verdict is Verdict.PASS
    size = float(found.detail.split("about ")[1].split(" MiB")[0])
    assert size == pytest.approx(300 * 10_000 / 2**20, rel=0.05)
    assert "every write of the table" in found.detail


def test_a_parked_table_costs_its_size(world: World) -> None:
    world.run("CREATE TABLE gone AS SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n")
    ((number,),) = world.rows("SELECT 'gone'::regclass::oid")
    world.submit("drop_table: {table: gone}")
    world.to(State.CONTRACTED)
    size = float(_cost(world).detail.split("holds ")[1].split(" MiB")[0].replace(",", ""))
    ((truth,),) = world.rows(f"SELECT pg_total_relation_size({number}::oid)")
    assert size == pytest.approx(truth / 2**20, abs=0.1)
