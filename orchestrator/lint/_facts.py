"""What must be known of tables and types to say what an Act does to them.

Why it exists: locks and rewrites are facts about PostgreSQL that depend on few others, and not on how a script is followed.
"""

from __future__ import annotations

from typing import Protocol

from orchestrator.core.known import Known, KnownTable
from orchestrator.dialects.postgres.script.parts import Expr, Name, Type


class Facts(Protocol):
    """What script and database, where one was asked, tell so far."""

    @property
    def known(self) -> Known | None:
        """What the database told; None where none was asked."""

    def table(self, name: Name | None) -> KnownTable | None:
        """What the database knows of the table."""

    def partitioned(self, name: Name) -> bool:
        """Whether the table is known to be partitioned."""

    def proves_not_null(self, table: Name, column: str) -> bool:
        """Whether a validated constraint keeps the column from NULL."""

    def volatile(self, expr: Expr | None) -> tuple[str, ...]:
        """The functions of an expression that are volatile or unknown."""

    def constrained_domain(self, name: Type) -> bool:
        """Whether the type is known to be a domain with a constraint."""

    def base(self, name: Type) -> str | None:
        """The base type of a type that is known to be a domain."""
