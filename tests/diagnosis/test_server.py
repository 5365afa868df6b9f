"""What the server, its settings and what stands between it and us may lack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from orchestrator.core.ports import TargetError
from orchestrator.core.reading import Usage
from orchestrator.diagnosis import _seen, pooler, prepared, version
from orchestrator.diagnosis._sight import AT_TARGET, Answer, Duties, Look, Sight
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import Verdict
from state.store import Registry
from tests.diagnosis.conftest import Clinic, Setting
from tests.service.world import World


@pytest.mark.parametrize(
    ("name", "bad", "verdict"),
    [
        ("client_connection_check_interval", "0", Verdict.UNKNOWN),
        ("idle_in_transaction_session_timeout", "0", Verdict.UNKNOWN),
        ("idle_session_timeout", "20s", Verdict.UNKNOWN),
        ("transaction_timeout", "1min", Verdict.FAIL),
    ],
)
def test_a_time_limit_is_found_and_its_command_repairs_it(
    clinic: Clinic, setting: Setting, name: str, bad: str, verdict: Verdict
) -> None:
    if not clinic.world.rows(f"SELECT FROM pg_settings WHERE name = '{name}'"):
        assert f"target shop: {name}" not in clinic.looked()
        return
    login = clinic.login("super", options="LOGIN SUPERUSER")
    setting(name, bad)
    found = clinic.looked(login)[f"target shop: {name}"]
    assert found.verdict is verdict
    clinic.obey(found)
    assert clinic.looked(login)[f"target shop: {name}"].verdict is Verdict.PASS


def test_a_deadlock_timeout_below_ours_fails(clinic: Clinic, setting: Setting) -> None:
    assert clinic.looked()["target shop: deadlock_timeout"].verdict is Verdict.PASS
    setting("deadlock_timeout", "100ms")
    assert clinic.looked()["target shop: deadlock_timeout"].verdict is Verdict.FAIL


def test_durability_says_what_we_set_ourselves(clinic: Clinic, setting: Setting) -> None:
    setting("synchronous_commit", "off")
    for place in ("registry", "target shop"):
        found = clinic.looked()[f"{place}: durability"]
        assert (found.verdict, "fsync is off" in found.detail) == (Verdict.UNKNOWN, True)
    with Registry(clinic.world.url) as registry, PostgresTarget("shop", clinic.world.url).reader() as reader:
        sight = Sight(_Fsync(reader), PostgresTarget("shop", ""), registry, (), Duties())
        from orchestrator.diagnosis.durability import see

        (answer,) = see(sight)
    assert answer.verdict is Verdict.PASS
    assert "synchronous_commit is off here; for outcomes and approvals we set on" in answer.detail


class _Fsync(PostgresSession):
    """The same server, as if it had fsync on: the tests' own has it off, to be quick."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    def rows(self, query: object, parameters: object = ()) -> list[tuple[object, ...]]:
        (row,) = self._session.rows(query)
        return [(row[0], True, *row[2:])]


@pytest.mark.parametrize(
    ("number", "verdict"), [(130012, Verdict.FAIL), (140001, Verdict.UNKNOWN), (150000, Verdict.PASS)]
)
def test_versions(number: int, verdict: Verdict) -> None:
    assert version.judge(number).verdict is verdict


@pytest.mark.parametrize("whose", ["ROLE", "DATABASE"])
def test_connections_that_do_not_suffice(clinic: Clinic, whose: str) -> None:
    clinic.separated()
    login = clinic.login("worker", "orch_worker")
    assert clinic.looked(login)["registry: connections"].verdict is Verdict.PASS
    name = login if whose == "ROLE" else clinic.world.rows("SELECT current_database()")[0][0]
    clinic.world.run(f'ALTER {whose} "{name}" CONNECTION LIMIT 6')
    for place in ("registry", "target shop"):
        found = clinic.looked(login)[f"{place}: connections"]
        assert found.verdict is Verdict.FAIL
        assert f"of 6 connections that the {'login' if whose == 'ROLE' else 'database'} allows" in found.detail
    clinic.obey(found)
    assert clinic.looked(login)["registry: connections"].verdict is Verdict.PASS


class _Pooled(PostgresTarget):
    """A server behind a pooler in transaction mode with one backend to give: every session meets the same."""

    def __init__(self, url: str) -> None:
        super().__init__("pooled", url)
        self._shared = super().reader()
        self.first = self._shared.__enter__()

    @contextmanager
    def reader(self, captured: Usage | None = None) -> Iterator[PostgresSession]:
        yield self.first


def test_a_pooler_that_shares_backends_is_found(module_world: World) -> None:
    pooled, direct = _Pooled(module_world.url), PostgresTarget("shop", module_world.url)
    with Registry(module_world.url) as registry, direct.reader() as reader:
        (bad,) = pooler.see(Sight(pooled.first, pooled, registry, (), Duties()))
        (good,) = pooler.see(Sight(reader, direct, registry, (), Duties()))
    assert (bad.verdict, "two sessions shared a backend, and settings" in bad.detail) == (Verdict.FAIL, True)
    assert good.verdict is Verdict.PASS


KEPT = (("one", "two"),) * 2


@pytest.mark.parametrize(
    ("backends", "words", "verdict"),
    [
        (((1, 2), (1, 2)), KEPT, Verdict.PASS),
        (((1, 2), (3, 2)), KEPT, Verdict.FAIL),
        (((1, 2), (2, 1)), KEPT, Verdict.FAIL),
        (((1, 1), (1, 1)), KEPT, Verdict.FAIL),
        (((1, 2), (1, 2)), (("one", "two"), ("", "two")), Verdict.FAIL),
    ],
)
def test_what_tells_a_pooler(
    backends: tuple[tuple[int, int], ...], words: tuple[tuple[str, str], ...], verdict: Verdict
) -> None:
    assert pooler.judge(pooler.Seen(backends, words)).verdict is verdict


def test_prepared_transactions_left_over(clinic: Clinic) -> None:
    clinic.world.run("BEGIN; INSERT INTO orders (email, quantity) VALUES ('x', 1); PREPARE TRANSACTION 'diag young'")
    try:
        assert clinic.looked()["target shop: prepared transactions"].verdict is Verdict.PASS
        with PostgresTarget("shop", clinic.world.url).reader() as reader:
            found = reader.rows(prepared.OLD.format("0 s"))
        assert ("'diag young'", 0, True) in found
        answer = prepared.judge([("'diag young'", 11, True), ("'another'", 10, False)])
        assert answer.verdict is Verdict.FAIL
        assert "2 left over (1 here, the oldest for 11 min)" in answer.detail
        assert "ROLLBACK PREPARED 'diag young'" in answer.step
    finally:
        clinic.world.run("ROLLBACK PREPARED 'diag young'")


def test_a_look_that_fails_keeps_no_other_from_looking(module_world: World) -> None:
    def see(sight: Sight) -> Iterator[Answer]:
        sight.reader.rows("SELECT 1 / 0")
        yield Answer("never", Verdict.PASS, "")

    target = PostgresTarget("shop", module_world.url)
    with Registry(module_world.url) as registry, target.reader() as reader:
        sight = Sight(reader, target, registry, (), Duties())
        (answer,) = _seen("some_look", Look(AT_TARGET, see), sight)
        assert (answer.name, answer.verdict) == ("some look", Verdict.UNKNOWN)
        assert "division by zero" in answer.detail
        assert reader.rows("SELECT 1") == [(1,)]
        with pytest.raises(TargetError):
            reader.rows("CREATE TABLE doctor_writes_nothing ()")


def test_a_run_needs_no_more_connections_than_doctor_counts(clinic: Clinic) -> None:
    from orchestrator.diagnosis.head_room import NEED
    from state.model import State

    most = 0
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'orch%' AND datname = current_database()"

    def listen(_: object) -> None:
        nonlocal most
        (row,) = link.execute(count).fetchall()
        most = max(most, row[0])

    clinic.world.submit("rename_column: {table: orders, column: email, to: customer_email}")
    with psycopg.connect(clinic.world.url, autocommit=True) as link:
        clinic.world.to(State.SWITCHED, listen=listen)
    assert 2 <= most <= NEED


def test_who_does_not_see_the_load_is_told_what_to_grant(clinic: Clinic) -> None:
    """The signals of a backfill fail closed without it."""
    login = clinic.login("blind", options="LOGIN SUPERUSER")
    assert clinic.looked(login)["target shop: monitoring"].verdict is Verdict.PASS
    clinic.world.run(f"ALTER ROLE {login} NOSUPERUSER")
    found = clinic.looked(login)["target shop: monitoring"]
    assert found.verdict is Verdict.FAIL
    clinic.obey(found)
    assert clinic.looked(login)["target shop: monitoring"].verdict is Verdict.PASS
