"""Judge the whole history, and keep its head outside.

Why it exists: that chain, states and rows agree is one question over everything the Registry holds; a head goes into an anchor
only once they do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from orchestrator import anchoring
from orchestrator.core.audit import Anchor, Problem, verify
from orchestrator.core.errors import Blocked
from state import queries
from state.store import Registry


def problems(registry: Registry, anchor: str | None) -> list[Problem]:
    """What does not agree; with the file of an anchor, the chain must run through it. Raises Invalid for another file."""
    kept = anchoring.read(anchor) if anchor is not None else None
    with registry.reading() as connection:
        return _problems(connection, kept)


def anchored(registry: Registry, path: str) -> Anchor:
    """Write the head to a file, once everything agrees with it and with an anchor already there. Raises Blocked, Invalid."""
    before = anchoring.read(path) if Path(path).exists() else None
    with registry.reading() as connection:
        found = _problems(connection, before)
        head, identity = queries.head(connection), queries.registry_identity(connection)
    if found:
        listed = "".join(f"\n  - {problem}" for problem in found[:10])
        raise Blocked(f"{path} is left as it is, for the history does not verify:{listed}", "orch audit --verify")
    anchor = Anchor(head.seq, head.sha256, registry.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"), identity)
    anchoring.write(path, anchor)
    return anchor


def _problems(connection: Connection, anchor: Anchor | None) -> list[Problem]:
    head = queries.head(connection)
    return verify(
        queries.events(connection),
        queries.changes(connection),
        queries.all_steps(connection),
        head=(head.seq, head.sha256),
        approvals=queries.all_approvals(connection),
        evidence=queries.all_evidence(connection),
        needed=queries.all_approvals_needed(connection),
        anchor=anchor,
    )
