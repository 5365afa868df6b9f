"""Nobody is refused a plan without being told the way around: every refusal that is written names one.

Tests that provoke one see that it does: see ``every_refusal_names_a_way_around`` in tests/conftest.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator

ROOM = Path(orchestrator.__file__).parent


def _refusals() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "PlanRefused":
                yield f"{path.relative_to(ROOM)}:{node.lineno}", node


def _words(text: ast.expr) -> int:
    """How many words it says by itself; what is put together elsewhere counts as enough."""
    if isinstance(text, ast.Constant):
        return len(str(text.value).split())
    if isinstance(text, ast.JoinedStr):
        return sum(_words(part) if isinstance(part, ast.Constant) else 1 for part in text.values)
    return 2


REFUSALS = tuple(_refusals())


def test_there_are_refusals() -> None:
    assert len(REFUSALS) > 100


@pytest.mark.parametrize("refusal", [call for _, call in REFUSALS], ids=[place for place, _ in REFUSALS])
def test_a_refusal_names_the_way_around(refusal: ast.Call) -> None:
    said = [*refusal.args, *(keyword.value for keyword in refusal.keywords)]
    assert len(said) == 2, "PlanRefused says the reason and the way around"
    assert all(_words(text) >= 2 for text in said)
