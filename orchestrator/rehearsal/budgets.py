"""What a rehearsal may cost at most, as people write it.

Why it exists: 50ms and 40% are said once, here, for the command line and for the change file.
"""

from __future__ import annotations

from orchestrator.core import duration
from orchestrator.core.errors import Invalid
from orchestrator.rehearsal.model import Budget


def budget(lock_hold: str | None, client_stall: str | None, extra_disk: str | None) -> Budget:
    """A Budget from texts such as 50ms and 40%. Raises Invalid."""
    return Budget(
        _time("max_lock_hold", lock_hold), _time("max_client_stall", client_stall), _share("max_extra_disk", extra_disk)
    )


def _time(name: str, text: str | None) -> float | None:
    try:
        return duration.seconds(text) if text is not None else None
    except ValueError as error:
        raise Invalid(f"{name}: {error}", f"write {name.replace('_', '-')} as 50ms") from None


def _share(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        found = float(text.removesuffix("%")) / 100
    except ValueError:
        found = -1.0
    if not text.endswith("%") or not 0 <= found < 1000:
        raise Invalid(f"{name}: {text!r} is not a percentage", f"write {name.replace('_', '-')} as 40%")
    return found
