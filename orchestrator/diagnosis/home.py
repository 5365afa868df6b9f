"""Is this the Registry itself, or a copy of one, from which nothing may be run?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.errors import OrchError
from orchestrator.diagnosis._sight import AT_REGISTRY, Answer, Look, Sight
from orchestrator.homecoming import at_home
from state.model import Verdict

_NAME = "home of the registry"


def see(sight: Sight) -> Iterator[Answer]:
    """Where it was set up is where it is."""
    try:
        at_home(sight.registry)
    except OrchError as error:
        yield Answer(_NAME, Verdict.FAIL, error.message, error.next_step or "")
    else:
        yield Answer(_NAME, Verdict.PASS, "it is where it was set up")


plugin = Look(AT_REGISTRY, see)
