"""What a rule is and what it says: Tier, Remark, Finding, Rule.

Why it exists: a rule is one file with a docstring, the kinds of Act it looks at, and a function that yields Remarks. Place,
lock, size of the table and suppression are none of its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.dialects.postgres.script.acts import Act

if TYPE_CHECKING:
    from orchestrator.lint._situation import Situation


class Tier(StrEnum):
    """How bad. The order of the members is the order of weight."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"

    @property
    def action(self) -> str:
        """What the tier asks of a team."""
        return {"critical": "block release", "major": "fix this sprint", "minor": "within 2 sprints"}[self.value]

    @property
    def milder(self) -> Tier:
        """One tier down."""
        return {Tier.CRITICAL: Tier.MAJOR}.get(self, Tier.MINOR)

    def at_least(self, other: Tier) -> bool:
        """Whether this is as bad as ``other`` or worse."""
        order = list(Tier)
        return order.index(self) <= order.index(other)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule says of an Act. ``at`` and ``lock`` are the Act's unless given; ``tier`` the rule's unless given."""

    message: str
    safe_way: str
    tier: Tier | None = None
    at: int | None = None
    lock: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A linter's remark with its place: ``line`` and ``column`` count from 1, ``lock`` is None when none is taken."""

    file: str
    line: int
    column: int
    rule: str
    tier: Tier
    lock: str | None
    message: str
    safe_way: str


@dataclass(frozen=True, slots=True)
class Rule:
    """``acts`` are the kinds looked at, one by one; ``Act`` itself means all. ``fresh``: look also at tables that the same file
    has made, on which nobody works yet. ``sized``: the harm grows with the rows, so it is one tier less on a table known to be
    small.
    """

    tier: Tier
    judge: Callable[[Any, Situation], Iterator[Remark]]
    acts: tuple[type[Act], ...]
    fresh: bool = False
    sized: bool = False


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """Looks at a whole script, once all of it has been seen."""

    tier: Tier
    judge: Callable[[Situation], Iterator[Remark]]
