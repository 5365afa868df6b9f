"""What the application would feel: the 99th percentile of the change's ``probe`` against its ``max_latency``.

All other signals guess at it; this one measures. The probe runs twenty times a second on a connection of its own, read-
only, and the last five seconds count: a hundred answers, of which the worst is left out. One that is still awaited counts
with the time it has waited. Because ``max_latency`` is where it stops, what steers keeps the probe between 0.4 and 0.7 of
it.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure


class MaxLatency:
    """Judges what the probe saw; the engine runs it."""

    name = "max_latency"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The p99 over what is allowed; nothing where the change has no probe."""
        most, seen = sight.control.max_latency, sight.latency
        if most is None or sight.control.probe is None:
            return
        if seen is None or seen.error is not None:
            yield Pressure(self.name, None, f"the probe has no answer: {seen.error if seen else 'it has not begun'}")
            return
        detail = f"the probe takes {words(seen.p99)} (p99 of {seen.count}), {words(most)} are allowed"
        yield Pressure(self.name, seen.p99 / most, detail)


plugin = MaxLatency
