"""The views and their keys, with how much waits in each.

Why it exists: whoever looks at one view must see that something waits in another.
"""

from __future__ import annotations

from tui.gatesmodel import waiting
from tui.line import Role, Span
from tui.viewmodel import World

VIEWS = (("1", "Fleet"), ("2", "Gates"), ("3", "Locks"), ("4", "Audit"))
"""Key and name of each, in order."""


def tabs(world: World, here: str) -> list[Span]:
    """``1 Fleet  2 Gates(1)``; ``here`` is the view that is shown."""
    counts = {"Gates": waiting(world.statuses), "Locks": world.locks.waiting if world.locks else 0}
    spans: list[Span] = []
    for key, name in VIEWS:
        count = f"({counts[name]})" if counts.get(name) else ""
        role = Role.TITLE if name == here else Role.WARN if count else Role.MUTED
        spans += [("  ", Role.PLAIN), (f"{key} {name}{count}", role)]
    return spans
