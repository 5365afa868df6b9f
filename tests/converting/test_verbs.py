"""``orch convert`` and ``orch submit FILE.sql``: what goes where, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from orchestrator.change import parse
from orchestrator.plugins import discover

CLEAR = "ALTER TABLE orders ADD COLUMN channel text;\nUPDATE orders SET channel = 'web';\nDROP INDEX orders_email;\n"
TYPED = "ALTER TABLE orders ALTER quantity TYPE bigint;\n"
UNCLEAR = "ALTER TABLE orders RENAME email TO mail;\nVACUUM FULL orders;\nCREATE TYPE size AS ENUM ('s');\n"


def orch(*arguments: str, here: Path, url: str = "", given: str = "") -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ORCH_")} | {"COLUMNS": "400"}
    environ |= {"ORCH_URL": url} if url else {}
    command = [sys.executable, "-m", "orchestrator.cli.main", *arguments]
    return subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, input=given, check=False)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name, text in (("0042_Clear.sql", CLEAR), ("typed.sql", TYPED), ("unclear.sql", UNCLEAR)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def url(ready: str) -> str:
    with psycopg.connect(ready, autocommit=True) as link:
        link.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL, quantity int NOT NULL DEFAULT 1)"
        )
        link.execute("CREATE INDEX orders_email ON orders (email)")
    return ready


def test_change_files_are_data_and_the_rest_is_for_people(here: Path) -> None:
    done = orch("convert", "typed.sql", here=here)
    first, second = done.stdout.split("---\n")
    operations = discover("orchestrator.operations")
    assert [parse(each, "x", operations).change for each in (first, second)] == ["typed", "typed-2"]
    assert done.returncode == 0
    assert "2 changes, each submitted when the one before is completed: typed, typed-2" in done.stderr
    assert "needs default:" in done.stderr


def test_what_is_not_understood_is_exit_2_and_listed(here: Path) -> None:
    done = orch("convert", "-", here=here, given=UNCLEAR)
    assert done.returncode == 2
    assert "rename_column: {table: orders, column: email, to: mail}" in done.stdout
    assert "line 2: not understood: VACUUM FULL orders" in done.stderr
    assert "line 3: run before the change, as it stands: CREATE TYPE size" in done.stderr


def test_json_tells_of_every_statement(here: Path) -> None:
    done = orch("convert", "unclear.sql", "--json", here=here)
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert done.stderr == ""
    assert [(each["line"], each["verdict"], each["when"], each["changes"]) for each in found["statements"]] == [
        (1, "converted", None, ["unclear"]),
        (2, "left", None, []),
        (3, "passed", "before", []),
    ]
    assert [each["change"] for each in found["changes"]] == ["unclear"]


def test_files_are_written_and_none_over_another(here: Path) -> None:
    assert orch("convert", "unclear.sql", "--out", "made", here=here).stdout.split() == [
        "made/unclear.yaml",
        "made/unclear.before.sql",
    ]
    assert (here / "made/unclear.before.sql").read_text() == "CREATE TYPE size AS ENUM ('s');\n"
    assert (
        orch("convert", "unclear.sql", "--out", "made", here=here).returncode == 2
    )  # as before: one is not understood
    (here / "made/unclear.yaml").write_text("mine")
    refused = orch("convert", "unclear.sql", "--out", "made", here=here)
    assert refused.returncode == 2
    assert "made/unclear.yaml is there already" in refused.stderr
    assert (here / "made/unclear.yaml").read_text() == "mine"


@pytest.mark.parametrize("arguments", [("nowhere.sql",), ("typed.sql", "--down", "x"), ("typed.sql", "--down", "a.b=")])
def test_usage(arguments: tuple[str, ...], here: Path) -> None:
    done = orch("convert", *arguments, here=here)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_way_back_can_be_said(here: Path) -> None:
    sql = "ALTER TABLE orders ALTER price TYPE bigint USING (price * 100)::bigint;"
    refused = orch("convert", "-", here=here, given=sql)
    assert refused.returncode == 2
    assert "--down 'orders.price=EXPRESSION'" in refused.stderr
    done = orch("convert", "-", "--down", "orders.price=price_new / 100.0", here=here, given=sql)
    assert done.returncode == 0
    assert "down: price_new / 100.0" in done.stdout


def test_a_database_knows_defaults_and_whose_index_it_is(here: Path, url: str) -> None:
    assert "not understood: DROP INDEX" in orch("convert", "0042_Clear.sql", here=here).stderr
    assert (
        "drop_index: {table: orders, index: orders_email}"
        in orch("convert", "0042_Clear.sql", "--url", url, here=here).stdout
    )
    typed = orch("convert", "typed.sql", "--url", url, here=here)
    assert "type: bigint, default: '1'" in typed.stdout
    assert "needs default" not in typed.stderr


def test_submit_takes_a_migration(here: Path, url: str) -> None:
    more = here / "0042_Clear.sql"
    done = orch("submit", more.name, here=here, url=url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0042-clear: submitted, now planned")
    again = orch("submit", more.name, here=here, url=url)
    assert (again.returncode, again.stdout.split(",")[0]) == (0, "0042-clear: unchanged")


@pytest.mark.parametrize(
    ("file", "why"),
    [("unclear.sql", "2 of its statements would not come along"), ("typed.sql", "takes 2 changes")],
)
def test_submit_refuses_what_would_not_come_along(file: str, why: str, here: Path, url: str) -> None:
    refused = orch("submit", file, here=here, url=url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert why in refused.stderr
    if file == "typed.sql":
        assert "then orch submit DIR/typed.yaml, then orch submit DIR/typed-2.yaml" in refused.stderr
    with psycopg.connect(url) as link:
        assert link.execute("SELECT count(*) FROM orch.change").fetchone() == (0,)
