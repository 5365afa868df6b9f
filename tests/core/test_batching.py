"""Windows and stripes as they are chosen from measurements: no row is left out, no batch is much bigger than asked."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core import batching
from orchestrator.core.batching import FEW, MANY, Layout, Striping

DENSITIES = st.floats(1, 226)


@given(st.integers(0, 10_000_000))
def test_the_segments_are_the_table(pages: int) -> None:
    found = batching.segments(pages)
    assert found[0][0] == 0
    assert found[-1][1] == pages
    assert all(left[1] == right[0] for left, right in itertools.pairwise(found))
    assert 1 <= len(found) <= batching.SEGMENTS
    assert len(found) == 1 or min(end - start for start, end in found) >= batching.SEGMENT_PAGES


@given(st.integers(1, 1000), DENSITIES, st.sampled_from([1, 2, 4, 8, 16]))
def test_a_stripe_has_about_as_many_rows_as_asked(rows: int, density: float, stripes: int) -> None:
    pages, count = batching.window(rows, density, stripes)
    assert pages >= 1
    assert count >= stripes
    assert count & (count - 1) == 0
    assert pages * density / count <= max(rows, 1) * 1.0001
    assert pages == 1 or (pages + 1) * density / count > rows * 0.9999  # and no fewer than need be


@given(DENSITIES, st.integers(0, 20), st.booleans(), st.text(max_size=3))
def test_one_stripe_has_a_reason_and_several_find_rows(density: float, indexes: int, indexed: bool, plain: str) -> None:
    found = batching.striping(Layout(density, indexes, indexed), plain)
    assert (found.count == 1) == bool(found.why)
    assert found.count & (found.count - 1) == 0
    assert found.count <= max(density, 1)


def test_more_indexes_make_more_stripes_worth_it() -> None:
    assert batching.striping(Layout(80, 0)) == batching.striping(Layout(80, 1)) == Striping(FEW)
    assert batching.striping(Layout(80, 2)) == Striping(MANY)
    assert batching.striping(Layout(4.5, 5)) == Striping(4)
    assert batching.striping(Layout(80, 2, indexed=True)).count == 1
    assert batching.striping(Layout(1.4, 2)).count == 1


def test_stripes_that_find_no_room_are_given_up_with_the_reason() -> None:
    assert "2% of updates found room" in batching.useless(Striping(16), 0.02)
    assert batching.useless(Striping(16), 0.69) == ""
    assert batching.useless(Striping(1), 0.0) == ""
    assert batching.useless(Striping(16), None) == ""
    assert batching.striping(Layout(80, 5), "no room") == Striping(1, "no room")
