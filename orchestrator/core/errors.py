"""Every refusal orch can give, with its exit code and the operator's next step.

Why it exists: an operator at night needs three things from an error: what happened, what state things are in and what to
type next. A class fixes the exit code (design: exit codes are part of the interface), an instance carries the words.
"""

from __future__ import annotations


class OrchError(Exception):
    """Base of all errors meant for people. ``next_step`` is what to do now, in one sentence or command."""

    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class Invalid(OrchError):
    """Usage, configuration or change file is invalid; or the target is unreachable or unprivileged."""

    exit_code = 2


class Unreachable(Invalid):
    """Nobody answers at a target's URL, or it does not let us in."""


class PlanRefused(Invalid):
    """The change cannot be planned safely against this catalog: for what ``reason``, and the ``way`` around."""

    def __init__(self, reason: str, way: str) -> None:
        super().__init__(reason, way)


class Waiting(OrchError):
    """Nothing is wrong, something is missing: approval, soak, window, hold."""

    exit_code = 3


class Blocked(OrchError):
    """Refused: a check failed or is unknown, or the history is broken."""

    exit_code = 4


class Busy(OrchError):
    """Somebody else holds the lease."""

    exit_code = 5


class Stale(OrchError):
    """Plan, catalog or evidence changed since it was approved."""

    exit_code = 6


class Indeterminate(OrchError):
    """The database shows something that a person must look at."""

    exit_code = 7


class LeaseLost(OrchError):
    """We are the zombie: another worker took over. Nothing more may be written."""

    exit_code = 5
