"""The change as it is rehearsed: the same operations and settings, and gates that nobody has to open.

Why it exists: a rehearsal goes through every phase in minutes, so soaks, windows and approvals are not waited for, while
everything that shapes the Steps stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.change import ChangeFile

_GATES: dict[str, Any] = {
    "expand": {"approvals": 0},
    "backfill": {"approvals": 0},
    "switch_reads": {"approvals": 0},
    "contract": {"approvals": 1, "soak": 0},
}
_PURGE = {"approvals": 0, "soak": 0}
_READERS = {"statements": "none", "reason": "a rehearsal sends the statements themselves"}


def varied(file: ChangeFile, change_id: str, *, asks: bool) -> str:
    """The text of a change file for a rehearsal under an id; ``asks`` keeps its own verify queries."""
    found = file.definition()
    backfill = {key: value for key, value in found["backfill"].items() if key not in ("window", "probe", "max_latency")}
    found |= {"change": change_id, "backfill": {**backfill, "signals": []}, "readers": _READERS}
    found["gates"] = {**_GATES, **({"purge": _PURGE} if parks(file) else {})}
    if not asks:
        found["verify"] = []
    found.pop("rehearse", None)
    return json.dumps(found)


def parks(file: ChangeFile) -> bool:
    """Whether contract leaves something that can be undone."""
    return file.park > 0
