"""What a Change lays its hands on, so that two of them that are under way at once keep apart.

Why it exists: a Plan is made for the schema as it stands. Another Change that parks, renames or takes back what this one counts
on would be found out in contract, by somebody's failing write; so it is refused when it is submitted.
"""

from __future__ import annotations

from dataclasses import dataclass

Place = tuple[str, str]
"""A table and what of it: a column, ``index NAME``, ``constraint NAME``; ``*`` is the table itself."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a Change changes (``touches``), and what its Steps name and count on (``reads``)."""

    touches: tuple[Place, ...] = ()
    reads: tuple[Place, ...] = ()


def clash(one: Footprint, other: Footprint) -> str | None:
    """The first thing, for people, over which two Changes cannot be under way at once; None where they keep apart.

    A read of a whole table (a statement of somebody's own) minds only what happens to the whole table.
    """
    met = [a for a in one.touches for b in other.touches if a[0] == b[0] and (a[1] == b[1] or "*" in (a[1], b[1]))]
    for touches, reads in ((one.touches, other.reads), (other.touches, one.reads)):
        met += [a for a in touches for b in reads if a[0] == b[0] and a[1] in (b[1], "*")]
    if not met:
        return None
    table, part = min(met)
    return table if part == "*" else f"{table}.{part}"
