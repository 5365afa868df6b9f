"""Every statement of a script is found where it stands, whatever else is in the file."""

from __future__ import annotations

import pytest

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.reading import LONG, MANY, read

DROP = "DROP TABLE victim;"
BROKEN = {
    "a misspelt word": "ALTRE TABLE x ADD y int;",
    "an open quotation": "INSERT INTO t VALUES ('it's');",
    "an open bracket": "CREATE TABLE t (id int;",
    "a body with semicolons": "CREATE FUNKTION f() RETURNS int AS $$ BEGIN;\n DROP TABLE not_this; END; $$ LANGUAGE plpgsql;",
    "a text in dollars behind an open bracket": "INSRT INTO t (a $$x;\nDROP TABLE not_this;\n$$;",
    "MySQL": "CREATE TABLE `t` (`id` int AUTO_INCREMENT) ENGINE=InnoDB;",
    "an open identifier": 'DROP TABLE "x;',
    "an open dollar": "DO $x$ BEGIN;",
    "a meta-command": "\\set ON_ERROR_STOP on",
    "a restriction of pg_dump": "\\restrict aBc",
    "rows": "COPY t FROM stdin;\n1\tDROP TABLE not_this;\n2\t'\n\\.",
    "a statement ended by \\gexec": "SELECT 'DROP TABLE not_this' \\gexec",
    "a template": "SELECT {{ column }} FROM t;",
    "nested too deeply": "SELECT " + "+".join(["1"] * 4000) + ";",
    "half a character": "SELECT '\udc80';",
}


def dropped(text: str) -> list[str]:
    return [str(act.name) for each in read(text) for act in each.acts if isinstance(act, acts.Drop)]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_hides_nothing_behind_it(broken: str) -> None:
    text = f"DROP TABLE first;\n{broken}\n{DROP}\nDROP TABLE last;\n"
    assert dropped(text) == ["first", "victim", "last"]
    for each in read(text):
        assert text[each.start : each.end] == each.text
        assert each.start <= each.error_at <= each.end or not each.error


def test_variables_of_psql_and_placeholders_are_no_errors() -> None:
    text = f"DROP TABLE :\"name\";\nSELECT :'v', :n, a::text;\nDROP TABLE ${{schema}}.t;\n{DROP}"
    assert [each.error for each in read(text)] == ["", "", "", ""]


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE :schema.t SET a = :a WHERE id = :id",
        "UPDATE :t SET a = ':a' WHERE id = :id",
        "DELETE FROM t WHERE id = :'id'",
        "DELETE FROM ONLY :t WHERE id = :id AND at::date = :day",
    ],
)
def test_variables_are_values_where_no_name_must_stand(text: str) -> None:
    (statement,) = read(text)
    (act,) = statement.acts
    assert isinstance(act, acts.Modify)
    assert "id" in act.equal
    assert (statement.text, statement.end) == (text, len(text))


def test_places_count_characters_and_not_bytes() -> None:
    text = "-- ☃ é\nALTER TABLE tü /* ☃, */ ADD COLUMN a int,\n  DROP COLUMN ☃, ADD CHECK (a > (1, 2));"
    (statement,) = read(text)
    assert [text[act.at :].split()[0:2] for act in statement.acts] == [
        ["ADD", "COLUMN"],
        ["DROP", "COLUMN"],
        ["ADD", "CHECK"],
    ]
    assert all(isinstance(act, acts.TableAct) and act.table == Name("", "tü") for act in statement.acts)
    broken = "-- ☃☃☃\nSELECT '☃' FORM t;"
    (found,) = read(broken)
    assert broken[found.error_at :] == "t;"


def test_bodies_of_sql_functions_are_one_statement() -> None:
    body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;"
    for text in (f"{body}\n{DROP}", f"ALTRE;\n{body}\n{DROP}"):
        assert [type(act) for each in read(text) for act in each.acts] == [acts.CreateFunction, acts.Drop]


def test_rows_are_not_parsed() -> None:
    row = "(1, 'abc'),"
    text = "INSERT INTO s.t VALUES " + row * (LONG // len(row) + 1) + "(1, 'x');\n" + DROP
    padding = "-- " + "x" * 1_000_000 + "\n"
    insert, _ = read(padding + text)
    assert insert.acts[0] == acts.Insert(len(padding), Name("s", "t"))
    assert dropped(padding + text) == ["victim"]


def test_a_file_that_is_no_text_says_so() -> None:
    (found,) = read("PK\x03\x04\0\0")
    assert "not text" in found.error


def test_a_file_of_something_else_is_given_up_with_a_word() -> None:
    found = read("nonsense;\n" * (MANY + 100))
    assert len(found) == MANY + 1
    assert "the rest of the file is not read" in found[-1].error


def test_nothing_is_no_statement() -> None:
    assert read("") == read(" ;\n-- x\n/* /* y */ */;") == ()
