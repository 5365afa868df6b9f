"""What the Registry refuses, in sentences for people.

Why it exists: SQL functions, the store and the read models refuse for the same few reasons; each reason has one class
here, whichever door found it. Every sentence ends in what the operator can do next. The doors above map these classes
to exit codes; this room knows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from state.model import LeaseRow


class RegistryError(Exception):
    """Base of all refusals of the Registry."""


class NotReady(RegistryError):
    """The schema ``orch`` is missing, or is not the one this code was written for."""


class Unreachable(NotReady):
    """Nobody answers at the Registry's URL, or it does not let us in."""


class Occupied(RegistryError):
    """Another session holds a row of the Registry, or PostgreSQL cancelled us; nothing was written."""


class Unprivileged(NotReady):
    """The database login lacks a right on the Registry. Names what was refused."""


class Forbidden(RegistryError):
    """The Registry itself refuses the write: the gate lacks approvals, or the event is not the caller's to write."""


class UnknownChange(RegistryError):
    """No Change has this id."""

    def __init__(self, change_id: str) -> None:
        super().__init__(f"there is no change {change_id!r}; orch status lists those that exist")
        self.change_id = change_id


class ConflictingChange(RegistryError):
    """A different file was submitted under the id of a Change that has begun."""


class Busy(RegistryError):
    """Somebody else holds the Lease. ``lease`` says who, ``seconds_left`` for how long unless renewed."""

    def __init__(self, lease: LeaseRow, seconds_left: float) -> None:
        super().__init__(
            f"{lease.change_id} is being run by {lease.owner} (lease for {seconds_left:.0f} s more unless renewed); "
            f"follow it with orch watch {lease.change_id}, or try again when it is done"
        )
        self.lease = lease
        self.seconds_left = seconds_left


class FenceLost(RegistryError):
    """We are the zombie: the Lease has expired or belongs to another, or the Step has been moved. Stop at once."""


class StaleView(RegistryError):
    """The Change has moved since it was looked at."""


class DecisionRefused(RegistryError):
    """Base of the refusals of ``orch.decide_gate`` and ``orch.record_intent``."""


class StaleApproval(DecisionRefused):
    """Plan, evidence or version is not what the approver saw."""


class NotAtGate(DecisionRefused):
    """The Change does not rest at the Gate."""


class RequesterMayNot(DecisionRefused):
    """The Gate asks for two or more people, and the requester is not one of them."""


class AlreadyApproved(DecisionRefused):
    """The same person has approved exactly this already."""


class ReasonRequired(DecisionRefused):
    """A rejection must say why."""


class NotGranted(DecisionRefused):
    """The database role may not decide gates."""
