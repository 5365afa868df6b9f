"""Statements of one's own: what is let through, what is said of it, and that it is sent as an application sends it."""

from __future__ import annotations

import json
import threading

import psycopg
import pytest

from orchestrator.core.errors import Indeterminate, Invalid, PlanRefused
from orchestrator.core.view import PlanView
from orchestrator.engine.ddl import StepRefused
from state.model import State
from tests.service.world import QUICK, World, source

NEVER = "SELECT false"
AT_ONCE = QUICK.replace(", purge: {approvals: 0, soak: 0s}", "") + "park: 0\n"


def own(do: str, *, phase: str = "expand", undo: str = "none", done_when: str = NEVER) -> str:
    """One statement as an operation."""
    return "sql: " + json.dumps({phase: [{"do": do, "undo": undo, "done_when": done_when}]})


def plan(world: World, *operations: str) -> PlanView:
    return world.service.plan(source(*operations), "c.yaml")


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("COMMIT", "begins or ends a transaction"),
        ("SELECT 1; SELECT 2", "not one statement"),
        ("nonsense", "syntax error"),
        ("", "at least 1 character"),
        ("-- nothing", "not one statement"),
        ("CREATE INDEX i ON orders (id)", "blocks writes while it does"),
        ("DROP INDEX CONCURRENTLY orders_email_idx", "builds without a transaction"),
        ("ALTER TABLE orders ALTER id TYPE int", "AlterColumnType may read or rewrite the whole table"),
        ("ALTER TABLE orders ALTER note DROP NOT NULL, ALTER note SET NOT NULL", "SetNotNull may read or rewrite"),
        ("ALTER TABLE orders ADD c uuid DEFAULT gen_random_uuid()", "AddColumn may read"),
        ("ALTER TABLE orders ADD CHECK (id > 0)", "AddConstraint may read"),
        ("ALTER TABLE orders VALIDATE CONSTRAINT quantity_is_positive", "ValidateConstraint may read"),
        ("ALTER TABLE orders SET UNLOGGED", "SetUnLogged may read"),
        ("VACUUM FULL orders", "vacuum is not a statement that is known"),
        ("CLUSTER orders", "cluster is not"),
        ("REFRESH MATERIALIZED VIEW m", "refresh mat view is not"),
        ("REINDEX TABLE orders", "reindex is not"),
        ("COPY orders FROM PROGRAM 'x'", "copy is not"),
        ("SET search_path = x", "variable set is not"),
        ("LOCK TABLE orders", "lock is not"),
        ("CREATE TABLE x AS SELECT * FROM orders", "create table as is not"),
        ("ALTER DOMAIN d ADD CHECK (VALUE > 0)", "alter domain is not"),
        ("DROP TABLE orders", "takes away in expand what old versions may still use"),
        ("ALTER TABLE orders RENAME note TO remark", "takes away in expand"),
        ("ALTER TABLE orders DROP note", "takes away in expand"),
        ("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "takes away in expand"),
        ("REVOKE SELECT ON orders FROM PUBLIC", "takes away in expand"),
        ("TRUNCATE orders", "takes away in expand"),
    ],
)
def test_what_is_refused_and_why(module_world: World, do: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        plan(module_world, own(do))
    assert words in refused.value.message
    assert refused.value.next_step


@pytest.mark.parametrize("undo", ["VACUUM", "ROLLBACK", "SELECT 1; SELECT 2"])
def test_the_way_back_is_read_as_well(module_world: World, undo: str) -> None:
    with pytest.raises(PlanRefused):
        plan(module_world, own("CREATE SEQUENCE s", undo=undo))


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM orders RETURNING true", "SELECT true FOR UPDATE", "SELECT 1; SELECT 2", "SELECT true INTO x", "nonsense",
     "WITH d AS (DELETE FROM orders RETURNING 1) SELECT true FROM d"],
)  # fmt: skip
def test_a_question_changes_nothing(module_world: World, query: str) -> None:
    with pytest.raises(PlanRefused, match="not one SELECT without side effects"):
        plan(module_world, own("CREATE SEQUENCE s", done_when=query))


@pytest.mark.parametrize(
    ("do", "phase", "lock", "note"),
    [
        ("ALTER TABLE orders ALTER note SET DEFAULT 'x'", "expand", "ACCESS EXCLUSIVE on public.orders", None),
        ("CREATE TABLE x (o bigint REFERENCES orders)", "expand", "SHARE ROW EXCLUSIVE on public.orders", None),
        (
            "UPDATE orders SET note = 'x'",
            "expand",
            "ROW EXCLUSIVE on public.orders, row locks",
            "one transaction over every row",
        ),
        (
            "WITH d AS (DELETE FROM orders) SELECT 1",
            "expand",
            "ROW EXCLUSIVE on public.orders, row locks",
            "over every row",
        ),
        ("DO 'BEGIN END'", "expand", "not known", "cannot be told from its text"),
        ("SELECT now()", "expand", "not known", "cannot be told from its text"),
        (
            "DROP TABLE orders",
            "contract",
            "ACCESS EXCLUSIVE on public.orders",
            "critical: it breaks whatever still uses",
        ),
        ("CREATE SEQUENCE s", "expand", "not known", None),
    ],
)
def test_what_is_said_of_it(module_world: World, do: str, phase: str, lock: str, note: str | None) -> None:
    found = plan(module_world, own(do, phase=phase))
    assert lock in found.steps[0].lock
    assert any(": nothing takes it back" in each for each in found.notes)
    assert any(note in each for each in found.notes) if note else len(found.notes) == 1


def test_a_write_of_its_own_is_kept_in_sync_like_an_applications(world: World) -> None:
    """A session of orch's is left out by sync triggers; a statement of the change must not be."""
    world.submit(
        "rename_column: {table: orders, column: note, to: remark}",
        own("UPDATE orders SET note = 'ours' WHERE id = 7", phase="switch_reads",
            done_when="SELECT note = 'ours' FROM orders WHERE id = 7"),
    )  # fmt: skip
    world.to(State.SWITCHED)
    assert world.rows("SELECT remark FROM orders WHERE id = 7") == [("ours",)]
    world.to(State.COMPLETED)


def test_what_purge_takes_away_goes_last(world: World) -> None:
    world.run("CREATE SEQUENCE spare")
    gone = "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'spare')"
    asked = (
        own("DROP SEQUENCE spare", phase="purge", done_when=gone),
        "rename_column: {table: orders, column: note, to: remark}",
    )
    shown = world.service.plan(source(*asked, more=AT_ONCE), "c.yaml").steps
    assert [(step.phase, step.kind) for step in shown[-3:]] == [
        ("contract", "park_column"),
        ("contract", "run_sql"),
        ("contract", "purge_column"),
    ]
    world.submit(*asked, more=QUICK)
    world.to(State.CONTRACTED)
    assert world.rows(gone) == [(False,)]
    world.to(State.COMPLETED)
    assert world.rows(gone) == [(True,)]


def test_a_statement_whose_query_stays_false_is_run_once(world: World) -> None:
    world.run("CREATE TABLE tally (n int)")
    world.submit(own("INSERT INTO tally VALUES (1)"))
    for _ in range(2):
        with pytest.raises(Indeterminate, match="took effect once, and done_when is not true"):
            world.step()
    assert world.rows("SELECT count(*) FROM tally") == [(1,)]


def test_a_statement_that_takes_too_long_is_told_as_that_and_not_tried_again_by_itself(world: World) -> None:
    world.run("CREATE TABLE tally (n int)")
    world.submit(own("WITH slept AS (SELECT pg_sleep(11)) INSERT INTO tally SELECT 1 FROM slept"))
    with pytest.raises(
        StepRefused, match=r"ran out of its time: .*statement timeout; nothing of it was kept"
    ) as refused:
        world.step()
    assert "orch advance change" in refused.value.next_step
    assert [step.attempt for step in world.service.status("change").steps] == [1]
    assert world.rows("SELECT count(*) FROM tally") == [(0,)]
    assert world.abort().state is State.ABORTED


def test_a_statement_that_waits_for_a_lock_is_tried_again(world: World) -> None:
    """A lock is another's matter and may be free a second later."""
    world.run("CREATE TABLE tally (n int)")
    world.submit(own("INSERT INTO tally VALUES (1)", done_when="SELECT count(*) = 1 FROM tally"))
    with psycopg.connect(world.url) as holder:
        holder.execute("LOCK TABLE tally IN SHARE MODE")
        threading.Timer(0.5, holder.rollback).start()
        assert world.step().state is State.COMPLETED
    assert world.rows("SELECT count(*) FROM tally") == [(1,)]
