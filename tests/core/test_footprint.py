"""Two Changes keep apart unless one changes what the other changes or counts on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.core.footprint import Footprint, Place, clash

EMAIL, NOTE, WHOLE = ("public.orders", "email"), ("public.orders", "note"), ("public.orders", "*")
ELSEWHERE = ("shop.orders", "email")


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (Footprint((EMAIL,)), Footprint((EMAIL,)), "public.orders.email"),
        (Footprint((EMAIL,)), Footprint((NOTE,)), None),
        (Footprint((EMAIL,)), Footprint((ELSEWHERE,)), None),
        (Footprint((EMAIL,)), Footprint((NOTE,), (EMAIL,)), "public.orders.email"),
        (Footprint((), (EMAIL,)), Footprint((), (EMAIL,)), None),
        (Footprint((WHOLE,)), Footprint((NOTE,)), "public.orders"),
        (Footprint((WHOLE,)), Footprint((), (NOTE,)), "public.orders"),
        (Footprint((EMAIL,)), Footprint((), (WHOLE,)), None),
        (Footprint((WHOLE,)), Footprint((), (WHOLE,)), "public.orders"),
        (Footprint(), Footprint((WHOLE,), (WHOLE,)), None),
    ],
)
def test_what_two_changes_meet_over(one: Footprint, other: Footprint, place: str | None) -> None:
    found = clash(one, other)
    assert found == place
    assert (clash(other, one) is None) == (place is None)


_places = some.lists(some.tuples(some.sampled_from("ab"), some.sampled_from(["x", "y", "*"])), max_size=3).map(tuple)
_prints = some.builds(Footprint, _places, _places)


def _parts(places: tuple[Place, ...]) -> set[Place]:
    """A whole table as all its parts, and as one more that nobody can name by itself."""
    return {(t, p) for t, part in places for p in (("x", "y", "*") if part == "*" else (part,))}


@given(_prints, _prints)
def test_the_two_agree_and_a_clash_is_one_of_parts(one: Footprint, other: Footprint) -> None:
    meets = bool(_parts(one.touches) & _parts(other.touches))
    meets |= bool(_parts(one.touches) & set(other.reads)) or bool(_parts(other.touches) & set(one.reads))
    assert (clash(one, other) is not None) == (clash(other, one) is not None) == meets
