"""The change as it is rehearsed: the same operations and settings, and gates that nobody has to open.

Why it exists: a rehearsal goes through every phase in minutes, so soaks, windows, approvals and the parts of a ramp are not
waited for, while everything that shapes the Steps stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator import marked
from orchestrator.change import ChangeFile

_GATES: dict[str, Any] = {
    "expand": {"approvals": 0},
    "backfill": {"approvals": 0},
    "switch_reads": {"approvals": 0},
    "contract": {"approvals": 1, "soak": 0},
}
_PURGE = {"approvals": 0, "soak": 0}
_LEFT_OUT = ("verify", "rehearse")
_OF_PRODUCTION = ("window", "probe", "max_latency", "signals")
_READERS = {"statements": "none", "reason": "a rehearsal sends the statements themselves"}


def varied(source: str, path: str, file: ChangeFile) -> str:
    """The text of the change file as it is rehearsed. The change's own queries are about production's data: they are left out."""
    found = {key: value for key, value in marked.read(source, path).data.items() if key not in _LEFT_OUT}
    if backfill := found.get("backfill"):
        found["backfill"] = {key: value for key, value in backfill.items() if key not in _OF_PRODUCTION}
    if (switch := found.get("switch_reads", {})).get("ramp"):
        found["switch_reads"] = {**switch, "each": "1ms"}
    gates = {**_GATES, **({"purge": _PURGE} if parks(file) else {})}
    return json.dumps({**found, "readers": _READERS, "gates": gates})


def parks(file: ChangeFile) -> bool:
    """Whether contract leaves something that can be undone."""
    return file.park > 0
