"""How many segments wait is told by names alone; a whole archive that takes nothing is in test_disturbances."""

from __future__ import annotations

import pytest

from orchestrator.signals.archiver_backlog import ArchiverBacklog, _number
from tests.pressure.conftest import Looking


@pytest.mark.parametrize(
    ("name", "per_file", "number"),
    [
        ("000000010000000000000001", 256, 1),
        ("0000000300000001000000FF", 256, 511),
        ("0000000300000002000000FF", 4096, 2 * 4096 + 255),
        ("000000010000000000000001.partial", 256, 1),
        ("00000002.history", 256, None),
        ("000000010000000000000002.00000028.backup", 256, None),
        (None, 256, None),
    ],
)
def test_segments_are_counted_across_timelines(name: str | None, per_file: int, number: int | None) -> None:
    assert _number(name, per_file) == number


def test_an_archive_that_takes_everything_is_no_pressure(looking: Looking) -> None:
    for found in looking.read(ArchiverBacklog()):
        assert found.scale is not None
        assert found.scale < 0.5
