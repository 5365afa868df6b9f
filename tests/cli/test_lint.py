"""``orch lint``: its exit codes are the interface of pipelines, its formats that of other programs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

DROP = "SET lock_timeout = '1s';\nDROP TABLE t;\n"
INDEX = "SET lock_timeout = '1s';\nCREATE INDEX ON t (a);\n"


def orch(
    *arguments: str, here: Path, given: bytes | None = None, **settings: str
) -> subprocess.CompletedProcess[bytes]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ORCH_")} | {"NO_COLOR": "1"}
    environ |= settings
    command = [sys.executable, "-m", "orchestrator.cli.main", "lint", *arguments]
    return subprocess.run(command, cwd=here, env=environ, capture_output=True, input=given, check=False)


def findings(*arguments: str, here: Path, given: bytes | None = None) -> list[dict[str, Any]]:
    done = orch(*arguments, "--format", "json", "--fail-on", "never", here=here, given=given)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "migrations" / "deep").mkdir(parents=True)
    (tmp_path / "migrations" / "1.sql").write_text(DROP)
    (tmp_path / "migrations" / "deep" / "2.sql").write_text(INDEX)
    (tmp_path / "migrations" / "notes.txt").write_text(DROP)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["migrations"], 4),
        (["migrations/deep"], 0),
        (["migrations/deep", "--fail-on", "major"], 4),
        (["migrations", "--fail-on", "never"], 0),
        (["migrations/notes.txt"], 4),
        (["nowhere"], 2),
        (["."], 4),
        ([], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, here: Path) -> None:
    assert orch(*arguments, here=here).returncode == code


def test_a_mistyped_path_is_told(here: Path) -> None:
    (here / "empty").mkdir()
    for path in ("nowhere", "empty"):
        done = orch(path, here=here)
        assert done.returncode == 2
        assert path.encode() in done.stderr
        assert done.stdout == b""


def test_json_is_for_programs(here: Path) -> None:
    drop, index = findings("migrations", here=here)
    assert set(drop) == {"file", "line", "column", "rule", "tier", "lock", "message", "safe_way"}
    assert (drop["file"], drop["line"], drop["column"]) == ("migrations/1.sql", 2, 1)
    assert (drop["rule"], drop["tier"], drop["lock"]) == ("drop_table", "critical", "ACCESS EXCLUSIVE")
    assert (index["file"], index["rule"], index["lock"]) == ("migrations/deep/2.sql", "create_index", "SHARE")


def test_sarif_is_for_code_hosts(here: Path) -> None:
    done = orch("migrations", "--format", "sarif", here=here)
    run = json.loads(done.stdout)["runs"][0]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("drop_table", "error"),
        ("create_index", "warning"),
    ]
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "migrations/1.sql"}, "region": {"startLine": 2, "startColumn": 1}}


def test_github_shows_findings_beside_the_lines(here: Path) -> None:
    (here / "a,b.sql").write_text(DROP)
    line = orch("a,b.sql", "--format", "github", here=here).stdout.decode()
    assert line.startswith(
        "::error file=a%2Cb.sql,line=2,col=1,title=drop_table (critical%3A block release)::drops the table t:"
    )
    assert line.count("\n") == 1


def test_people_read_the_tier_with_its_action(here: Path) -> None:
    shown = orch("migrations", here=here).stdout.decode()
    assert "migrations/1.sql:2:1: critical (block release) drop_table [ACCESS EXCLUSIVE]" in shown
    assert "deep/2.sql:2:1: major (fix this sprint) create_index [SHARE]" in shown
    assert shown.rstrip().endswith("1 critical, 1 major in 4 statements of 2 files")


def test_standard_input_is_a_file(here: Path) -> None:
    (one,) = findings("-", here=here, given=DROP.encode())
    assert (one["file"], one["line"]) == ("<stdin>", 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_encoding_is_read(encoding: str, here: Path) -> None:
    given = f"-- Größe\n{DROP}".encode(encoding)
    assert [(each["rule"], each["line"]) for each in findings("-", here=here, given=given)] == [("drop_table", 3)]


def test_what_is_no_text_is_told(here: Path) -> None:
    (here / "binary.sql").write_bytes(bytes(range(256)))
    binary, drop, _ = findings(".", here=here)
    assert (binary["file"], binary["rule"]) == ("binary.sql", "syntax")
    assert "not text" in binary["message"]
    assert drop["rule"] == "drop_table"


def test_thousands_of_files_are_as_one_by_one(here: Path) -> None:
    for number in range(250):
        (here / "migrations" / f"n{number:03}.sql").write_text(f"DROP TABLE t{number};")
    found = findings("migrations", here=here)
    assert [each["file"] for each in found if each["rule"] == "drop_table"] == [
        "migrations/1.sql",
        *(f"migrations/n{number:03}.sql" for number in range(250)),
    ]


def test_every_format_is_told_apart_in_one_run(here: Path) -> None:
    index = "CREATE INDEX CONCURRENTLY i ON t (a);\n"
    tree = {
        "a/1_a.up.sql": index,
        "a/1_a.down.sql": "DROP TABLE t;",
        "b/migrations/20260101000000_a/migration.sql": index + "ANALYZE t;\n",
        "c/V1__a.sql": index + "ANALYZE t;\n",
        "d/versions/a.py": "from alembic import op\nrevision = 'a'\n\ndef upgrade():\n    op.drop_table('t')\n",
    }
    for name, text in tree.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    found = {(each["file"], each["rule"], each["line"]) for each in findings("a", "b", "c", "d", here=here)}
    assert {each for each in found if each[1] != "no_rollback"} == {
        ("b/migrations/20260101000000_a/migration.sql", "concurrently_in_transaction", 1),
        ("c/V1__a.sql", "concurrently_in_transaction", 1),
        ("d/versions/a.py", "drop_table", 5),
        ("d/versions/a.py", "no_lock_timeout", 5),
    }


class TestWithADatabase:
    INDEX = "SET lock_timeout = '1s';\nCREATE INDEX ON orders (email);\nALTER TABLE orders DROP COLUMN email;\n"

    @pytest.fixture
    def url(self, database: str, here: Path) -> str:
        (here / "a.sql").write_text(self.INDEX)
        with psycopg.connect(database, autocommit=True) as link:
            link.execute("CREATE TABLE orders (id int PRIMARY KEY, email text)")
            link.execute("INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 1234) i")
            link.execute("CREATE VIEW mailing AS SELECT email FROM orders")
            link.execute("ANALYZE")
        return database

    def test_it_is_asked_for_sizes_and_readers(self, url: str, here: Path) -> None:
        index, drop = findings("a.sql", "--url", url, here=here)
        assert (index["rule"], index["tier"]) == ("create_index", "minor")
        assert "about 1,234 rows" in index["message"]
        assert (drop["rule"], drop["tier"]) == ("drop_column", "critical")
        assert "views name the column: mailing" in drop["message"]

    def test_and_only_when_it_is_named(self, url: str, here: Path) -> None:
        done = orch("a.sql", "--format", "json", here=here, ORCH_URL=url)
        index, _ = json.loads(done.stdout)["findings"]
        assert (done.returncode, index["tier"]) == (4, "major")
        assert "rows" not in index["message"]

    def test_a_rehearsal_is_asked_for_from_the_rows_that_the_configuration_names(self, url: str, here: Path) -> None:
        for rows, rules in (
            (1234, {"create_index", "drop_column", "never_rehearsed"}),
            (1235, {"create_index", "drop_column"}),
        ):
            (here / "orch.toml").write_text(f'[targets.shop]\nurl = "{url}"\nrehearse_from = {rows}\n')
            assert {each["rule"] for each in findings("a.sql", "--url", url, here=here)} == rules

    def test_it_reads_and_changes_nothing(self, url: str, here: Path) -> None:
        with psycopg.connect(url, autocommit=True) as link:
            before = link.execute("SELECT relname, xmin::text FROM pg_class ORDER BY oid").fetchall()
            assert orch("a.sql", "--url", url, here=here).returncode == 4
            assert link.execute("SELECT relname, xmin::text FROM pg_class ORDER BY oid").fetchall() == before

    def test_one_that_does_not_answer_is_told_without_its_password(self, here: Path) -> None:
        done = orch("migrations", "--url", "postgresql://u:hush@127.0.0.1:1/x", here=here)
        assert done.returncode == 2
        assert b"127.0.0.1" in done.stderr
        assert b"hush" not in done.stderr + done.stdout
