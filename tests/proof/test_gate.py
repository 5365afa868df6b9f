"""The contract gate stays shut while somebody reads the old shape, and says who; it opens once nobody does.

Statements come from a server that keeps statistics of them, or from a file where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator.core.errors import OrchError, PlanRefused
from orchestrator.service import Service
from state.model import Finding, State, Verdict
from tests.support.release import Release, released

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
ASKED = "readers: {period: 0s}\n"
STATEMENTS, FUNCTIONS, SESSIONS = (f"nothing_reads_old:{part}" for part in ("statements", "functions", "sessions"))
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, email text, note text)"
ROWS = "INSERT INTO orders (id, email) SELECT i, 'e' || i FROM generate_series(1, 500) i"


def _begun(url: str) -> Iterator[Release]:
    release = released(url)
    with release.service:
        release.run(TABLE, ROWS)
        yield release


@pytest.fixture
def release(counted: str) -> Iterator[Release]:
    yield from _begun(counted)


@pytest.fixture
def uncounted(database: str) -> Iterator[Release]:
    """On the server of the run, whose statements nobody counts."""
    yield from _begun(database)


def _switched(release: Release, more: str = ASKED) -> None:
    release.submit(RENAME, more=more)
    release.to(State.SWITCHED)
    release.run("SELECT pg_stat_statements_reset()")


def _found(service: Service, statements: Path | None = None) -> dict[str, Finding]:
    asked = str(statements) if statements else None
    return {found.name: found for found in service.verify("change", statements=asked).findings}


def _opened(release: Release) -> None:
    """It is looked at again, and contract goes through."""
    release.service.verify("change")
    release.to(State.CONTRACTED)


def _shut(release: Release) -> str:
    """What is said where contract is refused; the old column stands, by the catalog: a look at the table would be a reader."""
    with pytest.raises(OrchError) as refused:
        release.service.advance("change")
    assert refused.value.exit_code in (3, 4)
    assert release.rows("SELECT count(*) FROM pg_attribute WHERE attname = 'email'") == [(1,)]
    return str(refused.value)


WORK = {
    "a copy": ((), RENAME),
    "a table without a key": (("ALTER TABLE orders DROP CONSTRAINT orders_pkey",), RENAME),
    "a conversion, held to rules": (
        (
            "UPDATE orders SET note = id",
            "ALTER TABLE orders ALTER note SET NOT NULL, ADD CHECK (note <> ''), ALTER note SET DEFAULT '0'",
            "CREATE INDEX by_note ON orders (lower(note)) WHERE note <> ''",
        ),
        "change_type: {table: orders, column: note, to: number, type: varchar(20), default: \"'0'\"}",
    ),
}


@pytest.mark.parametrize(("given", "operation"), WORK.values(), ids=WORK.keys())
def test_our_own_statements_are_nobodys(release: Release, given: tuple[str, ...], operation: str) -> None:
    """From expand to switched, and by looking, orch reads the old column in many ways; within the period each would count."""
    release.run(*given)
    release.submit(operation, more="readers: {period: 1h}\n")
    release.run("SELECT pg_stat_statements_reset()")
    release.to(State.SWITCHED)
    release.service.verify("change")
    found = _found(release.service)[STATEMENTS]
    assert (found.mismatches, found.samples) == (0, ()), found.detail


READERS: dict[str, Callable[[psycopg.Connection], object]] = {
    "a column": lambda link: link.execute("SELECT email FROM orders WHERE id = 1"),
    "a condition": lambda link: link.execute("DELETE FROM orders WHERE id < 0 AND email = 'x'"),
    "a star": lambda link: link.execute("SELECT * FROM orders WHERE id = 1"),
    "a positional insert": lambda link: link.execute("INSERT INTO orders SELECT 900, 'e900', 'n' WHERE false"),
    "a prepared star": lambda link: link.execute("SELECT * FROM orders WHERE id = %s", (1,), prepare=True),
    "a flag": lambda link: link.execute(
        "SELECT CASE WHEN orch_target.reads_new('change') THEN customer_email ELSE email END FROM orders WHERE id = 1"
    ),
}


@pytest.mark.parametrize("send", READERS.values(), ids=READERS.keys())
def test_a_statement_in_use_keeps_contract_away_until_it_is_gone(
    release: Release, send: Callable[[psycopg.Connection], object]
) -> None:
    _switched(release)
    with psycopg.connect(release.url, autocommit=True) as link:
        send(link)
    found = _found(release.service)[STATEMENTS]
    assert (found.verdict, found.mismatches) == (Verdict.FAIL, 1), found.detail
    assert "postgres" in found.detail, "who sends it"
    _shut(release)
    release.run("SELECT pg_stat_statements_reset()", "SELECT customer_email FROM orders WHERE id = 1")
    _opened(release)


def test_one_that_was_sent_once_and_no_more_counts_for_the_period_only(release: Release) -> None:
    _switched(release, "readers: {period: 2s}\n")
    release.run("SELECT email FROM orders WHERE id = 1", "SELECT pg_sleep(2)")
    assert _found(release.service)[STATEMENTS].verdict is Verdict.FAIL
    release.run("SELECT pg_sleep(2.1)")
    quiet = _found(release.service)[STATEMENTS]
    assert (quiet.verdict, quiet.mismatches) == (Verdict.PASS, 0), quiet.detail
    release.run("SELECT email FROM orders WHERE id = 2")
    assert _found(release.service)[STATEMENTS].verdict is Verdict.FAIL


def test_a_short_look_proves_nothing(release: Release) -> None:
    """The period is a day unless the change says otherwise, and the counts begin with the reset."""
    _switched(release, "readers: {period: 1h}\n")
    found = _found(release.service)[STATEMENTS]
    assert (found.verdict, "of 1h" in found.detail) == (Verdict.UNKNOWN, True), found.detail
    _shut(release)


def test_where_nothing_is_recorded_nothing_is_proved(release: Release) -> None:
    _switched(release)
    with psycopg.connect(release.url, autocommit=True) as link:
        link.execute("ALTER ROLE postgres SET pg_stat_statements.track = 'none'")
        try:
            found = _found(release.service)[STATEMENTS]
        finally:
            link.execute("ALTER ROLE postgres RESET pg_stat_statements.track")
    assert (found.verdict, "track is none" in found.detail) == (Verdict.UNKNOWN, True), found.detail


def test_a_function_that_nobody_called_yet_keeps_it_away_too(release: Release) -> None:
    _switched(release)
    release.run(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT email FROM orders LIMIT 1); END'"
    )
    found = _found(release.service)[FUNCTIONS]
    assert (found.verdict, found.samples) == (Verdict.FAIL, ("function public.f()",)), found.detail
    _shut(release)
    release.run("DROP FUNCTION f")
    _opened(release)


def test_an_old_version_that_is_still_connected_keeps_it_away(release: Release) -> None:
    _switched(release, "readers: {period: 0s, old_versions: shop@1.%}\n")
    with psycopg.connect(release.url, application_name="shop@1.7"):
        found = _found(release.service)[SESSIONS]
        assert (found.verdict, found.samples) == (Verdict.FAIL, ("shop@1.7",)), found.detail
        _shut(release)
    _opened(release)


def test_without_statistics_the_change_is_refused_while_it_can_be_altered(uncounted: Release) -> None:
    with pytest.raises(PlanRefused) as refused:
        uncounted.submit(RENAME, more=ASKED)
    assert "pg_stat_statements" in str(refused.value)
    assert "statements: file" in str(refused.value.next_step)
    assert "statements: none" in str(refused.value.next_step)


def test_without_proof_functions_that_name_what_goes_are_shown(uncounted: Release) -> None:
    uncounted.submit(RENAME, more="readers: {statements: none, reason: nobody else}\n")
    uncounted.to(State.SWITCHED)
    uncounted.run(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT Email FROM orders LIMIT 1); END'",
        "CREATE FUNCTION g() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT id FROM orders LIMIT 1); END'",
    )
    found = _found(uncounted.service)
    assert found[STATEMENTS].detail.startswith("NOT PROVED")
    assert (found[FUNCTIONS].verdict, found[FUNCTIONS].samples) == (Verdict.PASS, ("public.f()",))
    assert found[FUNCTIONS].detail == "NOT PROVED, functions are not tried; 1 name what goes in their text: public.f()"


def test_what_was_noted_of_readers_long_ago_is_forgotten(release: Release) -> None:
    _switched(release)
    release.run(
        "SELECT email FROM orders", "INSERT INTO orch_target.reader_seen VALUES ('old', 'k', 1, now() - interval '2 y')"
    )
    _found(release.service)
    assert release.rows("SELECT count(*), count(*) FILTER (WHERE change_id = 'old') FROM orch_target.reader_seen") == [
        (1, 0)
    ]


def test_captured_statements_are_judged_as_counted_ones(uncounted: Release, tmp_path: Path) -> None:
    uncounted.submit(RENAME, more="readers: {statements: file}\n")
    uncounted.to(State.SWITCHED)
    assert _found(uncounted.service)[STATEMENTS].verdict is Verdict.UNKNOWN
    assert "--statements" in _shut(uncounted)
    captured = tmp_path / "captured.sql"
    captured.write_text("SELECT email FROM orders WHERE id = 1; SELECT id FROM orders;")
    found = _found(uncounted.service, captured)[STATEMENTS]
    assert (found.verdict, found.mismatches) == (Verdict.FAIL, 1), found.detail
    captured.write_text("SELECT customer_email FROM orders WHERE id = 1; SELECT id FROM orders;")
    uncounted.service.approve("change", statements=str(captured))
    uncounted.service.advance("change", statements=str(captured))
    assert uncounted.service.status("change").state is State.CONTRACTED
