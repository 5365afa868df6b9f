"""Refuse to run changes from a copy of their Registry.

Why it exists: a restored dump or a snapshot of production must never resume production's changes.
"""

from __future__ import annotations

from orchestrator.core.errors import Indeterminate
from state.store import Registry


def at_home(registry: Registry) -> None:
    """Raise Indeterminate where the Registry is not where it was set up, or said to have moved to."""
    if why := registry.strange():
        raise Indeterminate(
            f"this may be a copy of a registry: {why}. What was under way at its origin is not gone on with; nothing was done",
            "if it moved, or is reached by another name, and nobody runs the other: orch init --moved REASON;"
            " on a copy: DROP SCHEMA orch, orch_target CASCADE, then orch init",
        )
