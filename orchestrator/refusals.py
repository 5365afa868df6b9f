"""Maps what the Registry and the machine refuse to errors with exit codes and a next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.core import errors
from orchestrator.core.ports import TargetError
from state import errors as registry
from state.machine import Refused

_CLASSES: tuple[tuple[type[Exception], type[errors.OrchError]], ...] = (
    (registry.Busy, errors.Busy),
    (registry.Occupied, errors.Busy),
    (registry.FenceLost, errors.LeaseLost),
    (registry.StaleView, errors.Stale),
    (registry.StaleApproval, errors.Stale),
    (registry.Unreachable, errors.Unreachable),
    (registry.NotReady, errors.Invalid),
    (registry.UnknownChange, errors.Invalid),
    (registry.ReasonRequired, errors.Invalid),
    (registry.RegistryError, errors.Blocked),
    (Refused, errors.Blocked),
    (TargetError, errors.OrchError),
)


@contextmanager
def explained() -> Iterator[None]:
    """Raise OrchError in place of the lower rooms' refusals."""
    try:
        yield
    except (registry.RegistryError, Refused, TargetError) as error:
        if isinstance(error, TargetError) and error.sqlstate == "42501":
            raise errors.Invalid(str(error), "orch doctor says which rights are missing") from error
        for kind, meant in _CLASSES:
            if isinstance(error, kind):
                raise meant(str(error)) from error
        raise
