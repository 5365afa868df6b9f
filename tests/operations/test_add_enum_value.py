"""What add_enum_value says and refuses when planning, and that it comes through whatever was there."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Invalid, PlanRefused
from state.model import State
from tests.service.world import World, source

MADE = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE DOMAIN calm AS mood",
)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("type: mood, value: glad, after: nosuch", "has no value 'nosuch'; it has sad, ok"),
        ("type: mood, value: sad, after: ok", "has the value 'sad' elsewhere"),
        ("type: calm, value: glad", "public.calm is no enum type"),
        ("type: 'mood[]', value: glad", "public.mood[] is no enum type"),
        ("type: int, value: glad", "integer is no enum type"),
        ("type: nosuch, value: glad", "type 'nosuch' does not exist"),
        ("type: 'mood; DROP TYPE mood', value: glad", "does not exist"),
    ],
)
def test_what_cannot_be_added_is_refused_when_planning(world: World, asked: str, words: str) -> None:
    world.run(*MADE)
    with pytest.raises(PlanRefused) as refused:
        world.service.plan(source(f"add_enum_value: {{{asked}}}"), "c.yaml")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("value: a, before: b, after: c", "before and after exclude each other"),
        ("value: a, before: a", "next to itself"),
        (f"value: {'ä' * 32}", "64 bytes is over"),
        ("value: ''", "must not be empty"),
    ],
)
def test_what_contradicts_itself_is_invalid(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        module_world.service.plan(source(f"add_enum_value: {{type: mood, {asked}}}"), "c.yaml")


def test_a_value_that_is_there_already_is_no_trouble(world: World) -> None:
    world.run(MADE[0], "ALTER TABLE orders ADD felt mood")
    one = "add_enum_value: {type: mood, value: glad, before: ok}"
    with pytest.raises(PlanRefused, match=r"1 and 2 both change type public\.mood\.glad"):
        world.service.plan(source(one, one), "c.yaml")
    plan = world.service.plan(source(one), "c.yaml")
    assert "stays, whatever is aborted" in plan.notes[0]
    world.submit(one)
    world.to(State.COMPLETED)
    world.run("UPDATE orders SET felt = 'glad'")
    again = world.submit(one, change="again")
    assert "already: nothing is to be done" in world.service.plan(source(one, change="again"), "c.yaml").notes[0]
    world.to(State.COMPLETED, again)
    assert world.rows("SELECT enum_range(NULL::mood)::text") == [("{sad,glad,ok}",)]
