"""Hold everything at once, and let go again what was held so.

Why it exists: when the site is down nobody has the time to find out which change it is. What somebody holds for a reason of
their own stays so, also when they said it meanwhile: each Change is written as it was just seen, or looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.core.errors import Invalid
from orchestrator.core.status import TOGETHER
from state import queries
from state.errors import StaleView
from state.machine import TERMINAL, Refused
from state.model import ChangeRow, Event
from state.store import Registry


def hold_everything(registry: Registry, reason: str) -> list[str]:
    """Hold every Change that is neither over nor held. Returns which. Raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid("holding everything needs a reason; it goes into every history", "orch pause --all --reason TEXT")
    return _each(registry, lambda row: row.hold is None, Event.HELD, {"reason": f"{TOGETHER}{reason}"})


def let_go(registry: Registry, reason: str | None) -> list[str]:
    """Lift the Holds that were set on everything at once, and no other. Returns which."""
    said = {"reason": reason} if reason else {}
    return _each(registry, _held_together, Event.RESUMED, said)


def _held_together(row: ChangeRow) -> bool:
    return row.hold is not None and row.hold.reason.startswith(TOGETHER)


def _each(registry: Registry, fits: Callable[[ChangeRow], bool], event: Event, said: Mapping[str, str]) -> list[str]:
    with registry.reading() as connection:
        changes = queries.change_ids(connection)
    return [change for change in changes if _record(registry, change, fits, event, said)]


def _record(
    registry: Registry, change: str, fits: Callable[[ChangeRow], bool], event: Event, said: Mapping[str, str]
) -> bool:
    """Whether it was written: not to a Change that is over, or that no longer fits when it is seen again."""
    while True:
        with registry.reading() as connection:
            row = queries.change(connection, change)
        if row.state in TERMINAL or not fits(row):
            return False
        try:
            registry.record(change, event, said, seen_version=row.version)
        except StaleView:
            continue
        except Refused:
            return False
        return True
