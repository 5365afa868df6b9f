"""Which Requests go into one change, and which wait for an earlier change to be completed.

Why it exists: operations of one change are planned against the schema as it stands, so what needs the outcome of another one
comes in a change after it.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.converting._model import Request

KEEPS = frozenset({"set_default", "drop_default", "set_not_null", "drop_not_null"})
"""Operations after which a column is what it was, for whatever reads it."""


def apart(earlier: Request, later: Request) -> bool:
    """Whether the later one must wait until the earlier one is completed."""
    reads = frozenset() if earlier.word in KEEPS else later.reads
    named = {each for each in later.touches if each[1] != "key"} | reads
    for table, thing in earlier.touches:
        if any(table == other and (thing == part or "*" in (thing, part)) for other, part in named):
            return True
    return _counts_on(later, earlier) or _counts_on(earlier, later)


def _counts_on(reader: Request, taker: Request) -> bool:
    """Whether one names what the other takes away; what names columns that nobody knows here may."""
    for table, column in taker.takes:
        if (table, column) in reader.reads or (table, "?") in reader.reads:
            return True
    return any(thing == "*" and any(table == other for other, _ in reader.reads) for table, thing in taker.touches)


def changes(requests: Sequence[Request]) -> tuple[tuple[Request, ...], ...]:
    """The Requests of the first change, of the second, and so on; in each as they came."""
    levels: list[int] = []
    for place, request in enumerate(requests):
        before = [level for level, other in zip(levels, requests[:place], strict=True) if apart(other, request)]
        levels.append(max(before, default=-1) + 1)
    places = [(level, request.by_views) for level, request in zip(levels, requests, strict=True)]
    return tuple(
        tuple(request for request, place in zip(requests, places, strict=True) if place == each)
        for each in sorted(set(places))
    )
