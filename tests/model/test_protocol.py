"""Every interleaving of the protocol keeps its promises, and each part that is left out breaks one."""

from __future__ import annotations

import pytest

from tests.model.protocol import Explored, Rules, explore


def _told(found: Explored) -> str:
    return "\n".join([f"{found.violation}, after:", *(f"  {n:>2} {text}" for n, text in enumerate(found.trace, 1))])


def test_no_interleaving_breaks_a_promise() -> None:
    found = explore(Rules())
    print(f"{found.states:,} states, {found.finished:,} of them with the phase finished")  # noqa: T201
    assert found.violation is None, _told(found)
    assert 1_000 < found.states < 200_000
    assert found.finished > 0


@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        pytest.param(Rules(fence_check=False), "after fence 2 was raised", id="without the fence check"),
        pytest.param(Rules(observe_first=False), "applied twice", id="without observing before executing"),
        pytest.param(Rules(bump_first=False), "had taken over", id="looking for sessions before bumping"),
    ],
)
def test_leaving_a_part_out_is_found(rules: Rules, broken: str) -> None:
    found = explore(rules)
    print(_told(found))  # noqa: T201
    assert found.violation is not None, f"{found.states:,} states and no counter-example"
    assert broken in found.violation
    assert found.trace
