"""The verb that follows one change: watch."""

# Typer reads the annotations when the program starts, so they are not deferred here.
from typing import Annotated

import typer

from orchestrator.cli.wiring import ChangeId, ConfigFile, Url, opened
from orchestrator.core.errors import Invalid
from state.model import State


def _seconds(text: str | None) -> float | None:
    from orchestrator.core.duration import seconds

    try:
        return None if text is None else seconds(text)
    except ValueError as error:
        raise Invalid(f"--timeout: {error}", "orch watch ID --timeout 30min") from None


def watch(
    change: ChangeId,
    until: Annotated[
        State, typer.Option("--until", metavar="STATE", help="End with exit 0 once this state is reached or passed.")
    ] = State.COMPLETED,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="DURATION", help="Wait no longer; then say what is missing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object in a line whenever it moves.")] = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Follow a change until it has arrived. Changes nothing, and outlives lost connections.

    Ends with the exit code of advance when it can no longer arrive (4), when something has failed or been found wrong that only a
    person can mend (4, 6), and when the timeout is over (3 for what is only missing, 2 while nobody answers).
    """
    from orchestrator.cli.watchtext import teller
    from orchestrator.watching import watch as looks

    patience = _seconds(timeout)
    with opened(url, config) as service, teller(until, as_json=as_json) as tell:
        for look in looks(lambda: service.status(change), until, patience):
            tell(look)
