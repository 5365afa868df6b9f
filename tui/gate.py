"""The modal for what a gate will run: exact SQL, locks and undo beside requirements and evidence.

Why it exists: consent means something only if the person saw what will run. So the answer stays no until it was read from
the plan.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.core.errors import OrchError
from tui.confirm import IntentModal
from tui.live import Reading
from tui.viewmodel import World


class GateModal(IntentModal):
    """An IntentModal that first reads the Steps of the gate ahead."""

    _failed = ""

    def reading(self) -> Reading | None:
        """The Steps, and who spoke before, until they are known; plan digest and version say whether they stay so."""
        change = self.seen.change
        if self.steps is not None:
            return None
        return lambda service: (service.status(change).approvals, service.gate_steps(change))

    def show(self, world: World, read: object | None = None) -> None:
        """Take in the Steps."""
        if isinstance(read, tuple):
            approvals, self.steps = read
            self.seen, self._failed = replace(self.seen, approvals=approvals), ""
        elif isinstance(read, OrchError):
            self._failed = read.message
        super().show(world)

    def problem(self, world: World) -> str:
        """Nobody says yes to what could not be read."""
        found = super().problem(world)
        if not found and self.steps is None:
            return f"the plan cannot be read: {self._failed}" if self._failed else "reading the plan"
        return found
