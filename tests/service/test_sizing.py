"""The plan as it is shown before approval says how large what it meets is."""

from __future__ import annotations

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
from tests.service.world import World

COPY = "add_column: {table: orders, column: extra, type: text}"


def test_rows_size_and_duration_are_the_servers(world: World) -> None:
    world.run("ANALYZE orders")
    world.submit(COPY)
    steps = world.service.gate_steps("change")
    adds = next(step for step in steps if step.kind == "add_column")
    assert (adds.table, adds.rows, adds.expected) == ("public.orders", 300, "instant: the catalog only")
    ((pages,),) = world.rows("SELECT relpages * 8192 FROM pg_class WHERE oid = 'orders'::regclass")
    assert adds.bytes == pages > 0


def test_it_waits_for_no_lock(world: World) -> None:
    world.submit(COPY)
    with psycopg.connect(world.url) as link:
        link.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        assert world.service.gate_steps("change")[0].rows is not None


def test_a_table_that_is_made_only_now_has_no_size(world: World) -> None:
    world.submit("create_table: {table: visits, columns: [{name: id, type: bigint}], primary_key: [id]}")
    (made, *_) = world.service.gate_steps("change")
    assert (made.table, made.rows) == ("public.visits", None)


def test_without_the_target_the_plan_is_shown_all_the_same(world: World) -> None:
    world.submit(COPY)
    away = Config(world.url, {"shop": TargetConfig("shop", "postgresql://nobody@127.0.0.1:1/none")})
    target = world.service.status("change").target
    with Service(Config(world.url, {target: TargetConfig(target, away.targets["shop"].url)})) as service:
        steps = service.gate_steps("change")
    assert steps
    assert {step.rows for step in steps} == {None}
