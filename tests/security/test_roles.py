"""``orch init --roles``: safe to repeat, safe at once, clear when it may not; and what each role then can do."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psycopg
import pytest
from psycopg import sql

from migrations_meta.upgrade import separate, upgrade
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Invalid
from orchestrator.service import Service
from state.errors import NotReady, Unprivileged
from state.machine import GATE_AHEAD, TRANSITIONS
from state.model import State
from tests.security.conftest import Place, make_login
from tests.state.conftest import new, new_steps


def test_roles_own_everything_and_init_may_be_repeated(place: Place) -> None:
    assert separate(place.url()) == []
    assert upgrade(place.url()) == []
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'orch'::regnamespace"
    functions = "SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'orch'::regnamespace"
    for query in (owners, functions):
        assert place.connect().execute(query).fetchall() == [("orch_owner",)]
    can_login = "SELECT bool_or(rolcanlogin) FROM pg_roles WHERE rolname LIKE 'orch\\_%'"
    assert place.connect().execute(can_login).fetchone() == (False,)


def test_a_registry_in_use_can_be_handed_over(bare: Place) -> None:
    upgrade(bare.url())
    bare.registry().submit(new(), new_steps())
    assert separate(bare.url())[-1] == "registry: owned by orch_owner, opened to its roles"
    assert bare.registry().submit(new(), new_steps())[1] is False


def test_two_at_once_in_one_database_and_in_two(bare: Place) -> None:
    other = f"{bare.database}_other"
    admin = bare.connect()
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
    try:
        urls = [bare.url(), bare.server.url(other)] * 2
        # Processes, as on two machines: Alembic keeps the migration in hand in a global.
        with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
            done = list(pool.map(separate, urls))
    finally:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(other)))
    bare.registry().ready()
    assert sum("registry: owned by orch_owner, opened to its roles" in lines for lines in done) == 2


def test_a_login_that_may_not_is_told_what_to_do(bare: Place) -> None:
    admin = bare.connect()
    make_login(admin, "sec_plain")
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO sec_plain").format(sql.Identifier(bare.database)))
    url = bare.url("sec_plain")
    try:
        with pytest.raises(Unprivileged, match=r"sec_plain (may not create roles|is no member of orch_owner).*GRANT"):
            separate(url)
        config = Config(registry_url=url, targets={"t": TargetConfig("t", url)})
        with Service(config) as service, pytest.raises(Invalid, match="let a superuser run orch init --roles"):
            service.init(roles=True)
    finally:
        admin.execute("DROP OWNED BY sec_plain")


def test_a_login_that_may_create_roles_but_is_no_superuser_suffices(bare: Place) -> None:
    admin = bare.connect()
    separate(bare.url())  # so that the roles exist whichever test comes first
    admin.execute("DROP SCHEMA orch CASCADE")
    make_login(admin, "sec_dba", "orch_owner")
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO sec_dba").format(sql.Identifier(bare.database)))
    try:
        assert separate(bare.url("sec_dba"))[-1].startswith("registry: owned by orch_owner")
        assert separate(bare.url("sec_dba")) == []
    finally:
        admin.execute("REVOKE CREATE ON DATABASE {} FROM sec_dba".format(f'"{bare.database}"'))


def test_upgrading_needs_a_member_of_the_owner(place: Place) -> None:
    assert upgrade(place.url("sec_worker")) == []
    admin = place.connect()
    admin.execute("DROP SCHEMA orch CASCADE")
    with pytest.raises(NotReady, match="permission denied"):
        upgrade(place.url("sec_worker"))


def test_an_auditor_reads_everything_and_writes_nothing(place: Place) -> None:
    place.registry("sec_worker").submit(new(), new_steps())
    auditor = place.connect("sec_auditor")
    tables = """SELECT c.oid::regclass::text, relkind FROM pg_class c
        WHERE relnamespace = 'orch'::regnamespace AND relkind IN ('r', 'v')"""
    names = auditor.execute(tables).fetchall()
    assert len(names) >= 10
    for name, kind in names:
        auditor.execute(f"SELECT * FROM {name}")
        if kind == "v":
            continue  # a view over a join takes no writes from anybody
        for statement in ("DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                auditor.execute(statement.format(name))
        first = auditor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = ''", [name]
        )
        column = first.fetchone()
        assert column
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auditor.execute(f"UPDATE {name} SET {column[0]} = {column[0]}")
    callable_functions = """
        SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'orch'::regnamespace
        AND p.prosecdef AND has_function_privilege(p.oid, 'EXECUTE')"""
    assert auditor.execute(callable_functions).fetchall() == []
    config = Config(registry_url=place.url("sec_auditor"), targets={"t": TargetConfig("t", place.url("sec_auditor"))})
    with Service(config) as service:
        assert service.audit_verify() == []
        assert [event.kind for event in service.events()] == ["registry.home", "change.submitted"]


def test_the_pairs_the_database_knows_are_the_machines(place: Place) -> None:
    moves = {(was, edge.to) for (was, _), edge in TRANSITIONS.items() if was is not None and was is not edge.to}
    admin = place.connect()
    for was in State:
        row = admin.execute("SELECT orch.gate_ahead(%s)", [was.value]).fetchone()
        assert row == (GATE_AHEAD.get(was),)
        for to in State:
            may = admin.execute("SELECT orch.may_follow(%s, %s)", [was.value, to.value]).fetchone()
            assert may == ((was, to) in moves,), (was, to)
