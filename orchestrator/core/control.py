"""What a backfill is held to: what one batch may take, what standbys and the application must be spared, and when it may run.

Why it exists: the change file says it first, ``orch tune`` changes it while the backfill runs, and the throttle, every Signal and
every screen must mean the same by it. It is read from what the Registry holds, so it is no part of the Plan: to be gentler is
no other Plan, and asks for no new approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from orchestrator.core import duration

MOST_LANES = 16
"""Lanes above which sessions cost the server more than they bring."""


@dataclass(frozen=True, slots=True)
class OwnSignal:
    """A Signal of the change's own: one number, and at which it means stop."""

    name: str
    sql: str
    stop_at: float


@dataclass(frozen=True, slots=True)
class Control:
    """The settings; durations in seconds.

    ``window`` is when batches may run (None: always). ``max_latency`` is what the 99th percentile of ``probe``, a statement like
    the application's own, may take; neither goes without the other.
    """

    statement_time: float = 0.1
    max_replica_lag: float = 5.0
    lanes: int = 1
    window: str | None = None
    max_latency: float | None = None
    probe: str | None = None
    signals: tuple[OwnSignal, ...] = ()


def control(stored: Mapping[str, Any]) -> Control:
    """The settings as a change file's ``backfill:`` is stored. Raises ValueError for what cannot be read."""
    own = tuple(OwnSignal(str(s["name"]), str(s["sql"]), float(s["stop_at"])) for s in stored.get("signals", ()))
    return tuned(Control(probe=stored.get("probe"), signals=own), {k: v for k, v in stored.items() if k in TUNABLE})


def tuned(before: Control, settings: Mapping[str, Any]) -> Control:
    """The settings after ``orch tune``. Raises ValueError, saying which one is wrong."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in TUNABLE:
            raise ValueError(f"{name!r} cannot be tuned; {', '.join(TUNABLE)} can")
        try:
            found[name] = TUNABLE[name](value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from None
    after = replace(before, **found)
    if after.max_latency is not None and after.probe is None:
        raise ValueError("max_latency: the change names no probe, the statement whose latency is meant")
    return after


def shown(settings: Control) -> dict[str, Any]:
    """The settings for people and programs: durations as text, unset ones left out, own signals by name."""
    plain = {name: getattr(settings, name) for name in _SETTINGS} | {
        "signals": [each.name for each in settings.signals]
    }
    words = {name: duration.exactly(plain[name]) for name in _DURATIONS if plain[name] is not None}
    return {name: value for name, value in (plain | words).items() if value not in (None, [])}


def _positive(value: Any) -> float:
    found = duration.seconds(value)
    if found <= 0:
        raise ValueError("it must be more than 0")
    return found


def _latency(value: Any) -> float | None:
    return None if value is None else _positive(value)


def _lanes(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_LANES:
        raise ValueError(f"{value!r} is not a number of lanes from 1 to {MOST_LANES}")
    return value


def _window(value: Any) -> str | None:
    if value is not None:
        duration.window(value)
    return None if value is None else str(value)


TUNABLE = {
    "statement_time": _positive,
    "max_replica_lag": _positive,
    "lanes": _lanes,
    "window": _window,
    "max_latency": _latency,
}
"""What may be changed while a backfill runs, and how each is read."""
_DURATIONS = ("statement_time", "max_replica_lag", "max_latency")
_SETTINGS = tuple(field.name for field in fields(Control))
