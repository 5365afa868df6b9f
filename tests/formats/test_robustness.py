"""Whatever is in a file of whatever tool, it is told at its place, and the rest is judged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.linting import lint_file
from tests.formats.tree import found
from tests.lint.test_reading import BROKEN

FILES = ("a.sql", "1_a.up.sql", "20260101000000_a/migration.sql", "V1__a.sql")
DROP = "DROP TABLE victim;"
TOOLS = {"syntax", "drop_table", "no_rollback", "no_lock_timeout", "work_after_lock"}
NO_ERROR = ("a meta-command", "a restriction of pg_dump", "rows", "a statement ended by \\gexec")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_hides_nothing_in_any_format_of_sql(name: str, broken: str, tmp_path: Path) -> None:
    text = f"{DROP}\n{BROKEN[broken]}\n{DROP}\n"
    if "\udc80" in text:
        return  # no file holds half a character
    said = found(tmp_path, {name: text})
    assert {each.rule for each in said} <= TOOLS
    drops = [each for each in said if each.rule == "drop_table"]
    assert [text.split("\n")[each.line - 1][each.column - 1 :] for each in drops] == [DROP, DROP]
    assert ("syntax" in {each.rule for each in said}) is (broken not in NO_ERROR)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_nor_in_a_text_that_a_revision_sends(broken: str, tmp_path: Path) -> None:
    text = (
        "from alembic import op\nrevision = 'a'\n\ndef upgrade():\n"
        f"    op.execute({BROKEN[broken]!r})\n"
        f"    op.execute({DROP!r})\n    op.drop_table('another')\n"
    )
    said = found(tmp_path, {"versions/a.py": text})
    assert {each.rule for each in said} <= TOOLS
    assert [each.line for each in said if each.rule == "drop_table"] == [6, 7]
    assert {(each.line, each.column) for each in said if each.rule == "syntax"} <= {(5, 5)}


@pytest.mark.parametrize("name", [*FILES, "versions/a.py"])
@pytest.mark.parametrize("data", [bytes(range(256)), b"PK\x03\x04\0\0", b"\xff\xfe\xff", b""], ids=repr)
def test_what_is_no_text_is_told_and_other_files_are_judged(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "env.py").write_text("")
    path.write_bytes(data)
    said = found(tmp_path, {"z.sql": "SET lock_timeout = '1s';\n" + DROP})
    assert [each.rule for each in said if Path(each.file).name == "z.sql"] == ["drop_table"]
    mine = [each for each in said if Path(each.file).name != "z.sql"]
    assert bool(mine) is bool(data) or name.endswith(".py")
    assert {each.rule for each in mine} <= {"syntax", "unread", "no_rollback"}


@pytest.mark.parametrize("rows", ["COPY dump (id, t) FROM stdin;\n{}\\.\n", "{}"], ids=["COPY", "INSERT"])
def test_a_dump_of_20_mb_is_read_to_its_end(rows: str, tmp_path: Path) -> None:
    row = "{}\t{}; it's a row\n" if "COPY" in rows else "INSERT INTO dump VALUES ({}, '{}; it''s a row');\n"
    many = "".join(row.format(number, "DROP TABLE not_this " * 9) for number in range(100_000))
    text = f"CREATE TABLE dump (id bigint PRIMARY KEY, t text);\n{rows.format(many)}SET lock_timeout = '1s';\n{DROP}\n"
    assert len(text) > 18_000_000
    (tmp_path / "V1__a.sql").write_text(text)
    started = time.process_time()
    report = lint_file(tmp_path / "V1__a.sql")
    assert time.process_time() - started < 30
    (drop,) = [each for each in report.findings if each.rule == "drop_table"]
    assert (drop.line, drop.column) == (text.count("\n"), 1)
