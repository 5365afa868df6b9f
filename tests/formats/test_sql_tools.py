"""Formats made of SQL files: which they are, what shares a transaction, what is no release, and whether there is a way back."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath
from typing import Any

import psycopg
import pytest

from orchestrator.formats._model import Source, format_of
from orchestrator.plugins import discover
from tests.formats.tree import found, rules

QUIET = "SET lock_timeout = '1s';\n"
INDEX = "CREATE INDEX CONCURRENTLY t_a ON t (a);\n"
ALTER = QUIET + "ALTER TABLE t ALTER a SET STORAGE external;\n"
LOCK = 'provider = "postgresql"\n'


@pytest.mark.parametrize(
    ("path", "beside", "tool"),
    [
        ("0001_a.up.sql", {}, "golang-migrate"),
        ("0001_a.down.sql", {}, "golang-migrate"),
        ("20260101_a.b.up.sql", {}, "golang-migrate"),
        ("20260101000000_a/migration.sql", {}, "Prisma"),
        ("0_init/migration.sql", {}, "Prisma"),
        ("first/migration.sql", {"../migration_lock.toml": LOCK}, "Prisma"),
        ("20260101000000_a/down.sql", {}, "Prisma"),
        ("first/migration.sql", {}, "SQL"),
        ("V1__a.sql", {}, "Flyway"),
        ("V1.2_3__a.sql", {}, "Flyway"),
        ("R__views.sql", {}, "Flyway"),
        ("U1__a.sql", {}, "Flyway"),
        ("B1__a.sql", {}, "Flyway"),
        ("V1_a.sql", {}, "SQL"),
        ("V__a.sql", {}, "SQL"),
        ("Very__a.sql", {}, "SQL"),
        ("up.sql", {}, "SQL"),
        ("notes.txt", {}, None),
    ],
)
def test_formats_are_told_apart_by_names_and_neighbours(path: str, beside: dict[str, str], tool: str | None) -> None:
    fitting = format_of(Source(PurePath("m") / path, "SELECT 1;", beside.get))
    assert (fitting.tool if fitting else None) == tool


class TestTransactions:
    @pytest.mark.parametrize("name", ["1_a.up.sql", "20260101000000_a/migration.sql", "V1__a.sql"])
    def test_concurrently_must_be_alone(self, name: str, tmp_path: Path) -> None:
        assert "concurrently_in_transaction" not in rules(tmp_path, {name: INDEX})
        (one,) = [each for each in found(tmp_path, {name: QUIET + INDEX}) if each.rule == "concurrently_in_transaction"]
        assert (one.line, one.column) == (2, 1)

    def test_plain_sql_runs_one_by_one(self, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.sql": QUIET + INDEX}) == []

    def test_flyway_is_told_in_a_file_beside_it(self, tmp_path: Path) -> None:
        tree = {"V1__a.sql": f"-- rollback: drop it\n{QUIET}{INDEX}", "V1__a.sql.conf": "executeInTransaction=false\n"}
        assert rules(tmp_path, tree) == []

    def test_work_behind_a_lock_is_seen_although_there_is_no_begin(self, tmp_path: Path) -> None:
        text = "-- rollback: none\n" + ALTER + "CREATE INDEX t_b ON t (b);\n"
        assert "work_after_lock" not in rules(tmp_path / "a", {"a.sql": text})
        for name in ("1_a.up.sql", "20260101000000_a/migration.sql", "V1__a.sql"):
            assert "work_after_lock" in rules(tmp_path / name, {name: text}), name

    def test_words_of_a_transaction_are_the_files_own_in_a_message(self, tmp_path: Path) -> None:
        text = f"-- rollback: none\nBEGIN;\n{ALTER}COMMIT;\nBEGIN;\nANALYZE t;\nCOMMIT;\n"
        assert rules(tmp_path / "a", {"1_a.up.sql": text}) == []
        assert set(rules(tmp_path / "b", {"V1__a.sql": text})) == {"transaction_left_open"}


MESSAGES = (
    INDEX,
    QUIET + INDEX,
    INDEX + "SELECT 1;",
    f"BEGIN; SELECT 1; COMMIT; {INDEX}",
    f"-- a comment\n;;{INDEX};",
    "VACUUM t;",
    "ANALYZE t; VACUUM t;",
    "ANALYZE t; ANALYZE t;",
    "SELECT 1; DROP INDEX CONCURRENTLY there;",
    "DROP INDEX CONCURRENTLY there;",
    "SELECT 1; REINDEX TABLE CONCURRENTLY t;",
    "SELECT 1; REINDEX SCHEMA empty;",
    "REINDEX SCHEMA empty;",
    "SELECT 1; CLUSTER;",
    "SELECT 1; REFRESH MATERIALIZED VIEW CONCURRENTLY mv;",
    "SELECT 1; ALTER SYSTEM RESET work_mem;",
    "SELECT 1; CREATE TABLESPACE nowhere LOCATION '/nowhere';",
    "SELECT 1; CREATE DATABASE another;",
    "SELECT 1; DROP DATABASE another;",
)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_refused_by_the_server_where_the_linter_says_so(
    message: str, tmp_path: Path, database: str
) -> None:
    said = "concurrently_in_transaction" in rules(tmp_path, {"1_a.up.sql": message})
    with psycopg.connect(database, autocommit=True) as link:
        _set_up(link)
        state = link.pgconn.exec_(message.encode()).error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    assert said is (state == b"25001"), state


def _set_up(link: psycopg.Connection[Any]) -> None:
    link.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX there ON t (a); CREATE SCHEMA empty;"
        "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; CREATE UNIQUE INDEX ON mv (x)"
    )


class TestWaysBack:
    def test_down_files_are_no_release(self, tmp_path: Path) -> None:
        tree = {
            "a/1_a.up.sql": ALTER,
            "a/1_a.down.sql": "DROP TABLE t;",
            "b/20260101000000_a/migration.sql": ALTER,
            "b/20260101000000_a/down.sql": "DROP TABLE t;",
            "c/V1__a.sql": ALTER,
            "c/U1__a.sql": "DROP TABLE t;",
        }
        assert found(tmp_path, tree) == []

    @pytest.mark.parametrize(
        ("tree", "why"),
        [
            ({"1_a.up.sql": ALTER}, "1_a.down.sql is missing"),
            ({"1_a.up.sql": ALTER, "1_a.down.sql": " \n-- nothing\n;"}, "1_a.down.sql is empty"),
            ({"20260101000000_a/migration.sql": ALTER}, "no down.sql"),
            ({"V1__a.sql": ALTER, "U11__a.sql": "SELECT 1;"}, "there is no U1__"),
        ],
    )
    def test_none_is_a_finding(self, tree: dict[str, str], why: str, tmp_path: Path) -> None:
        (one,) = found(tmp_path, tree)
        assert (one.rule, one.tier, one.line, one.column, one.lock) == ("no_rollback", "minor", 1, 1, None)
        assert why in one.message

    @pytest.mark.parametrize("name", ["1_a.up.sql", "20260101000000_a/migration.sql", "V1__a.sql"])
    @pytest.mark.parametrize(
        ("note", "there"),
        [
            ("-- rollback: nothing to do", True),
            ("/* Roll back: nothing to do */", True),
            ("-- rollback:", False),
            ("SELECT 'rollback: no comment';", False),
        ],
    )
    def test_a_note_says_enough(self, name: str, note: str, there: bool, tmp_path: Path) -> None:
        assert rules(tmp_path, {name: f"{note}\n{ALTER}"}) == ([] if there else ["no_rollback"])

    def test_plain_sql_has_no_place_for_one(self, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.sql": ALTER, "R__a.sql": ALTER}) == []


def test_what_prisma_keeps_for_another_database_is_not_judged_as_postgresql(tmp_path: Path) -> None:
    tree = {
        "m/migration_lock.toml": 'provider = "mysql"\n',
        "m/20260101000000_a/migration.sql": "ALTER TABLE `t` DROP `a`;",
    }
    (one,) = found(tmp_path, tree)
    assert one.rule == "unread"
    assert "mysql" in one.message


def test_directories_of_other_peoples_files_are_left_out(tmp_path: Path) -> None:
    tree = {f"{name}/x.sql": "DROP TABLE t;" for name in ("node_modules", ".git", "lib/site-packages", "mine")}
    assert {each.file for each in found(tmp_path, tree)} == {str(tmp_path / "mine" / "x.sql")}


def test_a_new_format_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import orchestrator.formats as room

    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "dbmate.py").write_text(
        '"""dbmate: everything above -- migrate:down."""\n'
        "from orchestrator.dialects.postgres.script.sent import Part, Sending, sent\n"
        "from orchestrator.formats._model import Format\n"
        "plugin = Format('dbmate', ('.sql',), lambda source: 3 * source.text.startswith('-- migrate:up'),\n"
        "                lambda source: sent(source.text.split('-- migrate:down')[0], Part(sending=Sending.TRANSACTION)))\n"
    )
    tree = {"a.sql": f"-- migrate:up\n{QUIET}{INDEX}-- migrate:down\nDROP TABLE t;\n"}
    assert rules(tmp_path / "m", tree) == ["drop_table"]
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path / "room")])
    discover.cache_clear()
    try:
        assert rules(tmp_path / "m", tree) == ["concurrently_in_transaction"]
    finally:
        monkeypatch.undo()
        sys.modules.pop("orchestrator.formats.dbmate", None)
        discover.cache_clear()
