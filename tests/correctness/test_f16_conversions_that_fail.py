"""F16: a value that does not convert must never fail the application's write, and never be lost unseen."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import Blocked
from state.model import State
from tests.support.release import Release

WIDEN = "change_type: {table: t, column: n, to: big, type: bigint}"
PARSE = "change_type: {table: t, column: email, to: number, type: int}"


def _rejected(release: Release) -> list[tuple[object, ...]]:
    return release.rows("SELECT direction, key->>'id', sqlstate FROM orch_target.rejected_row ORDER BY id")


def test_a_new_value_out_of_the_old_range_is_kept_and_blocks_the_way_back(release: Release) -> None:
    release.run("INSERT INTO t (n) VALUES (1)", "ALTER TABLE t ALTER n SET NOT NULL")
    release.submit(WIDEN)
    release.to(State.SWITCHED)
    release.run("INSERT INTO t (big) VALUES (3000000000)", "UPDATE t SET big = 4000000000 WHERE id = 1")
    assert release.rows("SELECT n, big FROM t ORDER BY id") == [(None, 4000000000), (None, 3000000000)]
    assert _rejected(release) == [("down", "2", "22003"), ("down", "1", "22003")]
    for act in (release.service.undo, release.service.abort):
        with pytest.raises(Blocked, match="would lose values"):
            act("change", reason="back")
    release.to(State.CONTRACTED)
    with pytest.raises(Blocked, match="would lose values"):
        release.service.undo("change", reason="back")
    release.run("UPDATE t SET big = 5")
    assert _rejected(release) == []
    release.service.undo("change", reason="back")
    release.service.advance("change")
    assert release.rows("SELECT DISTINCT n, big FROM t") == [(5, 5)]


def test_an_old_value_that_does_not_convert_blocks_the_switch_until_repaired(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('1'), ('12,5'), ('3')")
    release.submit(PARSE)
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (email) VALUES ('n/a')", "UPDATE t SET email = 'bad' WHERE id = 1")
    release.to(State.BACKFILLED)
    assert release.rows("SELECT number FROM t ORDER BY id") == [(None,), (None,), (3,), (None,)]
    release.service.approve("change")
    with pytest.raises(Blocked, match=r"no_rejected_rows.*3 of \d+ rows do not convert.*id=1, id=2, id=4"):
        release.service.advance("change")
    assert release.service.status("change").rejected_rows == 3
    release.run("UPDATE t SET email = '8' WHERE id <> 3")
    assert _rejected(release) == []
    release.service.verify("change")
    release.to(State.SWITCHED)
    assert release.rows("SELECT number FROM t ORDER BY id") == [(8,), (8,), (3,), (8,)]


def test_a_writer_that_gives_neither_side_is_refused_as_before(release: Release) -> None:
    release.run("ALTER TABLE t ALTER n SET NOT NULL")
    release.submit(WIDEN)
    release.to(State.EXPANDED)
    for statement in ("INSERT INTO t (email) VALUES ('x')", "INSERT INTO t (n) VALUES (NULL)"):
        with pytest.raises(psycopg.errors.NotNullViolation):
            release.run(statement)
    release.run("INSERT INTO t (n) VALUES (1)")
    for statement in ("UPDATE t SET n = NULL", "UPDATE t SET big = NULL"):
        with pytest.raises(psycopg.errors.NotNullViolation):
            release.run(statement)
    assert release.rows("SELECT n, big FROM t") == [(1, 1)]


def test_abort_gives_the_not_null_back(release: Release) -> None:
    release.run("INSERT INTO t (n) VALUES (1)", "ALTER TABLE t ALTER n SET NOT NULL")
    release.submit(WIDEN)
    release.to(State.BACKFILLED)
    release.service.abort("change", reason="not today")
    release.service.advance("change")
    with pytest.raises(psycopg.errors.NotNullViolation):
        release.run("INSERT INTO t (n) VALUES (NULL)")
    assert release.rows("SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = 't'::regclass") == [(0,)]


def test_an_application_without_rights_on_our_tables_can_still_write(release: Release) -> None:
    role = "orch_f16_app"
    release.run(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role}", f"GRANT SELECT, INSERT, UPDATE ON t TO {role}")
    release.submit(PARSE)
    release.to(State.EXPANDED)
    try:
        release.run(
            f"SET ROLE {role}; INSERT INTO t (email) VALUES ('n/a')",
            f"SET ROLE {role}; UPDATE t SET email = '7'",
        )
        assert release.rows("SELECT email, number FROM t") == [("7", 7)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            release.run(f"SET ROLE {role}; SELECT orch_target.reject('c', 's', 'up', '{{}}', 'x', 'y')")
    finally:
        release.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
