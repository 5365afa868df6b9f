"""The modal for what a gate will run: exact SQL, locks and undo beside requirements and evidence.

Why it exists: consent means something only if the person saw what will run. So the answer stays no until it was read from
the plan.
"""

from __future__ import annotations

from orchestrator.core.errors import OrchError
from tui.confirm import IntentModal
from tui.live import Reading
from tui.viewmodel import World


class GateModal(IntentModal):
    """An IntentModal that first reads the Steps of the gate ahead."""

    _failed = ""

    def reading(self) -> Reading | None:
        """The Steps, until they are known; the plan digest says whether they stay the same."""
        change = self.seen.change
        return (lambda service: service.gate_steps(change)) if self.steps is None else None

    def show(self, world: World, read: object | None = None) -> None:
        """Take in the Steps."""
        if isinstance(read, tuple):
            self.steps, self._failed = read, ""
        elif isinstance(read, OrchError):
            self._failed = read.message
        super().show(world)

    def problem(self, world: World) -> str:
        """Nobody says yes to what could not be read."""
        found = super().problem(world)
        if not found and self.steps is None:
            return f"the plan cannot be read: {self._failed}" if self._failed else "reading the plan"
        return found
