"""How a Check turns what was counted into a Finding.

Why it exists: every Finding reads alike (count, sample keys, never values), and a question that the server could not
answer is unknown, which blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.core.comparison import Comparison
from orchestrator.core.ports import ConnectionLost, Examiner, TargetError, Unclear
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
        return unknown(name, definition, error, time.monotonic() - started)
    verdict = Verdict.FAIL if mismatches else Verdict.PASS
    detail = f"{mismatches} {what}{_shown(samples)}"
    return Finding(name, definition, verdict, mismatches, samples, detail, seconds=time.monotonic() - started)


def compared(reader: Examiner, comparison: Comparison, what: str, aside: str = "") -> Finding:
    """Pass when no row is wrong. ``what`` completes the sentence ``N of M rows …``, ``aside`` one about rows counted aside."""
    started = time.monotonic()
    try:
        found = reader.compare(comparison)
    except ConnectionLost:
        raise
    except TargetError as error:
        return unknown(comparison.name, comparison.definition, error, time.monotonic() - started)
    tally = found.tally
    note = f", {tally.aside:,} {aside}" if tally.aside and aside else ""
    return Finding(
        comparison.name,
        comparison.definition,
        Verdict.FAIL if tally.wrong else Verdict.PASS,
        tally.wrong,
        tally.samples,
        f"{tally.wrong} of {tally.rows:,}{note} {what}{_shown(tally.samples)}",
        tally.rows,
        found.seconds,
        server=found.server,
    )


def unknown(name: str, definition: str, error: TargetError, seconds: float) -> Finding:
    """A question without an answer, which blocks."""
    said = str(error) if isinstance(error, Unclear) else f"the server could not answer: SQLSTATE {error.sqlstate}"
    return Finding(name, definition, Verdict.UNKNOWN, detail=said, seconds=seconds)


def _shown(samples: tuple[str, ...]) -> str:
    return f": {', '.join(samples)}" if samples else ""
