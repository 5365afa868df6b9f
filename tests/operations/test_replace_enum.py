"""What replace_enum says and refuses when planning, and what becomes of values and users nobody planned for."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from orchestrator.core.errors import Blocked, Invalid, PlanRefused
from state.model import State
from tests.service.world import QUICK, World, source

MADE = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')",
    "ALTER TABLE orders ADD felt mood DEFAULT 'ok'",
)
DATA = "UPDATE orders SET felt = (ARRAY['sad', 'ok', 'glad', NULL]::mood[])[1 + id % 4]"
ASKED = {"table": "orders", "column": "felt", "to": "feels", "type": "feeling", "values": ["low", "ok", "glad"]}
MAP = {"sad": "low"}


def _asked(**more: Any) -> str:
    return f"replace_enum: {json.dumps({**ASKED, 'map': MAP, **more})}"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"map": {}}, "values of public.mood have no new value: sad; a row may hold each"),
        ({"map": {"sad": "low", "angry": "low"}}, "map names 'angry', which public.mood does not have"),
        ({"down": {"low": "angry"}}, "down names 'angry', which public.mood does not have"),
        ({"down": {"low": "glad"}}, "down makes 'glad' of 'low', but 'glad' becomes 'glad'"),
        ({"values": ["low", "ok", "glad", "wild"]}, "for 'wild' is not said: no value of public.mood becomes it"),
        ({"values": ["low", "glad"], "map": {"sad": "low", "ok": "low"}}, "for 'low' is not said: sad, ok become it"),
        ({"column": "note"}, "public.orders.note is of type text, which is no enum type"),
        ({"to": "note"}, "already has a column 'note'"),
        ({"type": "mood"}, "is an enum of (sad, ok, glad)"),
        ({"type": "mood", "values": ["sad", "ok", "glad"], "map": {}}, "is the type of public.orders.felt already"),
        ({"type": "calm"}, "there is a type 'calm' already, and it is no enum"),
        ({"type": "orders"}, "already"),
        ({"type": "int4"}, "already"),
    ],
)
def test_what_cannot_be_mapped_or_named_is_refused_when_planning(
    world: World, more: dict[str, Any], words: str
) -> None:
    world.run(*MADE, "CREATE DOMAIN calm AS mood")
    with pytest.raises(PlanRefused) as refused:
        world.service.plan(source(_asked(**more)), "c.yaml")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"values": ["low", "low", "ok", "glad"]}, "twice"),
        ({"values": []}, "values"),
        ({"map": {"sad": "bad"}}, "map names 'bad', which is not in values"),
        ({"down": {"bad": "sad"}}, "down names 'bad'"),
        ({"default": "bad"}, "default names 'bad'"),
        ({"down": "never"}, "or none for no way back"),
        ({"down": None}, "or none for no way back"),
        ({"down": {"low": None}}, "low must be text, not empty"),
        ({"values": ["ä" * 32]}, "64 bytes is over"),
        ({"map": {"sad": None}}, "sad must be text, not empty"),
    ],
)
def test_what_contradicts_itself_is_invalid(module_world: World, more: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        module_world.service.plan(source(_asked(**more)), "c.yaml")


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("ALTER TABLE orders ADD CONSTRAINT calm CHECK (felt <> 'glad')", "constraint calm of public.orders may speak"),
        ("CREATE INDEX waiting ON orders (id) WHERE felt = 'sad'", "index waiting of public.orders may speak"),
        ("CREATE INDEX spelled ON orders ((felt::text))", ""),
        ("CREATE UNIQUE INDEX once ON orders (felt, id)", "part of the unique index once"),
        ("ALTER TABLE orders ALTER felt SET DEFAULT (ARRAY['ok']::mood[])[1]", "which is not one of its values"),
    ],
)
def test_what_speaks_of_the_old_values_is_refused_when_planning(world: World, there: str, words: str) -> None:
    world.run(*MADE)
    try:
        world.run(there)
    except psycopg.errors.InvalidObjectDefinition:
        return  # an enum's text is not immutable: no index over it can be there
    with pytest.raises(PlanRefused) as refused:
        world.service.plan(source(_asked()), "c.yaml")
    assert words in refused.value.message


def test_a_default_that_is_no_value_is_replaced_by_one_that_is_said(world: World) -> None:
    world.run(*MADE, "ALTER TABLE orders ALTER felt SET DEFAULT (ARRAY['ok']::mood[])[1]")
    world.submit(_asked(default="glad"))
    world.to(State.CONTRACTED)
    world.run("INSERT INTO orders (email, quantity) VALUES ('x', 1)")
    assert world.rows("SELECT feels::text FROM orders ORDER BY id DESC LIMIT 1") == [("glad",)]
    world.service.undo("change", reason="a test says so")
    world.service.advance("change")
    assert world.abort().state is State.ABORTED
    world.run("INSERT INTO orders (email, quantity) VALUES ('y', 1)")
    assert world.rows("SELECT felt::text FROM orders ORDER BY id DESC LIMIT 1") == [("ok",)]


def test_the_default_is_the_new_value_of_the_old_one_however_it_is_spelled(world: World) -> None:
    world.run(
        """CREATE TYPE mood AS ENUM ('it''s "ok" \\ {}', 'bad')""",
        """ALTER TABLE orders ADD felt mood NOT NULL DEFAULT 'it''s "ok" \\ {}'""",
    )
    odd = """still 'fine' \\ %s"""
    world.submit(_asked(values=[odd, "bad"], map={'it\'s "ok" \\ {}': odd}))
    world.to(State.COMPLETED)
    world.run("INSERT INTO orders (email, quantity) VALUES ('x', 1)")
    assert world.rows("SELECT DISTINCT feels::text FROM orders") == [(odd,)]


def test_a_value_that_the_old_type_gains_later_fails_no_write_and_is_not_lost(world: World) -> None:
    world.run(*MADE)
    world.submit(_asked())
    world.to(State.EXPANDED)
    world.run("ALTER TYPE mood ADD VALUE 'wild'", "ALTER TYPE mood ADD VALUE 'low'")
    world.run("UPDATE orders SET felt = 'wild' WHERE id = 7", "UPDATE orders SET felt = 'low' WHERE id = 8")
    world.to(State.BACKFILLED)
    assert world.rows("SELECT felt::text, feels::text FROM orders WHERE id IN (7, 8) ORDER BY id") == [
        ("wild", None),
        ("low", "low"),
    ]
    with pytest.raises(Blocked, match=r"no_rejected_rows.*id=7"):
        world.step()
    world.run("UPDATE orders SET felt = 'sad' WHERE id = 7")
    world.service.verify("change")
    world.to(State.COMPLETED)
    assert world.rows("SELECT feels::text FROM orders WHERE id = 7") == [("low",)]
    assert world.rows("SELECT to_regtype('mood') IS NULL") == [(True,)]


def test_a_value_that_the_old_type_gains_before_expand_is_asked_for(world: World) -> None:
    world.run(*MADE)
    world.submit(_asked())
    world.run("ALTER TYPE mood ADD VALUE 'wild'")
    with pytest.raises(Exception, match=r"the plan no longer fits: values of .* have no new value: wild"):
        world.step()


def test_the_old_type_stays_while_something_uses_it(world: World) -> None:
    """Found when planning; a further column is a change of its own after it, which uses the new type and drops the old one."""
    world.run(*MADE, DATA, "CREATE TABLE pets (id int PRIMARY KEY, felt mood)", "INSERT INTO pets VALUES (1, 'sad')")
    plan = world.service.plan(source(_asked()), "c.yaml")
    assert any(
        "public.mood stays, since others use it: column felt of table public.pets" in note for note in plan.notes
    )
    assert "purge_enum" not in [step.kind for step in plan.steps]
    world.submit(_asked())
    second = _asked(table="pets")
    world.to(State.CONTRACTED)
    with pytest.raises(Blocked, match=r"both need type public\.feeling"):  # an undo of the first would drop the type
        world.submit(second, change="second")
    world.to(State.COMPLETED)
    assert world.rows("SELECT to_regtype('mood') IS NULL") == [(False,)]
    shown = world.service.plan(source(second, change="second"), "c.yaml")
    assert any("public.feeling is there already" in note for note in shown.notes)
    assert [step.kind for step in shown.steps if "enum" in step.kind] == ["purge_enum"]
    world.submit(second, change="second")
    world.to(State.COMPLETED, "second")
    assert world.rows("SELECT to_regtype('mood') IS NULL") == [(True,)]
    assert world.rows("SELECT feels::text FROM pets") == [("low",)]


def test_what_uses_the_old_type_by_the_time_of_purge_keeps_it(world: World) -> None:
    world.run(*MADE, DATA)
    world.submit(_asked())
    world.to(State.CONTRACTED)
    world.run("CREATE FUNCTION likes(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    world.to(State.COMPLETED)
    assert world.rows("SELECT to_regtype('mood') IS NULL, to_regtype('feeling') IS NULL") == [(False, False)]
    assert world.rows("SELECT likes('glad')") == [(1,)]


def test_an_abort_leaves_a_type_that_was_there_before(world: World) -> None:
    world.run(*MADE, "CREATE TYPE feeling AS ENUM ('low', 'ok', 'glad')")
    before = world.seen()
    world.submit(_asked())
    world.to(State.SWITCHED)
    assert world.abort().state is State.ABORTED
    assert world.seen() == before
    assert world.rows("SELECT to_regtype('feeling') IS NULL") == [(False,)]


_TYPE = """
SELECT pg_get_userbyid(typowner), ARRAY(SELECT g::text FROM unnest(typacl) g ORDER BY 1), obj_description(oid, 'pg_type')
  FROM pg_type WHERE oid = to_regtype('{}')
"""


@pytest.mark.parametrize("opened", ["", "GRANT USAGE ON TYPE {} TO PUBLIC"], ids=["closed", "open"])
def test_the_new_type_belongs_to_the_same_role_and_is_for_the_same_people(world: World, opened: str) -> None:
    """What a type is given, by plain DDL, the type that stands for it has as well; the roles are the server's own."""
    given = [
        "ALTER TYPE {} OWNER TO pg_monitor",
        "REVOKE ALL ON TYPE {} FROM PUBLIC",
        "GRANT USAGE ON TYPE {} TO pg_read_all_data WITH GRANT OPTION",
        "GRANT USAGE ON TYPE {} TO pg_read_all_stats",
        *filter(None, [opened]),
        "COMMENT ON TYPE {} IS 'how it''s felt'",
    ]
    world.run(*MADE, "CREATE TYPE plain AS ENUM ('low', 'ok', 'glad')")
    world.run(*(each.format(kind) for kind in ("mood", "plain") for each in given))
    world.submit(_asked())
    world.to(State.EXPANDED)
    assert world.rows(_TYPE.format("feeling")) == world.rows(_TYPE.format("plain"))
    world.to(State.COMPLETED)
    assert world.rows(_TYPE.format("feeling")) == world.rows(_TYPE.format("plain"))


def test_a_type_that_was_given_nothing_gives_nothing(world: World) -> None:
    world.run(*MADE)
    world.submit(_asked())
    world.to(State.EXPANDED)
    assert world.rows(_TYPE.format("feeling")) == world.rows(_TYPE.format("mood"))
    assert world.rows(_TYPE.format("feeling"))[0][1:] == ([], None)


@pytest.mark.parametrize(
    "kind", ["ALTER TABLE orders ADD calm mood[]", "CREATE DOMAIN d AS mood; ALTER TABLE orders ADD calm d"]
)
def test_arrays_of_it_and_domains_over_it_are_refused_with_the_way_around(world: World, kind: str) -> None:
    world.run(*MADE, *kind.split("; "))
    with pytest.raises(PlanRefused, match="which is no enum type") as refused:
        world.service.plan(source(_asked(column="calm")), "c.yaml")
    assert "change_type, with up: and down:" in refused.value.next_step


def test_two_operations_cannot_make_one_type(world: World) -> None:
    world.run(*MADE, "ALTER TABLE orders ADD other mood")
    with pytest.raises(PlanRefused, match=r"operations 1 and 2 both change type public\.feeling"):
        world.service.plan(source(_asked(), _asked(column="other", to="others")), "c.yaml")


def test_notes_say_what_is_lossy(world: World) -> None:
    world.run(*MADE)
    more = {"values": ["low", "fine", "wild"], "map": {"sad": "low", "ok": "fine", "glad": "fine"}}
    plan = world.service.plan(source(_asked(**more, down={"fine": "ok", "wild": "glad"}), more=QUICK), "c.yaml")
    assert any("old versions read 'wild' as 'glad'" in note for note in plan.notes)
    assert any("ok, glad become 'fine'" in note for note in plan.notes)
