"""The plan as it is shown before approval says how large what it meets is."""

from __future__ import annotations

import socket
import time

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


def test_a_table_that_was_never_analyzed_is_not_taken_for_an_empty_one(world: World) -> None:
    world.run("CREATE TABLE fresh (id bigint PRIMARY KEY, n int)")
    world.run("INSERT INTO fresh SELECT i, i FROM generate_series(1, 5000) i", "SELECT pg_stat_force_next_flush()")
    source = "change: change\noperations:\n  - set_not_null: {table: fresh, column: n}\n"
    steps = world.service.plan(source, "change.yaml").steps
    assert {(step.rows, step.bytes) for step in steps} == {(5000, None)}
    assert {step.expected for step in steps if step.scans} == {"not known: the table was never analyzed"}


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
    assert _rows(world, "postgresql://nobody@127.0.0.1:1/none") == {None}


def test_a_target_that_never_answers_is_not_waited_for(world: World) -> None:
    world.submit(COPY)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        assert _rows(world, f"postgresql://nobody@127.0.0.1:{deaf.getsockname()[1]}/none") == {None}
        assert time.monotonic() - began < 8  # a connection is given 10 s


def _rows(world: World, url: str) -> set[int | None]:
    """What is known of the tables when the target is looked for at another place."""
    target = world.service.status("change").target
    with Service(Config(world.url, {target: TargetConfig(target, url)})) as service:
        steps = service.gate_steps("change")
    assert steps
    return {step.rows for step in steps}
