"""F16: what would refuse a NULL on the side that a value does not convert to is found when the change is planned.

Each reason is shown in plain SQL first: what PostgreSQL does without orch is the oracle.
"""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import PlanRefused
from state.model import State
from tests.support.release import Release

WIDEN = "change_type: {table: t, column: n, to: big, type: bigint}"
DEMANDING = (
    "num_nonnulls(n, other) = 2",
    "num_nulls(n, other) < 1",
    "n IS NOT NULL AND other >= 0",
    "NOT (n IS NULL)",
    "(n IS NULL) = (other IS NULL)",
    "coalesce(n, -1) >= 0",
    "coalesce(n, other) > 5",
    "CASE WHEN n IS NULL THEN other > 5 ELSE true END",
    "n IS NOT DISTINCT FROM other OR other = 0",
    "n IS NOT DISTINCT FROM n AND (n IS NULL) IS FALSE",
    "greatest(n, other) >= 3 AND (n > 100) IS NOT NULL",
    "ROW(n, other) IS NOT NULL",
    "(n > 0) IS TRUE OR other > 5",
    "any_given(n, other)",
    "array_position(ARRAY[n, other], NULL) IS NULL",
)
HARMLESS = (
    "n >= 0",
    "n > 0 AND other >= 0 OR NOT (n < other)",
    "n = ANY (ARRAY[0, 1, 2, 6, 7])",
    "n::text <> 'x' AND abs(n) + other >= 0",
    "n IN (0, 1, 6, 7) OR other IS NOT NULL",
    "other IS NOT NULL",
    "coalesce(n, 1) >= 0",
    "n IS NULL OR n >= 0",
    "mod(n, 100) >= 0 OR other > length(n::text)",
)
GRID = "(VALUES (0), (1), (2), (6), (7)) a(n) CROSS JOIN (VALUES (0), (1), (6), (NULL::int)) b(other)"


def _turns_false(release: Release, condition: str) -> bool:
    """Whether some row that the condition lets pass is refused once n is NULL: asked of PostgreSQL, row by row."""
    held, lost = f"({condition}) IS NOT FALSE", f"({condition}) IS FALSE"
    query = f"""
        SELECT count(*) > 0 FROM (SELECT n, other FROM {GRID}) whole WHERE {held}
           AND EXISTS (SELECT FROM (SELECT NULL::int AS n, whole.other AS other) t WHERE {lost})"""
    ((answer,),) = release.rows(query)
    return bool(answer)


@pytest.mark.parametrize("condition", [*DEMANDING, *HARMLESS])
def test_a_check_is_refused_if_a_null_would_break_it(release: Release, condition: str) -> None:
    release.run(
        "CREATE FUNCTION any_given(int, int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 IS NOT NULL OR $2 > 5'",
        f"ALTER TABLE t ADD CONSTRAINT asked CHECK ({condition})",
    )
    assert _turns_false(release, condition) is (condition in DEMANDING)
    if condition in HARMLESS:
        release.submit(WIDEN)
        return
    with pytest.raises(PlanRefused, match=r"CHECK asked of public\.t demands a value in n") as refused:
        release.submit(WIDEN)
    assert "SET NOT NULL" in str(refused.value)


def test_a_foreign_key_that_matches_in_full_demands_all_or_nothing(release: Release) -> None:
    release.run(
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))",
        "INSERT INTO p VALUES (1, 1)",
        "ALTER TABLE t ADD CONSTRAINT fully FOREIGN KEY (n, other) REFERENCES p MATCH FULL",
        "INSERT INTO t (n, other) VALUES (1, 1)",
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        release.run("UPDATE t SET n = NULL")
    with pytest.raises(PlanRefused, match=r"foreign key fully of public\.t demands a value in n"):
        release.submit(WIDEN)


DEMANDING_DOMAINS = ("int NOT NULL", "int CHECK (VALUE IS NOT NULL)", "small", "int CHECK (coalesce(VALUE, -1) >= 0)")


@pytest.mark.parametrize("definition", DEMANDING_DOMAINS)
def test_a_domain_that_demands_a_value_cannot_be_the_old_side(release: Release, definition: str) -> None:
    release.run("CREATE DOMAIN small AS int NOT NULL", f"CREATE DOMAIN d AS {definition}")
    release.run("ALTER TABLE t ADD COLUMN old d DEFAULT 1", "INSERT INTO t (n) VALUES (1)")
    with pytest.raises(psycopg.IntegrityError):
        release.run("UPDATE t SET old = NULL")
    with pytest.raises(PlanRefused, match=r"domain public\.d of public\.t\.old demands a value"):
        release.submit("change_type: {table: t, column: old, to: big, type: bigint, default: '1'}")


def test_a_domain_that_lets_null_pass_may_be_the_old_side(release: Release) -> None:
    release.run("CREATE DOMAIN d AS int CHECK (VALUE > 0)", "ALTER TABLE t ADD COLUMN old d")
    release.submit("change_type: {table: t, column: old, to: big, type: bigint}")


NEW_COLUMNS = (
    "add_column: {table: t, column: fresh, type: d}",
    "add_column: {table: t, column: fresh, type: d, default: '1'}",
    "add_column: {table: t, column: fresh, type: d, fill: '1', not_null: true}",
    "change_type: {table: t, column: n, to: fresh, type: d}",
    "rename_column: {table: t, column: old, to: fresh}",
)


@pytest.mark.parametrize("definition", ["int CHECK (VALUE > 0)", "int NOT NULL", "small"])
@pytest.mark.parametrize("operation", NEW_COLUMNS)
def test_a_new_column_of_a_constrained_domain_is_refused(release: Release, operation: str, definition: str) -> None:
    release.run("CREATE DOMAIN small AS int CHECK (VALUE < 100)", f"CREATE DOMAIN d AS {definition}")
    release.run("CREATE TABLE twin (id int)", "INSERT INTO twin VALUES (1)", "ALTER TABLE t ADD COLUMN old d DEFAULT 1")
    before = release.rows("SELECT pg_relation_filenode('twin')")
    if "NOT NULL" in definition:
        with pytest.raises(psycopg.IntegrityError):
            release.run("ALTER TABLE twin ADD COLUMN fresh d")
    else:
        release.run("ALTER TABLE twin ADD COLUMN fresh d")
        assert release.rows("SELECT pg_relation_filenode('twin')") != before, "the server no longer rewrites: allow it"
    with pytest.raises(PlanRefused, match=r"fresh would be of the domain public\.d, which has constraints"):
        release.submit(operation)


def test_a_default_of_a_domain_would_stand_where_the_backfill_must_write(release: Release) -> None:
    release.run(
        "CREATE DOMAIN d AS text DEFAULT 'none'", "ALTER TABLE t ADD COLUMN old d", "INSERT INTO t (n) VALUES (1)"
    )
    release.run("ALTER TABLE t ADD COLUMN twin d")
    assert release.rows("SELECT twin FROM t") == [("none",)]
    with pytest.raises(PlanRefused, match="whose default would stand in every row"):
        release.submit("rename_column: {table: t, column: old, to: fresh}")
    release.submit("add_column: {table: t, column: fresh, type: d, default: \"'other'\"}")


def test_a_domain_that_is_only_a_name_is_carried_over_and_asked_for(release: Release) -> None:
    release.run("CREATE DOMAIN d AS text", "ALTER TABLE t ADD COLUMN old d")
    release.submit("rename_column: {table: t, column: old, to: fresh}\nadd_column: {table: t, column: more, type: d}")
    release.to(State.EXPANDED)
    types = "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = ANY ('{fresh,more}')"
    assert release.rows(types) == [("d",), ("d",)]


def test_a_column_that_no_trigger_can_fill_in_time_is_not_dropped(release: Release) -> None:
    release.run("CREATE DOMAIN d AS int NOT NULL", "ALTER TABLE t ADD COLUMN old d DEFAULT 1")
    drop = "drop_column: {table: t, column: old, down: '1'}"
    release.submit(drop)
    release.run("ALTER TABLE t ALTER COLUMN old DROP DEFAULT")
    with pytest.raises(psycopg.errors.NotNullViolation):
        release.run("INSERT INTO t (n) VALUES (1)")
    with pytest.raises(PlanRefused, match="demands a value before any trigger"):
        release.submit(drop, change="other")
