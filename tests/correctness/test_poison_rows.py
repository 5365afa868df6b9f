"""A row that cannot be filled is found, recorded with its key and the server's words, and holds up nobody but the gates."""

from __future__ import annotations

import contextlib

import pytest

from orchestrator.core.errors import Blocked, OrchError
from state.model import State
from tests.support.release import Release

REJECTED = "SELECT key->>'id', sqlstate, message FROM orch_target.rejected_row ORDER BY (key->>'id')::int"
RENAME = "rename_column: {table: k, column: email, to: mail}"
MORE = "backfill: {batch_rows: 100}\ntriggers: fire\n"


def _table(release: Release, key: str = "PRIMARY KEY") -> None:
    """Its columns bear the names that a careless search would use for its variables."""
    release.run(
        f"CREATE TABLE k (id int {key}, email text, found text, a text, n int)",
        "INSERT INTO k SELECT i, 'e' || i FROM generate_series(1, 500) i",
    )


CLOSED = (
    "CREATE TABLE closed AS SELECT unnest(ARRAY[7, 8, 400]) AS id",
    "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN IF OLD.id IN (SELECT id FROM closed) THEN RAISE 'row % is closed', OLD.id; END IF; RETURN NEW; END$$",
    "CREATE TRIGGER closed BEFORE UPDATE ON k FOR EACH ROW EXECUTE FUNCTION closed()",
)


def test_rows_that_a_trigger_defends_are_left_and_named_and_filled_once_it_lets_them(release: Release) -> None:
    _table(release)
    release.run(*CLOSED)
    release.submit(RENAME, more=MORE)
    for closed in ((7, 8, 400), (7, 8, 400), (8,)):
        release.run("DELETE FROM closed", *(f"INSERT INTO closed VALUES ({n})" for n in closed))
        with pytest.raises(OrchError, match=f"refused {len(closed)} row") as refused:
            release.to(State.BACKFILLED)
        assert refused.value.exit_code == 4
        assert release.rows("SELECT count(*), count(mail) FROM k") == [(500, 500 - len(closed))]
        assert release.rows(REJECTED) == [(str(n), "P0001", f"row {n} is closed") for n in closed]
    release.run("DELETE FROM closed")
    release.to(State.CONTRACTED)
    assert release.rows(REJECTED) == []


def test_retry_rows_is_for_a_backfill_that_was_refused_rows(release: Release) -> None:
    _table(release)
    release.run(*CLOSED)
    release.submit(RENAME, more=MORE)
    release.to(State.EXPANDED)
    with pytest.raises(Blocked, match="change is expanded"):
        release.service.retry_rows("change")
    with pytest.raises(OrchError, match="refused"):
        release.to(State.BACKFILLED)
    with pytest.raises(OrchError, match="refused"):
        release.service.retry_rows("change")
    release.run("DELETE FROM closed")
    assert release.service.retry_rows("change").state is State.BACKFILLED


def test_nothing_is_kept_of_refused_rows_after_an_abort(release: Release) -> None:
    _table(release)
    release.run(*CLOSED)
    release.submit(RENAME, more=MORE)
    with pytest.raises(OrchError, match="refused 3 rows"):
        release.to(State.BACKFILLED)
    release.service.abort("change", reason="they are closed for ever")
    release.service.advance("change")
    assert release.rows(REJECTED) == []


def test_rows_that_others_filled_or_deleted_meanwhile_are_no_longer_on_record(release: Release) -> None:
    _table(release)
    release.run(*CLOSED)
    release.submit(RENAME, more=MORE)
    with pytest.raises(OrchError, match="refused 3 rows"):
        release.to(State.BACKFILLED)
    release.run(
        "DELETE FROM k WHERE id = 7", "DELETE FROM closed WHERE id = 8", "UPDATE k SET mail = email WHERE id = 8"
    )
    with pytest.raises(OrchError, match="refused 1 row;"):
        release.to(State.BACKFILLED)
    assert [key for key, *_ in release.rows(REJECTED)] == ["400"]


def test_a_refused_row_is_never_held_against_the_application(release: Release) -> None:
    """The new column is to be NOT NULL like the old one: held to that too early, no version could write the row any more."""
    _table(release)
    release.run("ALTER TABLE k ALTER email SET NOT NULL", *CLOSED)
    release.submit(RENAME, more=MORE)
    with pytest.raises(OrchError, match="refused 3 rows"):
        release.to(State.BACKFILLED)
    release.run("DELETE FROM closed WHERE id = 8", "UPDATE k SET n = 1 WHERE id = 8")
    release.run("DELETE FROM closed")
    release.to(State.CONTRACTED)
    assert release.rows("SELECT count(*) FROM k WHERE mail = 'e' || id") == [(500,)]


def test_values_that_do_not_convert_are_recorded_with_the_servers_words(release: Release) -> None:
    _table(release)
    release.run("UPDATE k SET email = id::text", "UPDATE k SET email = '12,5' WHERE id = 250")
    release.submit("change_type: {table: k, column: email, type: int, to: mail}", more=MORE)
    release.to(State.BACKFILLED)
    assert release.rows("SELECT count(*) FROM k WHERE mail = id") == [(499,)]
    ((key, state, words),) = release.rows(REJECTED)
    assert (key, state) == ("250", "22P02")
    assert "integer" in str(words)


def test_a_row_that_does_not_convert_is_never_held_against_the_application(release: Release) -> None:
    _table(release)
    release.run(
        "UPDATE k SET email = id::text",
        "UPDATE k SET email = '12,5' WHERE id = 250",
        "ALTER TABLE k ALTER email SET NOT NULL",
    )
    release.submit("change_type: {table: k, column: email, type: int, to: mail}", more=MORE)
    with pytest.raises(OrchError) as refused:
        release.to(State.SWITCHED)
    assert refused.value.exit_code == 4
    release.run("UPDATE k SET n = 1 WHERE id = 250")
    release.run("UPDATE k SET email = '12' WHERE id = 250")
    with contextlib.suppress(OrchError):
        release.to(State.SWITCHED)
    release.service.verify("change")
    release.to(State.CONTRACTED)
    assert release.rows("SELECT mail FROM k WHERE id = 250") == [(12,)]


def test_without_a_key_nobody_could_name_the_row_so_the_step_says_why_it_stops(release: Release) -> None:
    _table(release, key="")
    release.run(
        "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN IF OLD.id = 7 THEN RAISE 'row % is closed', OLD.id; END IF; RETURN NEW; END$$",
        "CREATE TRIGGER closed BEFORE UPDATE ON k FOR EACH ROW EXECUTE FUNCTION closed()",
    )
    release.submit(RENAME, more=MORE)
    with pytest.raises(OrchError, match="row 7 is closed") as refused:
        release.to(State.BACKFILLED)
    assert refused.value.exit_code == 4
