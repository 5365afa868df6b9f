"""F10: other triggers, columns without ``=``, and triggers that appear later must not let the shapes drift unseen."""

from __future__ import annotations

import pytest

from state.model import State, Verdict
from tests.support.release import Release

NORMALISE = (
    "CREATE FUNCTION norm() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.email := lower(NEW.email || NEW.other); RETURN NEW; END $$"
)


@pytest.mark.parametrize("name", ["a_norm", "~norm", "~~~~norm", "zz"])
def test_a_column_changed_by_another_trigger_is_followed(release: Release, name: str) -> None:
    release.run(NORMALISE, f'CREATE TRIGGER "{name}" BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION norm()')
    release.submit("rename_column: {table: t, column: email, to: mail}", more="triggers: fire\n")
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (email) VALUES ('A')", "UPDATE t SET other = other + 1")
    assert release.rows("SELECT email, mail FROM t") == [("a01", "a01")]


@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [
        ("json", '{"a":1}', '{"a": 1}'),
        ("path", "((1,2),(3,4))", "((1,2),(3,5))"),
        ("point", "(1,2)", "(3,4)"),
        ("numeric", "1.0", "1.00"),
    ],
)
def test_columns_without_equality_are_followed(release: Release, type_: str, first: str, second: str) -> None:
    release.run(f"ALTER TABLE t ADD COLUMN odd {type_}")
    release.submit("rename_column: {table: t, column: odd, to: fresh}")
    release.to(State.EXPANDED)
    release.run(f"INSERT INTO t (odd) VALUES ('{first}')", f"UPDATE t SET odd = '{second}'")
    assert release.rows("SELECT odd::text, fresh::text FROM t") == [(second, second)]
    release.run(f"UPDATE t SET fresh = '{first}'")
    assert release.rows("SELECT odd::text, fresh::text FROM t") == [(first, first)]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ('CREATE TRIGGER "~~~late" BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION norm()', "fires after"),
        ("CREATE TRIGGER early BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION norm()", "does not watch for"),
        ("ALTER TABLE t DISABLE TRIGGER USER", "missing or off"),
    ],
)
def test_sync_intact_sees_what_came_later(release: Release, fault: str, words: str) -> None:
    release.run(NORMALISE)
    release.submit("rename_column: {table: t, column: email, to: mail}")
    release.to(State.BACKFILLED)
    release.run(fault)
    (found,) = release.service.verify("change", checks=["sync_intact"]).findings
    assert found.verdict is Verdict.FAIL
    assert words in found.detail
