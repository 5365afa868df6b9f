"""How a Check turns counts into a Finding.

Why it exists: every Finding reads alike (count, sample keys, never values), and a question that the server could not
answer is unknown, which blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.core.ports import ConnectionLost, TargetError
from state.model import Finding, GateName, Verdict

DATA_GATES = frozenset({GateName.SWITCH_READS, GateName.CONTRACT})
"""The gates that ask for every data check (correctness F6)."""


def judged(name: str, definition: str, what: str, count: Callable[[], tuple[int, tuple[str, ...]]]) -> Finding:
    """Pass when nothing was counted. ``what`` completes the sentence ``N …``."""
    started = time.monotonic()
    try:
        mismatches, samples = count()
    except ConnectionLost:
        raise
    except TargetError as error:
        detail = f"the server could not answer: SQLSTATE {error.sqlstate}"
        return Finding(name, definition, Verdict.UNKNOWN, detail=detail, seconds=time.monotonic() - started)
    verdict = Verdict.FAIL if mismatches else Verdict.PASS
    shown = f": {', '.join(samples)}" if samples else ""
    return Finding(
        name,
        definition,
        verdict,
        mismatches,
        samples,
        f"{mismatches} {what}{shown}",
        seconds=time.monotonic() - started,
    )
