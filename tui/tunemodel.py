"""What a backfill is held to, as fields to fill in, and what is asked for by what was typed.

Why it exists: only what was changed is sent, so that two people who tune two things do not undo each other; and what cannot be is
said while it is typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.core.control import control, tuned
from orchestrator.core.status import Status
from state.machine import TERMINAL
from state.model import StepStatus

FIELDS = {
    "statement_time": ("statement time", "what one batch may take: 50ms is gentle, 500ms quick"),
    "max_replica_lag": ("max replica lag", "a lag of a standby at which to wait"),
    "lanes": ("lanes", "batches at the same time, at most"),
    "window": ("window", "when batches run: mon-fri 22:00-05:00 Europe/Berlin; empty: always"),
    "max_latency": ("max latency", "what the p99 of the change's probe may take; empty: whatever"),
}
"""Label and explanation of each setting, in order."""
MAY_BE_EMPTY = ("window", "max_latency")


def fields_of(status: Status) -> list[str]:
    """The settings that this change has; a latency only where it names a probe."""
    return [name for name in FIELDS if name != "max_latency" or status.control.get("probe")]


def text_of_setting(status: Status, name: str) -> str:
    """What the field holds at first."""
    value = status.control.get(name)
    return "" if value is None else str(value)


def settings(status: Status, typed: Mapping[str, str]) -> dict[str, Any]:
    """What differs from what the backfill is held to now. Raises ValueError, saying which setting cannot be."""
    changed = {name: text.strip() for name, text in typed.items() if text.strip() != text_of_setting(status, name)}
    asked = {name: _value(name, text) for name, text in changed.items()}
    before = control({name: value for name, value in status.control.items() if name != "signals"})
    tuned(before, asked)
    return asked


def _value(name: str, text: str) -> Any:
    if not text and name not in MAY_BE_EMPTY:
        raise ValueError(f"{FIELDS[name][0]} cannot be empty")
    if name == "lanes" and text.isdecimal():
        return int(text)
    return text or None


def nothing_to_tune(status: Status) -> str:
    """Why tuning is out of place, or nothing. The service has the last word."""
    if status.state in TERMINAL:
        return f"{status.change} is {status.state.value}; nothing is left to do"
    filling = [step for step in status.steps if step.phase == "backfill"]
    if not filling:
        return f"{status.change} fills no rows, so there is nothing to tune"
    if all(step.status is StepStatus.DONE for step in filling):
        return f"the backfill of {status.change} is over, so there is nothing to tune"
    return ""


def moved(seen: Status, now: Status | None) -> str:
    """What changed since the settings were read, if it voids what was read."""
    if now is None:
        return "the change is no longer there"
    if now.plan_sha256 != seen.plan_sha256:
        return "the plan changed"
    return "somebody else tuned it" if dict(now.control) != dict(seen.control) else ""
