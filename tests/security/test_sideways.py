"""What members of the roles may try beside the front door: other statements, names, locks, snapshots, and each other's leases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from psycopg import sql

from state.digest import NO_FINDINGS
from state.model import GateName
from state.store import Registry
from tests.security.conftest import Place
from tests.state.conftest import audit, new, new_steps

ID = "orders-email"
PLAN = new().plan_sha256
DECIDE = "SELECT orch.decide_gate('orders-email', 'expand', 'approve', %s, %s, NULL, '1 h')"
OF_ROLES = ("sec_worker", "sec_ada", "sec_auditor")


@pytest.fixture
def worker(place: Place) -> Registry:
    """The worker's Registry with a Change that asks for two people at expand. Everybody may CREATE in public."""
    place.connect().execute("GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC")
    registry = place.registry("sec_worker")
    registry.submit(new(approvals_needed={"expand": 2}), new_steps())
    return registry


REFUSED = (
    "CREATE RULE silence AS ON INSERT TO orch.approval DO INSTEAD NOTHING",
    "CREATE TRIGGER t BEFORE INSERT ON orch.event FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON orch.event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    " EXECUTE FUNCTION public.mine()",
    "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION public.mine()",
    "CREATE POLICY p ON orch.event USING (false)",
    "ALTER TABLE orch.event ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE orch.approval ALTER CONSTRAINT approval_change_id_fkey DEFERRABLE INITIALLY DEFERRED",
    "CREATE TABLE public.heir () INHERITS (orch.approval)",
    "CREATE TEMP TABLE heir () INHERITS (orch.event)",
    "CREATE TABLE public.reference (id text REFERENCES orch.change (id))",
    "CREATE INDEX ON orch.event (at)",
    "CREATE STATISTICS public.s ON seq, at FROM orch.event",
    "CREATE PUBLICATION p FOR TABLE orch.event",
    "COMMENT ON TABLE orch.event IS 'x'",
    "REINDEX TABLE orch.event",
    "ALTER TABLE orch.event SET SCHEMA public",
    "DROP TABLE orch.event",
    "DROP SCHEMA orch CASCADE",
    "ALTER SCHEMA orch RENAME TO other",
    "REASSIGN OWNED BY orch_owner TO CURRENT_USER",
    "DROP OWNED BY orch_owner",
    "ALTER DEFAULT PRIVILEGES FOR ROLE orch_owner GRANT ALL ON TABLES TO PUBLIC",
    "ALTER ROLE sec_bob SET search_path = public",
    "ALTER ROLE sec_bob PASSWORD 'x'",
    "ALTER SYSTEM SET fsync = off",
    "SET plpgsql.variable_conflict = 'use_column'",
    "SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION orch_owner",
    "SET ROLE orch_owner",
    "COPY orch.event TO PROGRAM 'cat'",
    "COPY orch.event FROM '/etc/passwd'",
)


@pytest.mark.parametrize("login", OF_ROLES)
def test_nothing_is_hung_on_or_taken_from_the_tables(place: Place, worker: Registry, login: str) -> None:
    link = place.connect(login)
    link.execute("CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    let_through = []
    for statement in REFUSED:
        try:
            link.execute(statement.encode())
            let_through.append(statement)
        except psycopg.errors.InsufficientPrivilege:
            pass
    assert let_through == []
    assert audit(place.registry()) == []


@pytest.mark.parametrize("login", OF_ROLES)
def test_nothing_is_copied_in(place: Place, worker: Registry, login: str) -> None:
    link = place.connect(login)
    forged = {
        "orch.event": "1\tx\tx\tx\tx\t{}\tx\tx\n",
        "orch.approval (change_id, gate, decision, approver, plan_sha256, evidence_sha256, at, expires_at)": (
            "orders-email\texpand\tapprove\tsec_bob\tx\tx\t2026-01-01\t2036-01-01\n"
        ),
        "orch.event_head": "1\t9\tx\n",
        "orch.change": "other\tx\tshop\tx\t{}\t{}\tx\t{}\texpanded\t1\tsec_bob\t2026-01-01\t2026-01-01\t2026-01-01"
        + "\t\\N" * 6
        + "\n",
        "orch.step": "orders-email\t9\tforged\texpand\tx\tx\t{}\tdone\t0\t\\N\t\\N\t\\N\t\\N\n",
    }
    for table, line in forged.items():
        if (login, table) == ("sec_worker", "orch.step"):
            continue  # steps are the worker's, and belong to their plan only while the change is planned
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            link.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy,
        ):
            copy.write(line)
    assert audit(place.registry()) == []


MODES = ("ROW SHARE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
TABLES = (
    "change",
    "step",
    "lease",
    "approval",
    "evidence",
    "event",
    "event_head",
    "backfill",
    "comparison",
    "registry_version",
)


@pytest.mark.parametrize("login", ["sec_ada", "sec_auditor"])
def test_who_only_speaks_or_reads_locks_nobody_out(place: Place, worker: Registry, login: str) -> None:
    link = place.connect(login)
    for table in TABLES:
        for mode in ("ROW EXCLUSIVE", *MODES):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), link.transaction():
                link.execute(sql.SQL("LOCK TABLE {} IN " + mode + " MODE").format(sql.Identifier("orch", table)))
        for strength in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(sql.SQL("SELECT FROM {} FOR " + strength).format(sql.Identifier("orch", table)))
    running = place.connect("sec_worker")
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(sql.SQL("SELECT {}(%s)").format(sql.Identifier(function)), [running.info.backend_pid])


@pytest.mark.parametrize(
    "table", ["change", "lease", "approval", "evidence", "event", "event_head", "registry_version"]
)
def test_a_worker_locks_no_table_against_all(place: Place, worker: Registry, table: str) -> None:
    link = place.connect("sec_worker")
    for mode in MODES[1:]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), link.transaction():
            link.execute(sql.SQL("LOCK TABLE {} IN " + mode + " MODE").format(sql.Identifier("orch", table)))


def test_nobody_passes_on_what_they_were_granted(place: Place, worker: Registry) -> None:
    wanted = (
        "GRANT orch_worker TO sec_nobody",
        "GRANT orch_operator TO sec_nobody",
        "GRANT orch_auditor TO sec_nobody",
        "GRANT USAGE ON SCHEMA orch TO sec_nobody",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA orch TO sec_nobody",
        "GRANT ALL ON ALL TABLES IN SCHEMA orch TO sec_nobody",
        "GRANT UPDATE (state) ON orch.change TO sec_nobody WITH GRANT OPTION",
    )
    for login in OF_ROLES:
        for statement in wanted:  # PostgreSQL only warns where somebody holds the right but may not pass it on
            with suppress(psycopg.errors.InsufficientPrivilege):
                place.connect(login).execute(statement.encode())
    has = place.connect().execute("""
        SELECT has_schema_privilege('sec_nobody', 'orch', 'USAGE')
            OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'orch'::regnamespace AND c.relkind IN ('r', 'v')
                AND has_any_column_privilege('sec_nobody', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
            OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname LIKE 'orch\\_%' AND pg_has_role('sec_nobody', r.oid, 'MEMBER'))
            OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'orch'::regnamespace AND p.prosecdef
                AND has_function_privilege('sec_nobody', p.oid, 'EXECUTE'))""")
    assert has.fetchone() == (False,)


def test_no_constraint_can_be_put_off(place: Place, worker: Registry) -> None:
    late = "SELECT conname FROM pg_constraint WHERE connamespace = 'orch'::regnamespace AND condeferrable"
    assert place.connect().execute(late).fetchall() == []
    link = place.connect("sec_worker")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), link.transaction():
        link.execute("SET CONSTRAINTS ALL DEFERRED")
        link.execute("INSERT INTO orch.lease (change_id, fence) VALUES ('nobody', 0)")
        raise AssertionError("it was put off")


DOUBLES = """
CREATE FUNCTION {s}.pg_has_role(name, name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION {s}.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION {s}.is_member(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION {s}.roles_in_force() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION {s}.approvals_lacking(orch.change, text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE FUNCTION {s}.check_decision(orch.change, text, text, text, text, text, integer) RETURNS void
    LANGUAGE sql AS '';
CREATE FUNCTION {s}.link_event(text, text, jsonb) RETURNS orch.event LANGUAGE sql AS 'SELECT NULL::orch.event';
CREATE FUNCTION {s}.decide_gate(text, text, text, text, text, text, interval, integer) RETURNS orch.approval
    LANGUAGE sql AS 'SELECT NULL::orch.approval';
CREATE FUNCTION {s}.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'epoch'::timestamptz$$;
CREATE FUNCTION {s}.jsonb_build_object(VARIADIC "any") RETURNS jsonb LANGUAGE internal AS 'jsonb_build_object_noargs';
CREATE FUNCTION {s}.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION {s}.same(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR {s}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {s}.same);
CREATE OPERATOR {s}.= (LEFTARG = name, RIGHTARG = text, FUNCTION = {s}.same);
CREATE OPERATOR {s}.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = {s}.same);
CREATE TABLE {s}.change AS SELECT * FROM orch.change;
CREATE TABLE {s}.approval_standing (change_id text, gate text, approver name, standing text);
CREATE TABLE {s}.pg_namespace (nspname name, nspowner oid);
CREATE TABLE {s}.pg_roles (rolname name)
"""


@pytest.mark.parametrize("schema", ["public", "sec_ada", "pg_temp"])
def test_doubles_of_functions_operators_and_tables_are_not_met(place: Place, worker: Registry, schema: str) -> None:
    place.connect().execute("CREATE SCHEMA sec_ada AUTHORIZATION sec_ada")
    ada = place.connect("sec_ada")
    for statement in DOUBLES.split(";\n"):
        with suppress(psycopg.errors.InsufficientPrivilege):  # LANGUAGE internal is a superuser's
            ada.execute(statement.replace("{s}", schema).encode())
    for login in ("sec_ada", "sec_worker"):
        link = ada if login == "sec_ada" else place.connect(login)
        link.execute(f"SET search_path = {schema}, orch, pg_catalog".encode())
        with pytest.raises(psycopg.Error) as refused:
            link.execute(DECIDE, ["x", NO_FINDINGS])
        assert refused.value.sqlstate == ("OR003" if login == "sec_ada" else "42501")
    ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    with pytest.raises(psycopg.Error, match="already"):
        ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    link.execute("SELECT orch.append_event('orders-email', 'evidence.recorded', '{}')")
    with pytest.raises(psycopg.Error, match="lacks 1 approvals"):
        link.execute("UPDATE orch.change SET state = 'expanding', version = version + 1")
    said = place.connect().execute("SELECT approver, at > now() - interval '1 min' FROM orch.approval").fetchall()
    assert said == [("sec_ada", True)]


SETTINGS = {
    "TimeZone": "Asia/Kathmandu",
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "row_security": "off",
    "check_function_bodies": "off",
    "quote_all_identifiers": "on",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "orch.own": "on",
    "orch.session_user": "sec_bob",
}


def test_no_setting_changes_what_is_written_or_who_wrote_it(place: Place, worker: Registry) -> None:
    ada = place.connect("sec_ada")
    for name, value in SETTINGS.items():
        with suppress(psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidParameterValue):
            ada.execute("SELECT set_config(%s, %s, false)", [name, value])
    ada.execute("SELECT orch.record_intent('orders-email', 'hold.set', 'an ö', NULL)")
    ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    with pytest.raises(psycopg.Error, match="already"):
        ada.execute(DECIDE, [PLAN, NO_FINDINGS])
    assert place.connect().execute("SELECT DISTINCT approver FROM orch.approval").fetchall() == [("sec_ada",)]
    assert audit(place.registry()) == []


@contextmanager
def _prepared(place: Place, login: str, statement: str) -> Iterator[str]:
    """A transaction of a login that is prepared and waits; rolled back in the end, if it is still there."""
    gid = f"{place.database} {login}"
    link = place.connect(login)
    link.execute(f"BEGIN; {statement}; PREPARE TRANSACTION '{gid}'".encode())
    try:
        yield gid
    finally:
        place.connect().execute(f"ROLLBACK PREPARED '{gid}'".encode())


def test_what_people_say_cannot_be_prepared_and_kept(place: Place, worker: Registry) -> None:
    ada = place.connect("sec_ada")
    for statement in (
        DECIDE.replace("%s, %s", f"'{PLAN}', '{NO_FINDINGS}'"),
        "SELECT orch.record_intent('orders-email', 'hold.set', 'x', NULL)",
    ):
        with pytest.raises(psycopg.errors.FeatureNotSupported), ada.transaction():
            ada.execute(statement.encode())
            ada.execute(f"PREPARE TRANSACTION '{place.database}'".encode())
    assert place.connect().execute("SELECT count(*) FROM orch.approval").fetchone() == (0,)
    assert audit(place.registry()) == []


def test_a_prepared_transaction_is_ended_by_whoever_prepared_it(place: Place, worker: Registry) -> None:
    with _prepared(place, "sec_worker", "UPDATE orch.change SET updated_at = clock_timestamp()") as gid:
        for login in ("sec_ada", "sec_both", "sec_auditor"):
            for verb in ("COMMIT", "ROLLBACK"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    place.connect(login).execute(f"{verb} PREPARED '{gid}'".encode())


def test_a_snapshot_from_before_a_rejection_opens_no_gate(place: Place, worker: Registry) -> None:
    for login in ("sec_ada", "sec_bob"):
        place.connect(login).execute(DECIDE, [PLAN, NO_FINDINGS])
    link = place.connect("sec_worker")
    link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    link.execute("SELECT FROM orch.change")
    place.registry("sec_bob").decide_gate(
        ID, GateName.EXPAND, "reject", plan_sha256=PLAN, evidence_sha256=NO_FINDINGS, reason="no"
    )
    with pytest.raises(psycopg.errors.SerializationFailure):
        link.execute("UPDATE orch.change SET state = 'expanding', version = version + 1")


STOLEN = {
    "released": "SET owner = NULL, acquired_at = NULL, expires_at = NULL",
    "taken": "SET owner = 'thief', fence = fence + 1, acquired_at = now(), expires_at = now() + interval '1 min'",
    "taken under the same fence": "SET owner = 'thief'",
    "cut short": "SET expires_at = clock_timestamp()",
    "prolonged": "SET expires_at = expires_at + interval '1 min'",
    "fenced out": "SET fence = fence + 1",
}


@pytest.mark.parametrize("how", STOLEN)
def test_a_worker_cannot_steal_anothers_lease(place: Place, worker: Registry, how: str) -> None:
    fence = worker.acquire(ID, "holder", 60)
    admin = place.connect()
    before = admin.execute("SELECT * FROM orch.lease").fetchall()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="held by sec_worker"):
        place.connect("sec_both").execute(f"UPDATE orch.lease {STOLEN[how]}".encode())
    assert admin.execute("SELECT * FROM orch.lease").fetchall() == before
    assert worker.renew(ID, fence, 60)


def test_a_lease_is_anybodys_once_it_has_expired_and_free_once_released(place: Place, worker: Registry) -> None:
    other = place.registry("sec_both")
    fence = worker.acquire(ID, "holder", 60)
    place.connect().execute("UPDATE orch.lease SET expires_at = clock_timestamp()")
    assert other.acquire(ID, "heir", 60) == fence + 1
    assert not worker.renew(ID, fence, 60)
    worker.release(ID, fence)
    assert other.renew(ID, fence + 1, 60)
    other.release(ID, fence + 1)
    assert worker.acquire(ID, "again", 60, beyond=40) == 41
    assert audit(place.registry()) == []


@pytest.mark.parametrize(
    "how",
    [
        "SET expires_at = 'infinity'",
        "SET fence = fence - 1",
        "SET owner = 'another'",
        "SET acquired_at = now() - interval '1 day'",
        "SET fence = fence + 1",
        "SET login = 'sec_bob'",
    ],
)
def test_the_holder_may_renew_and_release_and_nothing_else(place: Place, worker: Registry, how: str) -> None:
    worker.acquire(ID, "holder", 60)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.connect("sec_worker").execute(f"UPDATE orch.lease {how}".encode())
