"""F16: a conversion that raises, or yields NULL where none may stand, must never fail the application's write.

In the field an int turned bigint refused the new version's 3·10⁹ (22003), a text turned int the old version's 'n/a' (22P02),
and a relaxed NOT NULL let through what it used to refuse. The rule: the other side becomes NULL and the row is recorded, by a
function that needs no rights of the writer; switch and undo wait for such rows; a constraint that could refuse the NULL is
relaxed by expand, or the plan is refused; the backfill steps around such rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from orchestrator.core.errors import Blocked, PlanRefused
from orchestrator.engine.ddl import StepRefused
from state.model import State, Verdict
from tests.support.changes import Bench

WIDEN = "change_type: {table: TABLEt, column: n, to: big, type: bigint}"
PARSE = "change_type: {table: TABLEt, column: a, to: n, type: int}"
HUGE = 3_000_000_000


@pytest.fixture
def role(bench: Bench) -> Iterator[str]:
    """An application's login without any right on schema orch_target."""
    with psycopg.connect(bench.url, autocommit=True) as link:
        name = f"app_{link.info.dbname}_{bench.schema}"
        link.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        link.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
        try:
            yield name
        finally:
            link.execute("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC")
            link.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def test_a_role_without_rights_writes_and_converts_under_hardened_default_privileges(bench: Bench, role: str) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    change = bench.submit(PARSE)
    change.to(State.EXPANDED)
    bench.run(f"GRANT USAGE ON SCHEMA {bench.schema} TO {role}", f"GRANT ALL ON t TO {role}", f"SET ROLE {role}")
    bench.run("INSERT INTO t (id, a) VALUES (1, '7'), (2, 'n/a')", "INSERT INTO t (id, n) VALUES (3, 9)")
    bench.run("UPDATE t SET a = '8' WHERE id = 2", "UPDATE t SET a = 'bad' WHERE id = 1")
    assert bench.rows("SELECT id, a, n FROM t ORDER BY id") == [(1, "bad", None), (2, "8", 8), (3, "9", 9)]
    bench.run("RESET ROLE")
    listed = f"SELECT key->>'id' FROM orch_target.rejected_row WHERE change_id = '{change.id}'"
    assert bench.rows(listed) == [("1",)]


@pytest.mark.parametrize(
    "check", ["CHECK (n IS NOT NULL)", 'CHECK ("N b" IS NOT NULL AND "N b" > 0)', "CHECK (n IS NOT NULL OR other > 0)"]
)
def test_a_check_that_demands_a_value_is_refused_before_anything_is_done(bench: Bench, check: str) -> None:
    bench.run(f'CREATE TABLE t (id int PRIMARY KEY, n int, "N b" int, other int DEFAULT 0, {check})')
    column = '"N b"' if "N b" in check else "n"
    with pytest.raises(PlanRefused, match="demands a value"):
        bench.submit(f"change_type: {{table: TABLEt, column: {column}, to: big, type: bigint}}")
    bench.submit("rename_column: {table: TABLEt, column: other, to: another}").to(State.EXPANDED)


def test_a_check_that_null_passes_stays_and_does_not_stand_in_the_way(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL CHECK (n >= 0))", "INSERT INTO t VALUES (1, 1)")
    change = bench.submit(WIDEN)
    change.to(State.SWITCHED)
    bench.run(f"INSERT INTO t (id, big) VALUES (2, {HUGE})", f"UPDATE t SET big = {HUGE} WHERE id = 1")
    assert bench.rows("SELECT n, big FROM t") == [(None, HUGE)] * 2
    change.to(State.CONTRACTED)
    bench.run(f"INSERT INTO t (id, big) VALUES (3, {HUGE})")
    for statement in ("INSERT INTO t (id, big) VALUES (4, -1)", "INSERT INTO t (id, big) VALUES (4, NULL)"):
        with pytest.raises(psycopg.IntegrityError):
            bench.run(statement)


@pytest.mark.parametrize("state", [State.EXPANDED, State.SWITCHED])
def test_the_relaxed_not_null_still_refuses_who_gives_neither_and_only_them(bench: Bench, state: State) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, x int)", "INSERT INTO t VALUES (1, 1)")
    bench.submit(WIDEN).to(state)
    neither = (
        "INSERT INTO t (id) VALUES (2)",
        "INSERT INTO t (id, n) VALUES (2, NULL)",
        "INSERT INTO t (id, big) VALUES (2, NULL)",
        "INSERT INTO t (id, n, big) VALUES (2, NULL, NULL)",
        "UPDATE t SET n = NULL WHERE id = 1",
        "UPDATE t SET n = NULL, big = NULL WHERE id = 1",
        "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1",
    )
    for statement in neither:
        with pytest.raises(psycopg.errors.NotNullViolation) as refused:
            bench.run(statement)
        assert refused.value.diag.column_name == "n"
        assert refused.value.diag.table_name == "t"
    bench.run(
        "INSERT INTO t (id, n) VALUES (3, 3)", f"INSERT INTO t (id, big) VALUES (4, {HUGE})", "UPDATE t SET x = 9"
    )
    assert bench.rows("SELECT id, n, x FROM t ORDER BY id") == [(1, 1, 9), (3, 3, 9), (4, None, 9)]


def test_a_null_where_both_must_stand_counts_as_rejected(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)", "INSERT INTO t VALUES (1, ''), (2, '2')")
    change = bench.submit(
        "change_type: {table: TABLEt, column: a, to: n, type: int, up: \"nullif(a, '')::int\", down: n::text}"
    )
    change.to(State.BACKFILLED)
    bench.run("INSERT INTO t (id, a) VALUES (3, '')", "UPDATE t SET a = '' WHERE id = 2")
    assert bench.rows("SELECT a, n FROM t") == [("", None)] * 3
    found = change.finding("no_rejected_rows")
    assert (found.verdict, found.mismatches) == (Verdict.FAIL, 3)
    bench.run("UPDATE t SET a = id::text")
    change.verify()
    change.to(State.SWITCHED)
    assert bench.rows("SELECT a, n FROM t ORDER BY id") == [("1", 1), ("2", 2), ("3", 3)]


@pytest.mark.parametrize("key", ["id int PRIMARY KEY", "id int"])
def test_the_backfill_steps_around_rows_that_do_not_convert(bench: Bench, key: str) -> None:
    bench.run(f"CREATE TABLE t ({key}, a text)")
    bench.run("INSERT INTO t SELECT i, CASE WHEN i % 37 = 0 THEN 'n/a' ELSE i::text END FROM generate_series(1, 700) i")
    change = bench.submit(PARSE, batch_rows=100)
    change.to(State.BACKFILLED)
    assert bench.rows("SELECT count(*) FROM t WHERE n = id") == [(700 - 700 // 37,)]
    assert bench.rows("SELECT count(*), count(n) FROM t WHERE a = 'n/a'") == [(700 // 37, 0)]
    found = change.finding("no_rejected_rows")
    assert (found.verdict, found.mismatches) == (Verdict.FAIL, 700 // 37)
    listed = f"SELECT count(*) FROM orch_target.rejected_row WHERE change_id = '{change.id}'"
    assert bench.rows(listed) == [(700 // 37,)]
    change.verify()
    with pytest.raises(Blocked, match="no_rejected_rows"):
        change.to(State.SWITCHED)
    bench.run("UPDATE t SET a = '0' WHERE a = 'n/a'")
    change.verify()
    change.to(State.SWITCHED)


def test_a_rejected_row_that_is_deleted_or_moved_blocks_nothing(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    change = bench.submit(PARSE)
    change.to(State.BACKFILLED)
    bench.run("DELETE FROM t WHERE id = 1", "UPDATE t SET id = 3 WHERE id = 2", "UPDATE t SET a = '5' WHERE id = 3")
    assert change.finding("no_rejected_rows").verdict is Verdict.PASS
    change.to(State.SWITCHED)


@pytest.mark.parametrize("state", [State.BACKFILLED, State.SWITCHED, State.CONTRACTED])
def test_going_back_waits_for_values_that_only_the_new_shape_holds(bench: Bench, state: State) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)", "INSERT INTO t VALUES (1, 1)")
    change = bench.submit(WIDEN)
    change.to(state)
    bench.run(f"UPDATE t SET big = {HUGE}")
    back = change.undo if state is State.CONTRACTED else change.abort
    with pytest.raises(Blocked, match="id=1"):
        back()
    assert bench.rows("SELECT big FROM t") == [(HUGE,)]
    assert change.service.status(change.id).state is state
    bench.run("UPDATE t SET big = 2")
    back()
    assert bench.rows("SELECT n FROM t") == [(2,)]


def test_a_backfill_that_a_trigger_undoes_ends_and_says_so(bench: Bench) -> None:
    bench.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text, closed bool)",
        "INSERT INTO t SELECT i, 'a', i > 3 FROM generate_series(1, 5) i",
        "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF OLD.closed THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER frozen BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION frozen()",
    )
    change = bench.submit("rename_column: {table: TABLEt, column: a, to: b}", more="triggers: fire\n")
    with pytest.raises(StepRefused, match="trigger"):
        change.to(State.BACKFILLED)
    assert bench.rows("SELECT count(b) FROM t") == [(3,)]
    bench.run("DROP TRIGGER frozen ON t")
    change.to(State.BACKFILLED)
    assert bench.rows("SELECT count(b) FROM t") == [(5,)]
