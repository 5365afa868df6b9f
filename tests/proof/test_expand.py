"""What is in use today is tried against expand before expand runs: a new name captures others, a trigger copies whole rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.core.errors import Blocked
from orchestrator.dialects.postgres.proof import dump
from state.model import Finding, State, Verdict
from tests.support.release import Release, released

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
NONE = "readers: {statements: none, reason: the test is about expand}\n"
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, email text, note text)"
OTHERS = "CREATE TABLE customers (customer_email text, name text)"
LOG = """CREATE TABLE log (id bigint, email text, note text);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.*); RETURN NEW; END $$;
CREATE TRIGGER log AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION log()"""
CAPTURED = "SELECT name FROM customers WHERE EXISTS (SELECT FROM orders WHERE customer_email = email)"


@pytest.fixture
def release(counted: str) -> Iterator[Release]:
    """On a server that counts statements."""
    made = released(counted)
    with made.service:
        made.run(TABLE, OTHERS, "SELECT pg_stat_statements_reset()")
        yield made


def _found(release: Release) -> Finding:
    (found,) = [each for each in release.service.verify("change").findings if each.name == "statements_go_on"]
    return found


def test_a_statement_whose_name_would_be_captured_keeps_expand_away(release: Release) -> None:
    release.run(CAPTURED)
    release.submit(RENAME, more=NONE)
    found = _found(release)
    assert (found.verdict, found.mismatches) == (Verdict.FAIL, 1)
    assert "customer_email" in found.detail
    release.service.approve("change")
    with pytest.raises(Blocked, match="statements_go_on") as refused:
        release.service.advance("change")
    assert refused.value.exit_code == 4
    assert release.rows("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0") == [
        (3,)
    ]
    release.run("SELECT pg_stat_statements_reset()")
    release.service.verify("change")
    release.to(State.EXPANDED)


def test_statements_that_mean_the_same_afterwards_do_not(release: Release) -> None:
    release.run("SELECT * FROM orders", "INSERT INTO orders VALUES (1, 'e', 'n')", "SELECT o FROM orders o")
    release.run("UPDATE orders SET email = 'x' WHERE id = 1")
    release.submit(RENAME, more=NONE)
    found = _found(release)
    assert found.verdict is Verdict.PASS
    assert found.rows >= 4


def test_a_trigger_that_a_new_column_breaks_keeps_expand_away_without_any_statement(release: Release) -> None:
    """F17: every write of the application would fail from ADD COLUMN on."""
    release.run(LOG, "SELECT pg_stat_statements_reset()")
    release.submit(RENAME, more=NONE + "triggers: skip\n")
    found = _found(release)
    assert (found.verdict, found.samples) == (Verdict.FAIL, ("triggers of public.orders at INSERT",))
    release.run("DROP TRIGGER log ON orders")
    assert _found(release).verdict is Verdict.PASS


def test_without_statements_it_says_that_nothing_was_proved(database: str) -> None:
    made = released(database)
    with made.service:
        made.run(TABLE)
        made.submit(RENAME, more=NONE)
        found = _found(made)
        assert (found.verdict, found.detail[:10]) == (Verdict.PASS, "NOT PROVED")


def test_where_no_clone_can_be_made_it_is_told_now_and_not_at_contract(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: int) -> Path:
        raise dump.NoClone("there is no pg_dump here", dump.NEEDED)

    monkeypatch.setattr(dump, "program", none)
    release.run("SELECT email FROM orders")
    release.submit(RENAME, more="readers: {period: 0s}\n")
    found = _found(release)
    assert found.verdict is Verdict.UNKNOWN
    assert "there is no pg_dump here; install the PostgreSQL client programs" in found.detail
