"""A question with a judge, which a gate asks.

Why it exists: what is asked of a target at a gate is the shape of one file of ``orchestrator/checks``, and a third party's too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner
from state.model import Finding, GateName


class Check(Protocol):
    """A question with a judge. Each lives in one file of ``orchestrator/checks``."""

    name: str
    gates: frozenset[GateName]

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """What it sees. Raises TargetError only when the connection is lost."""
