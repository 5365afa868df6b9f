"""What ``orch tune`` may say of a Change.

Why it exists: a wrong word must be refused where it is said, and not by the worker in the middle of the night.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.core.control import control, tuned
from orchestrator.core.errors import Invalid
from state.known import Known


def refuse_wrong(known: Known, settings: Mapping[str, Any]) -> None:
    """Raise Invalid for settings that a worker could not hold the backfill to."""
    change = known.change
    if not settings:
        raise Invalid("nothing to tune is named", f"orch tune {change.id} --statement-time 200ms")
    try:
        tuned(tuned(control(change.definition.get("backfill", {})), known.tuned), settings)
    except ValueError as error:
        raise Invalid(str(error), f"orch tune {change.id} --help") from None
