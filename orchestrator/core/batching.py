"""In which order and in how many stripes the rows of a table are filled: pure, from what was measured of the table.

Why it exists: an UPDATE of a full page puts the new versions of its rows onto other pages and into every index. Filled as
several short transactions (stripes), the first of them moves some rows away, and once it has committed the room it leaves takes
the new versions of the others where they are (HOT): less WAL, no work on indexes, little growth. Where that cannot work, the
stripes only cost their scans, so then there is one, and the reason is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

MANY, FEW = 16, 8
"""Stripes of a window: with several indexes, each of which a move costs an entry, and with one at most."""
FINEST = 256
"""Stripes are told apart by the low byte of a row's place within its page."""
USELESS = 0.1
"""Share of updates in place below which stripes are given up; two of them should give 0.45."""
PLAIN_WINDOWS = 64
"""Windows without stripes after which they are tried again: a snapshot does not last for ever."""
SEGMENTS, SEGMENT_PAGES = 16, 512
"""Into how many segments a table is cut at most, and how many pages one has at least (4 MB)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What decides about stripes: ``density`` in rows per page, how many ``indexes``, and whether one has a filled column."""

    density: float
    indexes: int
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Striping:
    """How many stripes a window gets (a power of two), and why it is only one."""

    count: int
    why: str = ""


def striping(layout: Layout, plain: str = "") -> Striping:
    """Stripes of the next window; ``plain`` is why they were found useless, which is still so."""
    if layout.indexed:
        return Striping(1, "an index has the filled column, so no row can be updated in place")
    if plain:
        return Striping(1, plain)
    if layout.density < 2:
        return Striping(1, "the rows are as big as pages, so they leave no room to each other")
    count = MANY if layout.indexes > 1 else FEW
    while count > layout.density:
        count //= 2
    return Striping(count)


def useless(striping: Striping, hot: float | None) -> str:
    """Why stripes were of no use, when ``hot`` of their updates (0 to 1) were in place; empty where they were."""
    if striping.count == 1 or hot is None or hot >= USELESS:
        return ""
    return f"only {hot:.0%} of updates found room in place: an old snapshot on the server keeps what was replaced, or rows grow"


def window(rows: int, density: float, stripes: int) -> tuple[int, int]:
    """Pages of a window, and its stripes, so that none has many more than ``rows`` rows: a page may have more than a batch."""
    pages = max(1, int(rows * stripes / max(density, 1.0)))
    while pages == 1 and stripes * rows < density and stripes < FINEST:
        stripes *= 2
    return pages, stripes


def segments(pages: int) -> tuple[tuple[int, int], ...]:
    """Disjoint ranges of pages that lanes take one after the other; together they are the table."""
    count = max(1, min(SEGMENTS, pages // SEGMENT_PAGES))
    bounds = [pages * number // count for number in range(count + 1)]
    return tuple(pairwise(bounds))
