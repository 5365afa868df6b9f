"""Follows the comparisons that somebody else makes for a gate, without looking at a row of the target.

Why it exists: a large table takes long, and who waits at a gate wants to see how far the worker is, not to read it all again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from orchestrator.core.errors import Waiting
from orchestrator.core.progress import Listener, Progress
from orchestrator.refusals import explained
from state import known
from state.digest import evidence_sha256
from state.known import Known
from state.model import Evidence
from state.store import Registry

POLL = 0.5
"""Seconds between looks."""
SILENT = timedelta(seconds=15)
"""When nothing was heard for so long, nobody compares any more. Comparisons that are kept as Evidence are gone at once."""


def follow(registry: Registry, change_id: str, checks: Sequence[str], listen: Listener) -> Evidence:
    """Tell how far comparisons are until none moves any more; then the latest Evidence. Raises Waiting without any."""
    while True:
        with explained(), registry.reading() as connection:
            found = known.one(connection, change_id)
        heard = [row for row in found.comparisons if found.now - row.updated_at < SILENT]
        if not heard:
            return _evidence(found, checks)
        for row in (each for each in heard if not each.done and _meant(each.name, checks)):
            figures = (row.rows_done, row.rows_total, row.rows_per_second, row.eta_seconds, row.throttle)
            listen(Progress(change_id, None, "compare", row.name, *figures))
        time.sleep(POLL)


def _meant(name: str, checks: Sequence[str]) -> bool:
    return not checks or name.partition(":")[0] in checks


def _evidence(found: Known, checks: Sequence[str]) -> Evidence:
    evidence = found.evidence
    if evidence is None:
        raise Waiting(
            f"nobody compares anything for {found.change.id}, and there is no evidence yet",
            f"orch verify {found.change.id}",
        )
    if not checks:
        return evidence
    meant = tuple(each for each in evidence.findings if _meant(each.name, checks))
    return Evidence(evidence.change_id, evidence.gate, evidence.plan_sha256, evidence_sha256(meant), meant, evidence.at)
