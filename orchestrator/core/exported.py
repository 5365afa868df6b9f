"""A Plan as migrations that another tool runs: Units, each one transaction or one statement alone, with their way back.

Why it exists: tools differ in how a file is named and sent, not in what may share a transaction. A lock taken for a moment would
be held through a scan if two messages of orch became one transaction, so a Unit is what orch itself sends at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.core.plan import PhaseName


@dataclass(frozen=True, slots=True)
class Unit:
    """What is sent at once. ``alone``: one statement outside of any transaction, before which ``repair`` removes what a broken
    attempt left, and for which ``settings`` must stand in the session. ``rollback`` says what going back costs.
    """

    phase: PhaseName
    title: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    rollback: str
    alone: bool = False
    settings: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything of one Change, in order; ``commits`` is the commit message of each phase."""

    change: str
    plan_sha256: str
    units: tuple[Unit, ...]
    commits: tuple[tuple[PhaseName, str], ...]
    notes: tuple[str, ...] = ()
