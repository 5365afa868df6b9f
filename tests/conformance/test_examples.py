"""Every operation has an example, and nothing but operations has one."""

from __future__ import annotations

from orchestrator.plugins import discover
from tests.conformance.example import ROOM, cases


def test_every_operation_has_an_example() -> None:
    operations = set(discover("orchestrator.operations"))
    assert {path.stem for path in ROOM.iterdir()} == operations
    assert {case.operation for case in cases()} == operations


def test_an_example_shows_its_operation() -> None:
    for case in cases():
        words = [word for operation in case.example.change["operations"] for word in operation]
        assert case.operation in words, case
