"""What was interrupted, taken over, lost or put in the way: noticed, repaired where orch can, told where it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestrator.core.errors import Blocked, Busy, Indeterminate, OrchError, Stale, Waiting
from orchestrator.core.progress import Progress
from state.model import State, StepStatus
from tests.service.world import QUICK, World, service_at

ROOT = Path(__file__).parents[2]
RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
SLOWLY = QUICK + "backfill: {batch_rows: 2}\n"


def _once(kind: str, do: Callable[[], object]) -> Callable[[Progress], None]:
    """A listener that does something at the first thing of a kind."""
    done: list[int] = []

    def listen(progress: Progress) -> None:
        if progress.kind == kind and not done:
            done.append(1)
            do()

    return listen


def _more_rows(world: World, rows: int = 1500) -> None:
    world.run(f"INSERT INTO orders (email, quantity) SELECT 'm' || i, 1 FROM generate_series(1, {rows}) i")


# -- two workers ---------------------------------------------------------------------------------------------------


def test_of_two_advances_at_once_one_is_told_who_is_busy(world: World) -> None:
    world.submit(RENAME)
    errors: list[OrchError] = []

    def second() -> None:
        with service_at(world.url) as other, pytest.raises(Busy) as caught:
            other.advance("change")
        errors.append(caught.value)

    world.service.advance("change", listen=_once("step.started", second))
    assert world.service.status("change").state is State.EXPANDED
    assert errors[0].exit_code == 5
    assert str(os.getpid()) in errors[0].message


def test_a_lease_that_ran_out_is_taken_over(world: World) -> None:
    world.submit(RENAME)
    world.run(
        "UPDATE orch.lease SET owner = 'cli@gone:1', fence = 7, acquired_at = clock_timestamp(),"
        " expires_at = clock_timestamp() + interval '1 hour'"
    )
    with pytest.raises(Busy):
        world.service.advance("change")
    world.run("UPDATE orch.lease SET expires_at = clock_timestamp()")
    assert world.step().state is State.EXPANDED
    assert world.rows("SELECT fence FROM orch_target.fence") == [(8,)]


@contextmanager
def _killed_at_last(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


_FROZEN = """
import sys
from orchestrator.core.errors import OrchError
from orchestrator.config import Config, TargetConfig
from orchestrator.service import Service
url = sys.argv[1]
def listen(progress):
    if progress.kind == "backfill":
        print("filling", flush=True)
try:
    with Service(Config(registry_url=url, targets={"shop": TargetConfig("shop", url)}), lease_seconds=3) as service:
        service.advance("change", listen=listen)
except OrchError as error:
    print(type(error).__name__, flush=True)
    sys.exit(error.exit_code)
"""


def test_a_worker_frozen_until_after_the_takeover_writes_nothing(world: World) -> None:
    _more_rows(world)
    world.submit(RENAME, more=SLOWLY)
    world.to(State.EXPANDED)
    command = [sys.executable, "-c", _FROZEN, world.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as frozen, _killed_at_last(frozen):
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == "filling\n"
        os.kill(frozen.pid, signal.SIGSTOP)
        world.until("SELECT count(*) = 0 FROM orch.lease WHERE expires_at > clock_timestamp()")
        assert world.service.status("change").state is State.BACKFILLING
        assert world.step().state is State.BACKFILLED
        told, rows = world.kinds(), world.rows("SELECT xmin::text, ctid::text FROM orders ORDER BY id")
        os.kill(frozen.pid, signal.SIGCONT)
        assert frozen.wait(60) == 5
        assert frozen.stdout.read().split()[-1] == "LeaseLost"
    assert world.kinds() == told
    assert world.rows("SELECT xmin::text, ctid::text FROM orders ORDER BY id") == rows
    assert world.to(State.COMPLETED).state is State.COMPLETED
    assert world.service.audit_verify() == []


# -- sessions that end --------------------------------------------------------------------------------------------


def _end_ours(world: World) -> None:
    ended = world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'orch:%' AND datname = current_database()"
    )
    assert ended


def test_a_session_ended_in_the_backfill_is_replaced(world: World) -> None:
    _more_rows(world, 500)
    world.submit(RENAME, more=SLOWLY)
    world.to(State.EXPANDED)
    told: list[str] = []
    end = _once("backfill", lambda: _end_ours(world))

    def listen(progress: Progress) -> None:
        told.append(progress.kind)
        end(progress)

    world.step(listen=listen)
    assert "step.retry" in told
    assert world.rows("SELECT count(*) FROM orders WHERE customer_email IS DISTINCT FROM email") == [(0,)]
    assert world.service.status("change").state is State.BACKFILLED


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_build_that_is_broken_off_is_dropped_and_built_again(world: World, how: str) -> None:
    """CREATE INDEX CONCURRENTLY leaves an invalid index, which IF NOT EXISTS would accept."""
    world.submit("add_index: {table: orders, columns: [email], name: by_email}")
    with psycopg.connect(world.url) as holder:
        holder.execute("UPDATE orders SET ticket = 0 WHERE id = 1")  # the build waits for this transaction

        def break_off() -> None:
            try:
                world.until(
                    f"SELECT bool_or({how}(pid)) FROM pg_stat_activity WHERE application_name LIKE 'orch:%'"
                    " AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock' AND datname = current_database()"
                )
                world.until("SELECT count(*) > 0 FROM pg_index WHERE NOT indisvalid")
            finally:
                holder.rollback()

        breaker = threading.Thread(target=break_off, daemon=True)
        breaker.start()
        status = world.step()
        breaker.join(60)
    assert status.state is State.COMPLETED
    assert world.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_email'::regclass") == [(True,)]


def test_an_invalid_index_left_by_a_dead_worker_is_replaced(world: World) -> None:
    world.run("UPDATE orders SET ticket = 0")
    world.submit("add_index: {table: orders, columns: [{expression: 1 / (ticket - 5)}], name: by_email}")
    world.run("UPDATE orders SET ticket = 5 WHERE id = 1")
    with pytest.raises(OrchError) as refused:
        world.step()
    assert refused.value.exit_code == 4
    assert "division by zero" in str(refused.value)
    assert world.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_email'::regclass") == [(False,)]
    world.run("UPDATE orders SET ticket = 6 WHERE id = 1")
    assert world.to(State.COMPLETED).state is State.COMPLETED
    assert world.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_email'::regclass") == [(True,)]


def test_a_step_whose_answer_was_lost_is_not_sent_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit took effect, the connection broke before it was told: the catalog is asked, not the memory."""
    from orchestrator.core.ports import ConnectionLost
    from orchestrator.dialects.postgres.session import PostgresSession

    sent: list[str] = []
    apply = PostgresSession.apply

    def deaf(session: PostgresSession, step: object, mark: object) -> None:
        apply(session, step, mark)  # type: ignore[arg-type]
        sent.append(type(step).__name__)
        if len(sent) == sent.count("AddColumn") == 1:
            raise ConnectionLost("the server closed the connection unexpectedly")

    monkeypatch.setattr(PostgresSession, "apply", deaf)
    world.submit(RENAME)
    assert world.step().state is State.EXPANDED
    assert sent == ["AddColumn", "InstallSync"]


# -- what is not there any more, and what is in the way -------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_hand", "again"),
    [
        ("DROP INDEX {index}", [4]),
        ("DROP TRIGGER {update} ON orders", [2, 3]),
        ("ALTER TABLE orders DISABLE TRIGGER {insert}", [2, 3]),
        ("DROP FUNCTION orch_target.{function}() CASCADE", [2, 3]),
    ],
)
def test_a_step_undone_by_hand_is_noticed_and_done_again(world: World, by_hand: str, again: list[int]) -> None:
    """A sync that was gone for a while takes the backfill with it: rows written meanwhile may be empty (F26)."""
    world.submit(RENAME)
    world.to(State.BACKFILLED)
    names = {
        "index": world.rows(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indexrelid::regclass::text LIKE '%email_idx_%'"
        ),
        "update": world.rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%_upd'"),
        "insert": world.rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%_ins'"),
        "function": world.rows("SELECT proname::text FROM pg_proc WHERE proname LIKE 'sync_%'"),
    }
    world.run(by_hand.format(**{name: f'"{rows[0][0]}"' for name, rows in names.items()}))
    world.to(State.SWITCHED)
    lost = [event.data["ordinal"] for event in world.service.events("change") if event.kind == "step.lost"]
    assert lost == again
    world.to(State.COMPLETED)
    assert [row[0] for row in world.seen()[0]["indexes"]] == ["orders_email_idx", "orders_pkey"]
    assert world.service.audit_verify() == []


def test_what_drifted_while_the_sync_was_gone_stops_the_switch(world: World) -> None:
    """Evidence from before the loss no longer says anything, however young it is."""
    world.submit(RENAME)
    world.to(State.BACKFILLED)
    world.service.verify("change")
    triggers = world.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'orders'::regclass")
    world.run(
        *(f'DROP TRIGGER "{name}" ON orders' for (name,) in triggers),
        "UPDATE orders SET email = 'drifted' WHERE id = 5",
    )
    with pytest.raises(Blocked, match=r"shapes_agree(?s:.*)1 of 300 rows differ: id=5") as refused:
        world.step()
    assert refused.value.exit_code == 4
    assert world.service.status("change").state is State.BACKFILLED
    world.run("UPDATE orders SET email = 'again' WHERE id = 5")
    world.service.verify("change")
    world.to(State.COMPLETED)


def test_a_foreign_relation_under_a_planned_name_is_left_for_a_person(world: World) -> None:
    """Before expand the plan no longer fits; one that comes later is found where it stands in the way."""
    world.submit("add_index: {table: orders, columns: [email], name: by_email}")
    world.run("CREATE TABLE other (x int)", "CREATE INDEX by_email ON other (x)")
    with pytest.raises(Stale, match=r"there is a relation public\.by_email already"):
        world.step()
    world.run("DROP INDEX by_email")
    planted = _once("phase", lambda: world.run("CREATE INDEX by_email ON other (x)"))
    with pytest.raises(Indeterminate, match=r"by_email.* is another index than the one planned") as refused:
        world.step(listen=planted)
    assert refused.value.exit_code == 7
    assert world.rows("SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = 'by_email'::regclass") == [
        ("other",)
    ]
    world.run("ALTER INDEX by_email RENAME TO others")
    assert world.to(State.COMPLETED).state is State.COMPLETED


def _intend_only(world: World) -> None:
    """Bring about what a worker leaves that died between intent and execution of the first step."""

    class Died(Exception):
        pass

    def die() -> None:
        raise Died

    with pytest.raises(Died):
        world.service.advance("change", listen=_once("step.started", die))


def test_a_foreign_column_under_a_planned_name_is_left_for_a_person(world: World) -> None:
    world.submit(RENAME)
    _intend_only(world)
    world.run("ALTER TABLE orders ADD customer_email int DEFAULT 5")
    with pytest.raises(Indeterminate, match="customer_email is integer, expected text"):
        world.step()
    world.service.abort("change", reason="somebody was faster")
    with pytest.raises(Indeterminate, match="customer_email is integer, expected text"):
        world.service.advance("change")
    assert world.rows("SELECT sum(customer_email) FROM orders") == [(1500,)]
    world.run("ALTER TABLE orders DROP customer_email")
    assert world.service.advance("change").state is State.ABORTED


# -- holds, and contract -------------------------------------------------------------------------------------------


def test_a_pause_stops_a_running_backfill_within_a_batch_and_resume_goes_on(world: World) -> None:
    _more_rows(world)
    world.submit(RENAME, more=SLOWLY)
    world.to(State.EXPANDED)
    filling = "SELECT count(*) > 0 FROM orders WHERE customer_email IS NOT NULL"
    held_once: list[int] = []

    def hold(told: Progress) -> None:
        if told.kind == "backfill" and not held_once and world.rows(filling) == [(True,)]:
            held_once.append(1)
            world.service.pause("change", reason="too busy today")

    with pytest.raises(Waiting, match="too busy today") as held:
        world.service.advance("change", listen=hold)
    assert held.value.exit_code == 3
    status = world.service.status("change")
    assert (status.state, status.attention.value) == (State.BACKFILLING, "PAUSED")
    filled = world.rows("SELECT count(*) FROM orders WHERE customer_email IS NOT NULL")[0][0]
    assert 0 < filled < 1800
    old = world.rows("SELECT xmin::text, id FROM orders WHERE customer_email IS NOT NULL ORDER BY id")
    with pytest.raises(Waiting):
        world.service.advance("change")
    world.service.resume("change")
    assert world.step().state is State.BACKFILLED
    now = set(world.rows("SELECT xmin::text, id FROM orders"))
    assert now >= set(
        old
    )  # nothing was filled twice; what a pause leaves is no prefix, since stripes leave rows between
    assert world.rows("SELECT count(*) FROM orders WHERE customer_email IS NULL") == [(0,)]


def test_an_abort_stops_a_running_backfill_within_a_batch(world: World) -> None:
    _more_rows(world)
    world.submit(RENAME, more=SLOWLY)
    world.to(State.EXPANDED)
    before = len(world.rows("SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"))
    with pytest.raises(OrchError):
        world.step(listen=_once("backfill", lambda: world.service.abort("change", reason="wrong day")))
    status = world.service.status("change")
    assert status.state is State.ABORTING
    assert world.rows("SELECT count(*) > 0 FROM orders WHERE customer_email IS NULL") == [(True,)]
    assert world.service.advance("change").state is State.ABORTED
    assert len(world.rows("SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0")) == before


def test_a_pause_stops_between_two_steps(world: World) -> None:
    world.submit(RENAME, RENAME.replace("email, to: customer_email", "note, to: remark"))

    def pause() -> None:
        time.sleep(0.6)  # the hold is looked at twice a second
        world.service.pause("change", reason="wait")

    with pytest.raises(Waiting):
        world.service.advance("change", listen=_once("step.done", pause))
    steps = world.service.status("change").steps
    assert [step.status for step in steps].count(StepStatus.DONE) == 1
    world.service.resume("change")
    assert world.step().state is State.EXPANDED


def test_contract_is_refused_over_one_damaged_row_and_allowed_after_its_repair(world: World) -> None:
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.run("SET session_replication_role = replica; UPDATE orders SET email = 'damaged' WHERE id = 7")
    with pytest.raises(Blocked, match=r"shapes_agree(?s:.*)1 of 300 rows differ: id=7") as refused:
        world.step()
    assert refused.value.exit_code == 4
    assert world.service.status("change").state is State.SWITCHED
    world.run("SET session_replication_role = replica; UPDATE orders SET email = customer_email WHERE id = 7")
    world.service.verify("change")
    assert world.to(State.CONTRACTED).state is State.CONTRACTED


def test_a_contract_that_the_data_refuses_is_taken_back(world: World) -> None:
    world.run("UPDATE orders SET note = 'none' WHERE note IS NULL")
    before = world.seen()
    world.submit("set_not_null: {table: orders, column: note}")
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.run("UPDATE orders SET note = NULL WHERE id = 3")  # after the evidence
    with pytest.raises(OrchError, match="violated by some row") as refused:
        world.service.advance("change")
    assert refused.value.exit_code == 4
    assert world.service.status("change").state is State.SWITCHED
    assert world.kinds()[-2:] == ["contract.absent", "lease.released"]
    world.run("UPDATE orders SET note = 'n' WHERE id = 3", "UPDATE orders SET note = 'none' WHERE id = 3")
    assert world.seen()[0] == before[0]
    world.service.verify("change")
    assert world.to(State.COMPLETED).state is State.COMPLETED
    assert world.service.audit_verify() == []
