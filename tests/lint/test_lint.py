"""What the linter says of scripts: where, how bad, what it knows of earlier statements, and what people have answered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.dialects.postgres.script.sent import Sending
from orchestrator.lint import _run
from orchestrator.lint._model import Finding, Tier
from orchestrator.lint._run import lint
from orchestrator.plugins import discover

QUIET = "SET lock_timeout = '1s';\n"


def found(text: str, *, wrapped: bool = False) -> list[Finding]:
    return list(lint(text, "x.sql", sending=Sending.TRANSACTION if wrapped else Sending.EACH).findings)


def rules(text: str, *, wrapped: bool = False) -> list[str]:
    return [each.rule for each in found(text, wrapped=wrapped)]


def test_a_finding_has_its_place() -> None:
    (one,) = found(QUIET + "\n  ALTER TABLE t\n    ALTER COLUMN a SET NOT NULL;")
    assert (one.file, one.line, one.column, one.rule, one.tier) == ("x.sql", 4, 5, "set_not_null", Tier.CRITICAL)
    assert one.lock == "ACCESS EXCLUSIVE"
    assert one.message
    assert one.safe_way


def test_adding_a_rule_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import orchestrator.lint as room

    (tmp_path / "no_comments.py").write_text(
        '"""A comment."""\n'
        "from orchestrator.dialects.postgres.script.acts import Other\n"
        "from orchestrator.lint._model import Remark, Rule, Tier\n"
        "def judge(act, seen):\n"
        "    if act.kind == 'comment':\n"
        "        yield Remark('a comment', 'none')\n"
        "plugin = Rule(Tier.MINOR, judge, (Other,))\n"
    )
    text = "COMMENT ON TABLE t IS 'x';"
    assert rules(text) == []
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    for cache in (discover, _run._rules):
        cache.cache_clear()
    try:
        assert rules(text) == ["no_comments"]
    finally:
        monkeypatch.undo()
        sys.modules.pop("orchestrator.lint.no_comments", None)
        for cache in (discover, _run._rules):
            cache.cache_clear()


def test_every_rule_documents_itself() -> None:
    for word in discover(_run.ROOM):
        discover(_run.ROOM)[word]
        page = sys.modules[f"{_run.ROOM}.{word}"].__doc__ or ""
        assert "\n\nSafe: " in page, word
        assert page.splitlines()[0].endswith("."), word


class TestSuppressing:
    DROP = "ALTER TABLE t DROP COLUMN a;"

    @pytest.mark.parametrize(
        "text",
        [
            f"-- orch:ignore drop_column: gone since 41\n{DROP}",
            f"{DROP} -- orch:ignore drop_column: gone since 41",
            f"/* orch:ignore drop_column: gone since 41 */ {DROP}",
            "ALTER TABLE t -- orch:ignore truncate, drop_column: gone since 41\n DROP COLUMN a;",
            f"{DROP}\nSELECT 1;\n-- orch:ignore-file drop_column: gone since 41\n",
        ],
    )
    def test_an_answer_takes_the_finding_out(self, text: str) -> None:
        report = lint(QUIET + text)
        assert report.findings == ()
        assert report.suppressed == 1

    def test_it_covers_its_statement_and_its_rule_alone(self) -> None:
        assert rules(f"{QUIET}-- orch:ignore drop_column: yes\n{self.DROP}\nSELECT 1; {self.DROP}") == ["drop_column"]
        assert rules(f"{QUIET}-- orch:ignore truncate: yes\n{self.DROP}") == ["drop_column"]

    def test_without_a_reason_it_suppresses_nothing_and_is_a_finding(self) -> None:
        for reason in ("", ":", ": "):
            assert rules(f"{QUIET}-- orch:ignore drop_column{reason}\n{self.DROP}") == ["suppression", "drop_column"]

    def test_a_rule_that_does_not_exist_is_a_finding(self) -> None:
        (one, _) = found(f"{QUIET}-- orch:ignore drop_colum: yes\n{self.DROP}")
        assert "did you mean drop_column?" in one.message

    def test_a_text_is_no_comment(self) -> None:
        assert rules(f"{QUIET}SELECT '-- orch:ignore drop_column: x'; {self.DROP}") == ["drop_column"]


class TestTransactions:
    def test_a_timeout_of_a_transaction_ends_with_it(self) -> None:
        local = "BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE t DROP COLUMN a; COMMIT;"
        assert rules(local) == ["drop_column"]
        assert rules(local + "ALTER TABLE u DROP COLUMN a;") == ["drop_column", "drop_column"], "once a file is enough"
        late = "BEGIN; SET LOCAL lock_timeout = '1s'; COMMIT; ALTER TABLE u DROP COLUMN a;"
        assert rules(late) == ["drop_column", "no_lock_timeout"]
        assert rules("SET LOCAL lock_timeout = '1s'; ALTER TABLE u DROP COLUMN a;") == [
            "drop_column",
            "no_lock_timeout",
        ]
        assert rules("SET lock_timeout = 0; ALTER TABLE u DROP COLUMN a;") == ["drop_column", "no_lock_timeout"]
        assert rules("SELECT set_config('lock_timeout', '1s', false); ALTER TABLE u DROP COLUMN a;") == ["drop_column"]

    def test_plain_new_tables_need_no_timeout(self) -> None:
        assert (
            rules("CREATE TABLE t (id bigint PRIMARY KEY); CREATE INDEX ON t (id); ALTER TABLE t ADD n int NOT NULL;")
            == []
        )
        assert rules("CREATE TABLE t (id bigint PRIMARY KEY REFERENCES other);") == ["no_lock_timeout"]

    def test_a_table_that_may_exist_is_not_new(self) -> None:
        text = "CREATE TABLE IF NOT EXISTS t (id bigint); ALTER TABLE t ALTER id SET NOT NULL;"
        assert rules(QUIET + text) == ["set_not_null"]

    def test_concurrently_needs_a_transaction_of_its_own(self) -> None:
        text = "CREATE INDEX CONCURRENTLY i ON t (a);"
        assert rules(text) == []
        assert rules(text, wrapped=True) == ["concurrently_in_transaction"]
        assert rules(f"START TRANSACTION; {text} COMMIT;") == ["concurrently_in_transaction"]
        assert rules(f"BEGIN; COMMIT; {text}") == []

    def test_a_new_value_of_an_enum_waits_for_the_next_transaction(self) -> None:
        text = "ALTER TYPE s ADD VALUE 'new'; UPDATE t SET s = 'new' WHERE id = 1;"
        assert rules(text) == []
        assert rules(text, wrapped=True) == ["enum_value_used"]
        assert rules(f"CREATE TYPE s AS ENUM ('a'); {text}", wrapped=True) == []

    def test_a_constraint_is_validated_in_another_transaction(self) -> None:
        add = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;"
        validate = "ALTER TABLE t VALIDATE CONSTRAINT c;"
        assert rules(QUIET + add + validate) == []
        together = rules(QUIET + add + validate, wrapped=True)
        assert "validate_in_same_transaction" in together

    def test_long_work_follows_no_lock(self) -> None:
        text = "ALTER TABLE t ADD COLUMN n int; UPDATE t SET n = 1;"
        assert "work_after_lock" not in rules(QUIET + text)
        assert "work_after_lock" in rules(QUIET + text, wrapped=True)
        two = "ALTER TABLE t ADD COLUMN n int; ALTER TABLE u ADD COLUMN n int;"
        assert "work_after_lock" in rules(f"{QUIET}BEGIN; {two} COMMIT;")

    def test_both_ends_of_a_transaction_are_there(self) -> None:
        assert rules("BEGIN; SELECT 1;") == ["transaction_left_open"]
        assert rules("COMMIT;") == ["transaction_left_open"]
        assert rules("BEGIN; SELECT 1; COMMIT;") == []
        assert [each.tier for each in found("BEGIN; COMMIT;", wrapped=True)] == [Tier.MINOR]
        assert [each.tier for each in found("BEGIN; COMMIT; SELECT 1;", wrapped=True)] == [Tier.MINOR, Tier.MAJOR]


class TestNotNull:
    CHECK = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL AND b > 0) NOT VALID;\n"
    VALIDATE = "ALTER TABLE t VALIDATE CONSTRAINT c;\n"
    SET = "ALTER TABLE t ALTER a SET NOT NULL;\n"

    def test_a_validated_check_makes_it_cheap(self) -> None:
        assert rules(QUIET + self.CHECK + self.VALIDATE + self.SET) == []

    @pytest.mark.parametrize(
        "before",
        [
            CHECK,
            VALIDATE,
            CHECK.replace("a IS NOT NULL", "length(a) > 0") + VALIDATE,
            CHECK.replace("AND", "OR") + VALIDATE,
            CHECK.replace("a IS", "other IS") + VALIDATE,
            CHECK.replace("TABLE t", "TABLE u") + VALIDATE,
            CHECK + VALIDATE + "ALTER TABLE t DROP CONSTRAINT c;\n",
            CHECK + VALIDATE.replace(" c;", " unrelated;"),
        ],
    )
    def test_nothing_less_does(self, before: str) -> None:
        assert "set_not_null" in rules(QUIET + before + self.SET)


@pytest.mark.parametrize(
    ("default", "volatile"),
    [
        ("now()", False),
        ("CURRENT_TIMESTAMP - interval '1 day'", False),
        ("pg_catalog.now()", False),
        ("concat('a', 'b')", False),
        ("'{}'::jsonb", False),
        ("ARRAY[]::text[]", False),
        ("lower('A')", False),
        ("random()", True),
        ("gen_random_uuid()", True),
        ("uuid_generate_v4()", True),
        ("extract(epoch from clock_timestamp())", True),
        ("nextval('s')", True),
        ("nobody_knows()", True),
        ("other.now()", True),
        ("NULL", False),
    ],
)
def test_defaults_that_differ_by_row_are_told_from_those_that_do_not(default: str, volatile: bool) -> None:
    seen = rules(f"{QUIET}ALTER TABLE t ADD COLUMN a text DEFAULT {default};")
    assert ("volatile_default" in seen) is volatile


def test_functions_of_the_same_file_are_known() -> None:
    make = "CREATE FUNCTION f() RETURNS int {} LANGUAGE sql AS 'select 1'; "
    add = "ALTER TABLE t ADD COLUMN a int DEFAULT f();"
    assert "volatile_default" not in rules(QUIET + make.format("STABLE") + add)
    assert "volatile_default" in rules(QUIET + make.format("") + add)
