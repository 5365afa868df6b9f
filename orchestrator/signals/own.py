"""The signals of the change file: ``backfill.signals``, each one number from one query, and at which it means stop.

They know what no catalog does: the length of a queue, the age of a job. The query runs once a second, read-only, with names
resolved as for the login, and has two seconds; whatever is not one number (no row, NULL, an error, a query too slow) cannot
be judged and stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.control import OwnSignal
from orchestrator.core.ports import TargetError
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure


class Own:
    """Asks what the change file asks."""

    name = "own"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """Each number over its ``stop_at``."""
        for signal in sight.control.signals:
            yield _read(sight, signal)


def _read(sight: Sight, signal: OwnSignal) -> Pressure:
    name = f"own:{signal.name}"
    try:
        found = sight.target.ask(signal.sql)
    except TargetError as error:
        if not error.sqlstate:
            raise
        return Pressure(name, None, f"signal {signal.name} cannot be read [{error.sqlstate}]")
    try:
        ((value,),) = found
        number = float(value)
    except (TypeError, ValueError):
        return Pressure(name, None, f"signal {signal.name} is not one number")
    return Pressure(name, number / signal.stop_at, f"signal {signal.name} is {number:g}, {signal.stop_at:g} stops")


plugin = Own
