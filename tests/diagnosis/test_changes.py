"""What each role may lack on the tables of live Changes, what orch_target may lack, and how Registry and Target may differ."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from orchestrator.core.errors import OrchError
from state.model import State, Verdict
from state.store import Registry
from tests.diagnosis.conftest import Clinic

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


@pytest.fixture
def owned(clinic: Clinic) -> str:
    """The orders table and orch_target belong to a role of their own, and a Change of the table waits at expand."""
    owner = clinic.login("shop", options="NOLOGIN")
    clinic.world.submit(RENAME)
    clinic.separated()
    clinic.world.run(f"ALTER TABLE orders OWNER TO {owner}", f"ALTER SCHEMA orch_target OWNER TO {owner}")
    clinic.world.run("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return owner


def test_a_worker_owns_the_tables_or_is_told_whom_to_join(clinic: Clinic, owned: str) -> None:
    worker = clinic.login("worker", "orch_worker", "pg_monitor")
    clinic.world.run(f"REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT ON orch_target.marker TO {worker}")
    clinic.world.run(f"GRANT SELECT ON orch_target.fence TO {worker}")
    before = clinic.bad(worker)
    assert set(before) == {"target shop: tables of change", "target shop: schema orch_target"}
    assert f"public.orders belongs to {owned}" in before["target shop: tables of change"].detail
    assert f"belongs to {owned}" in before["target shop: schema orch_target"].detail
    clinic.obey(before["target shop: tables of change"])
    after = clinic.bad(worker)
    assert set(after) == {"target shop: tables of change"}
    assert "no CREATE in schema public" in after["target shop: tables of change"].detail
    clinic.obey(after["target shop: tables of change"])
    assert clinic.bad(worker) == {}


def test_an_operator_reads_them_and_an_auditor_needs_nothing(clinic: Clinic, owned: str) -> None:
    operator, auditor = clinic.login("operator", "orch_operator"), clinic.login("auditor", "orch_auditor")
    (found,) = clinic.bad(operator).values()
    assert found.name == "target shop: tables of change"
    assert "abort and undo" in found.detail
    clinic.obey(found)
    for login in (operator, auditor):
        looked = clinic.looked(login)
        assert clinic.bad(login) == {}
        assert not {"target shop: triggers: skip", "target shop: connections", "target shop: markers"} & set(looked)


def test_partitions_of_another_owner_are_named(clinic: Clinic) -> None:
    """The whole table is ours and each part may be anybody's: ALTER TABLE of the whole is refused all the same."""
    owner, other = clinic.login("shop", options="NOLOGIN"), clinic.login("other", options="NOLOGIN")
    clinic.world.run(
        "CREATE SCHEMA parts",
        "CREATE TABLE tree (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF tree FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE mid PARTITION OF tree FOR VALUES FROM (10) TO (20) PARTITION BY HASH (id)",
        "CREATE TABLE parts.deep PARTITION OF mid FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        f"ALTER TABLE tree OWNER TO {owner}",
        f"ALTER TABLE low OWNER TO {owner}",
        f"ALTER TABLE mid OWNER TO {owner}",
        f"ALTER TABLE parts.deep OWNER TO {other}",
        f"GRANT CREATE ON SCHEMA public TO {owner}",
    )
    clinic.world.submit("add_column: {table: tree, column: x, type: int}")
    clinic.separated()
    worker, operator = clinic.login("worker", "orch_worker", owner), clinic.login("operator", "orch_operator")
    clinic.world.run(f"GRANT SELECT ON tree TO {operator}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of table deep"):
        clinic.run_as(worker, "ALTER TABLE tree ADD x int")
    found = clinic.lacks(worker, "target shop: tables of change")
    assert [each.detail for each in found] == [
        f"parts.deep belongs to {other}: it cannot be altered",
        "no CREATE in schema parts: parts.deep gets no index there",
    ]
    for each in found:
        clinic.obey(each)
    assert clinic.lacks(worker, "target shop: tables of change") == []
    assert clinic.lacks(operator, "target shop: tables of change") == []
    clinic.run_as(worker, "ALTER TABLE tree ADD x int")


def test_the_right_to_skip_triggers(clinic: Clinic, owned: str) -> None:
    worker = clinic.login("worker", "orch_worker", owned)
    found = clinic.looked(worker)["target shop: triggers: skip"]
    assert found.verdict is Verdict.UNKNOWN
    if clinic.world.rows("SELECT current_setting('server_version_num')::int >= 150000") == [(False,)]:
        return
    clinic.obey(found)
    assert clinic.looked(worker)["target shop: triggers: skip"].verdict is Verdict.PASS
    clinic.world.run(f"REVOKE SET ON PARAMETER session_replication_role FROM {worker}")


def test_an_orch_target_that_is_older_than_this_code(clinic: Clinic) -> None:
    name = "target shop: schema orch_target"
    assert clinic.looked()[name].verdict is Verdict.PASS
    clinic.world.run(
        "DROP FUNCTION orch_target.require_seal",
        "CREATE OR REPLACE FUNCTION orch_target.reads_new(p_change text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "DROP TABLE orch_target.seal",
        "ALTER TABLE orch_target.marker DROP COLUMN turn",
    )
    found = clinic.looked()[name]
    assert (found.verdict, found.next_step) == (Verdict.FAIL, "orch init")
    lacking = "(column marker.turn, function reads_new, function require_seal, table seal)"
    assert lacking in found.detail
    clinic.world.run("DROP SCHEMA orch_target CASCADE")
    assert "missing" in clinic.looked()[name].detail
    clinic.world.service.init()
    assert clinic.looked()[name].verdict is Verdict.PASS


def test_a_lease_that_was_left_behind(clinic: Clinic) -> None:
    clinic.world.submit(RENAME)
    assert clinic.looked()["registry: leases"].verdict is Verdict.PASS
    with Registry(clinic.world.url) as registry:
        registry.acquire("change", "worker@host:1", 60)
    found = clinic.looked()["registry: lease of change"]
    assert (found.verdict, "worker@host:1" in found.detail) == (Verdict.PASS, True)
    clinic.world.run("UPDATE orch.lease SET expires_at = clock_timestamp() - interval '90 s'")
    found = clinic.looked()["registry: lease of change"]
    assert found.verdict is Verdict.UNKNOWN
    assert "worker@host:1 let it expire 9" in found.detail
    clinic.world.step()
    assert "registry: lease of change" not in clinic.looked()


LOST = {
    "target behind: steps recorded as done, and without a marker: ": (
        "DELETE FROM orch_target.marker WHERE step_id = (SELECT max(step_id) FROM orch_target.marker);"
        " DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT DISTINCT t.tgfoid FROM pg_trigger t WHERE"
        " t.tgrelid = 'orders'::regclass AND NOT t.tgisinternal LOOP"
        " EXECUTE 'DROP FUNCTION ' || f || ' CASCADE'; END LOOP; END $$"
    ),
    "registry behind: steps ": "UPDATE orch_target.marker SET fence = fence + 7; UPDATE orch_target.fence SET fence = fence + 7",
    "registry behind: fence ": "UPDATE orch_target.fence SET fence = fence + 7",
}


@pytest.mark.parametrize("said", LOST)
def test_registry_and_target_that_differ(clinic: Clinic, said: str) -> None:
    clinic.world.submit(RENAME)
    clinic.world.to(State.EXPANDED)
    assert clinic.looked()["target shop: markers"].verdict is Verdict.PASS
    clinic.world.run(LOST[said])
    found = clinic.looked()["target shop: markers of change"]
    assert (found.verdict, found.detail.startswith(said)) == (Verdict.FAIL, True)
    assert found.next_step.startswith("orch advance change")
    clinic.world.step()
    assert clinic.looked()["target shop: markers"].verdict is Verdict.PASS


def test_a_target_that_lost_the_end_of_a_change_that_is_over(clinic: Clinic) -> None:
    """Nobody runs it any more, so doctor and the worker's look back are all that would notice."""
    clinic.world.submit("add_column: {table: orders, column: colour, type: text, default: \"'red'\"}")
    clinic.world.to(State.COMPLETED)
    assert clinic.world.service.fallen_back() == []
    clinic.world.run("ALTER TABLE orders DROP COLUMN colour; DELETE FROM orch_target.marker")
    found = clinic.looked()["target shop: markers of change"]
    assert found.detail.startswith("target behind: steps recorded as done, and without a marker: ")
    assert clinic.world.service.fallen_back() == ["change"]
    clinic.world.service.advance("change")
    assert clinic.world.rows("SELECT DISTINCT colour FROM orders") == [("red",)]
    assert clinic.looked()["target shop: markers"].verdict is Verdict.PASS
    clinic.world.run(
        "DELETE FROM orch_target.marker", "UPDATE orch.change SET updated_at = updated_at - interval '8 days'"
    )
    assert clinic.world.service.fallen_back() == []


def test_markers_of_another_plan(clinic: Clinic) -> None:
    clinic.world.submit(RENAME)
    clinic.world.to(State.EXPANDED)
    clinic.world.run(
        "INSERT INTO orch_target.marker (step_id, fence, plan_sha256, done_at) VALUES ('change:x:1', 1, 'x', now())"
    )
    found = clinic.looked()["target shop: markers of change"]
    assert "another plan: change:x:1" in found.detail
    with pytest.raises(OrchError, match="another plan"):
        clinic.world.step()


def test_a_change_that_is_being_run_is_left_alone(clinic: Clinic) -> None:
    clinic.world.submit(RENAME)
    clinic.world.to(State.EXPANDED)
    clinic.world.run("UPDATE orch_target.fence SET fence = fence + 7")
    with Registry(clinic.world.url) as registry:
        registry.acquire("change", "worker", 60)
    assert "target shop: markers of change" not in clinic.looked()


def test_an_operator_who_holds_the_head_of_the_history_is_named(clinic: Clinic, owned: str) -> None:
    operator = clinic.login("operator", "orch_operator")
    name = "registry: head of the history"
    assert clinic.looked(operator)[name].verdict is Verdict.PASS
    url = clinic.world.url.replace("postgres@", f"{operator}@")
    with closing(psycopg.connect(url, autocommit=True)) as link:
        link.execute("BEGIN; SELECT orch.record_intent('change', 'hold.set', 'lunch', NULL)")
        found = clinic.looked(operator)[name]
        assert (found.verdict, found.detail.split()[0]) == (Verdict.FAIL, operator)
        clinic.obey(found)
        clinic.world.until(f"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {link.info.backend_pid})")
    assert clinic.looked(operator)[name].verdict is Verdict.PASS
