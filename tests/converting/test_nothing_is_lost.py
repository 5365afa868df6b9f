"""Every statement of a script is converted, passed through or named as not understood, and nothing more is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import postgast
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.change import parse
from orchestrator.converting._run import Converted, convert
from orchestrator.converting._yaml import change_id, files
from orchestrator.plugins import discover
from tests.converting.cases import CASES
from tests.lint.table import CASES as LINTED

CORPUS = [each for case in CASES for each in postgast.split(case.sql)]
CORPUS += [each for case in LINTED for each in postgast.split(case.sql)]
BROKEN = ["ALTRE TABLE t ADD x int", "SELECT 'open", "CREATE TABLE (", "DROP TABLE a b", "UPDATE t SET"]
scripts = st.lists(st.sampled_from([*CORPUS, *CORPUS, *BROKEN]), min_size=1, max_size=12).map(";\n".join)


def effects(statement: str) -> int:
    """How many effects a statement has, told by the grammar alone."""
    (raw,) = postgast.parse(statement).stmts
    if raw.stmt.HasField("alter_table_stmt"):
        return len(raw.stmt.alter_table_stmt.cmds)
    return len(raw.stmt.drop_stmt.objects) if raw.stmt.HasField("drop_stmt") else 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=15))
def test_every_effect_has_exactly_one_verdict(statements: list[str]) -> None:
    found = convert(";\n".join(statements))
    assert len(found.verdicts) == sum(map(effects, statements))
    assert sum(len(found.of(kind)) for kind in ("converted", "passed", "left")) == len(found.verdicts)


@settings(max_examples=150, deadline=None)
@given(scripts)
def test_what_is_converted_stands_in_a_change_and_nothing_else_does(script: str) -> None:
    found = convert(script)
    for verdict in found.verdicts:
        assert bool(verdict.changes) == (verdict.kind == "converted")
        assert verdict.why or verdict.kind == "converted"
    said = {number for change in found.changes for each in change for number in each.parts}
    assert said == {number for number, verdict in enumerate(found.verdicts) if verdict.kind == "converted"}


@settings(max_examples=150, deadline=None)
@given(scripts)
def test_change_files_can_be_read(script: str) -> None:
    for each in files(convert(script), "a-change", "a title"):
        read = parse(each.text, each.change, discover("orchestrator.operations"))
        assert read.change == each.change


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_answered(text: str) -> None:
    found = convert(text)
    assert all(verdict.kind for verdict in found.verdicts)


LEFT = (
    'ALTER TABLE t ADD COLUMN a text COLLATE "C"',
    "ALTER TABLE t ADD COLUMN a text STORAGE external",
    "ALTER TABLE t ADD COLUMN a serial",
    "ALTER TABLE t ADD COLUMN a int NOT NULL",
    "ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS IDENTITY (START 7)",
    "ALTER TABLE t ADD COLUMN a int REFERENCES u DEFERRABLE",
    "ALTER TABLE ONLY t ADD COLUMN a int",
    "ALTER TABLE t DROP COLUMN a CASCADE",
    'ALTER TABLE t ALTER a TYPE text COLLATE "C"',
    "ALTER TABLE t ALTER a TYPE int USING length(a)",
    "ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (a)",
    "ALTER TABLE t ADD UNIQUE (a) DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE t ADD UNIQUE (a) WITH (fillfactor = 70)",
    "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i",
    "ALTER TABLE t ADD PRIMARY KEY (a) INCLUDE (b)",
    "ALTER TABLE t ADD CHECK (a > 0) NO INHERIT",
    "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID",
    "ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED",
    "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES u MATCH FULL",
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u ON DELETE SET DEFAULT",
    "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES u ON DELETE SET NULL (a)",
    "CREATE INDEX ON ONLY t (a)",
    "CREATE INDEX ON t (a) WITH (fillfactor = 70)",
    "CREATE INDEX ON t (a) TABLESPACE fast",
    "CREATE INDEX ON t (a my_ops (n = 3))",
    "CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT",
    "DROP TABLE t CASCADE",
    "DROP INDEX i",
    "DROP VIEW v",
    "ALTER TABLE t RENAME CONSTRAINT a TO b",
    "ALTER VIEW v RENAME COLUMN a TO b",
    "ALTER VIEW v RENAME TO w",
    "ALTER FOREIGN TABLE t ADD COLUMN a int",
    "ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
    "TRUNCATE t",
    "TRUNCATE t, u",
    "UPDATE t SET a = 1",
    "DELETE FROM t",
    "INSERT INTO t SELECT * FROM u",
    "SET search_path = other",
    "ROLLBACK",
    "DO $$ BEGIN DROP TABLE t; END $$",
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE p PARTITION OF t FOR VALUES IN (1)",
    "CREATE TABLE c AS SELECT * FROM t",
    "SELECT drop_everything()",
    "LOCK TABLE t",
)


@pytest.mark.parametrize("statement", LEFT)
def test_what_no_operation_says_is_named(statement: str) -> None:
    found = convert(statement)
    assert [verdict.kind for verdict in found.verdicts] == ["left"]
    assert found.changes == ()


UPDATES = (
    "UPDATE t SET a = b FROM u",
    "UPDATE t x SET a = x.b",
    "UPDATE t SET a = (SELECT max(b) FROM u)",
    "UPDATE t SET a = b WHERE id IN (SELECT id FROM u)",
    "UPDATE t SET a = a || 'x'",
    "UPDATE t SET a = b WHERE a = 'x'",
    "UPDATE t SET a = b, old = 3",
    "UPDATE t SET (a, old) = (1, 2)",
    "UPDATE t SET a = b RETURNING a",
    "UPDATE t SET a[1] = b",
    "WITH w AS (SELECT 1) UPDATE t SET a = b",
    "UPDATE ONLY t SET a = b",
)


@pytest.mark.parametrize("update", UPDATES)
def test_an_update_that_is_more_than_a_fill_is_left(update: str) -> None:
    found = convert(f"ALTER TABLE t ADD COLUMN a text;\n{update};")
    assert [verdict.kind for verdict in found.verdicts] == ["converted", "left"]
    assert [dict(each.body) for each in found.changes[0]] == [{"table": "t", "column": "a", "type": "text"}]


def test_a_fill_without_its_not_null_is_left() -> None:
    assert kinds(convert("UPDATE t SET a = 'x' WHERE a IS NULL")) == ["left"]
    assert (
        kinds(convert("UPDATE t SET a = 'x' WHERE a IS NULL; ALTER TABLE t ALTER a SET NOT NULL")) == ["converted"] * 2
    )
    assert kinds(convert("UPDATE t SET a = 'x'; ALTER TABLE t ALTER a SET NOT NULL")) == ["left", "converted"]


def test_what_is_left_takes_its_companions_along() -> None:
    """ADD COLUMN with a constraint is one statement: half of it would be worse than nothing."""
    found = convert("ALTER TABLE t ADD COLUMN a int NOT NULL UNIQUE; COMMENT ON COLUMN t.a IS 'x'")
    assert kinds(found) == ["left", "left"]
    assert "line 1" in found.verdicts[1].why
    serial = convert("ALTER TABLE t ADD COLUMN a serial; CREATE INDEX ON t (a); CREATE INDEX ON t (b)")
    assert kinds(serial) == ["left", "left", "converted"]
    assert found.changes == ()


def test_what_passes_runs_where_it_can() -> None:
    found = convert(
        "CREATE TYPE a AS ENUM ('x'); ALTER TABLE t ADD c a; CREATE VIEW v AS SELECT c FROM t; GRANT SELECT ON v TO r;"
        " CREATE TYPE b AS ENUM ('y'); BEGIN"
    )
    assert [verdict.when for verdict in found.of("passed")] == ["before", "after", "after", "before", "never"]


def test_what_is_needed_too_late_is_told() -> None:
    found = convert(
        "ALTER TABLE t ADD c int; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT max(c) FROM t';"
        " ALTER TABLE t ADD d int DEFAULT f();"
    )
    assert kinds(found) == ["converted", "passed", "left"]
    assert "needs f" in found.verdicts[2].why


def test_places_are_lines_of_the_file() -> None:
    found = convert("-- a\nALTER TABLE t\n  ADD a int,\n  DROP b;\n\nVACUUM FULL t;\n")
    assert [verdict.part.line for verdict in found.verdicts] == [3, 4, 6]


@given(st.text(max_size=90))
def test_any_file_name_makes_an_id(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,56}", change_id(name))


def kinds(found: Converted) -> list[str]:
    return [verdict.kind for verdict in found.verdicts]


def test_the_corpus_is_not_all_of_one_kind() -> None:
    assert set(_corpus_kinds()) == {"converted", "passed", "left"}


def _corpus_kinds() -> Iterator[str]:
    for statement in CORPUS:
        yield from kinds(convert(statement))
