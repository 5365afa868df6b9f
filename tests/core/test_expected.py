"""How long a Step is expected to take: a class, by what it does and how large its table is."""

from __future__ import annotations

import pytest

from orchestrator.core.expected import Size, expected

HUGE, SMALL = Size(1_000_000_000, 400 * 10**9), Size(1_000, 100_000)


@pytest.mark.parametrize(
    ("kind", "scans", "rewrites", "size", "said"),
    [
        ("park_column", False, False, HUGE, "instant: the catalog only"),
        ("add_column", False, False, None, "instant: the catalog only"),
        ("validate_constraint", True, False, SMALL, "under a second"),
        ("validate_constraint", True, False, HUGE, "minutes"),  # 400 GB at 200 MB/s: 33 minutes
        ("create_index", True, False, HUGE, "hours"),  # 400 GB at 40 MB/s: 2.8 hours
        ("add_column", False, True, HUGE, "hours"),
        ("backfill", True, False, SMALL, "under a second"),
        ("backfill", True, False, Size(1_000_000, 1), "seconds"),  # 50 s
        ("backfill", True, False, HUGE, "hours"),  # 14 hours
        ("backfill", True, False, Size(10**10, 1), "days"),
        ("backfill", True, False, None, "not known: the size of the table is not"),
        ("run_sql", False, False, HUGE, "not known: a statement of the change's own"),
    ],
)
def test_the_class_is_of_the_right_order(kind: str, scans: bool, rewrites: bool, size: Size | None, said: str) -> None:
    assert expected(kind, scans=scans, rewrites=rewrites, size=size) == said
