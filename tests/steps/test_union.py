"""Every member of the closed union of Steps has one file in the dialect, and every file there is a member's."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest

from orchestrator.core.step import Step
from orchestrator.dialects.postgres.kinds import ROOM, Kind
from orchestrator.plugins import discover

MEMBERS: tuple[type[Any], ...] = get_args(Step)


def _word(member: type[Any]) -> str:
    (word,) = get_args(get_type_hints(member)["kind"])
    return str(word)


def test_each_member_has_exactly_one_file_and_each_file_one_member() -> None:
    words = [_word(member) for member in MEMBERS]
    assert len(set(words)) == len(words)
    assert sorted(discover(ROOM)) == sorted(words)


@pytest.mark.parametrize("member", MEMBERS, ids=_word)
def test_a_file_is_about_the_member_whose_kind_it_is_named_for(member: type[Any]) -> None:
    kind = discover(ROOM)[_word(member)]
    assert isinstance(kind, Kind)
    assert get_type_hints(kind.render)["step"] is member
    assert get_type_hints(kind.observe)["step"] is member


@pytest.mark.parametrize("member", MEMBERS, ids=_word)
def test_a_member_is_a_frozen_value_that_says_its_kind(member: type[Any]) -> None:
    fields = {field.name: field for field in dataclasses.fields(member)}
    assert fields["kind"].default == _word(member)
    assert member.__dataclass_params__.frozen
