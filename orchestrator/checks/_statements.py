"""How Checks say which statements in use they mean, and what their source and the clone may have missed."""

from __future__ import annotations

from orchestrator.core.duration import words
from orchestrator.core.reading import Coverage, Proof, Reads

SHOWN = 5
_TEXT = 160


def told(found: Reads) -> str:
    """One statement: what it depends on, and its text."""
    statement = found.statement
    calls = (
        ""
        if statement.calls is None
        else f" (called {statement.calls:,}×{f' by {statement.user}' if statement.user else ''})"
    )
    return f"{statement.digest}{calls}: {found.how.value}: {found.why}: {short(statement.text)}"


def short(text: str) -> str:
    """The text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _TEXT else line[: _TEXT - 1] + "…"


def missed(coverage: Coverage, proof: Proof) -> list[str]:
    """What the source and the clone may have missed."""
    found = [f"source {coverage.source} with {coverage.total} statements"]
    if coverage.track:
        found.append(f"track = {coverage.track}")
    if coverage.observed is not None:
        found.append(f"since {words(coverage.observed)}")
    if coverage.evicted:
        found.append(f"{coverage.evicted} evictions")
    if coverage.hidden:
        found.append(f"{coverage.hidden} statements hidden from this login (GRANT pg_read_all_stats TO it)")
    if proof.unread:
        found.append(f"{len(proof.unread)} did not plan before either, or are utility statements")
    if proof.lacks:
        found.append(f"{proof.lacks} objects are not on the clone")
    return [", ".join(found)]
