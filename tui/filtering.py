"""Narrows the list of a view by typing: what stays are lines in which every word occurs.

Why it exists: three views are filtered, and must be so in the same way.
"""

from __future__ import annotations

from textual.widgets import Input

from tui.change import ChangeScreen
from tui.picklist import PickList
from tui.viewmodel import World


class FilteredScreen(ChangeScreen):
    """A view with a PickList and an Input ``#filter``; ``_wanted`` is what is typed."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""

    def show(self, world: World, read: object | None = None) -> None:
        """Show the World, narrowed."""
        raise NotImplementedError

    def action_filter(self) -> None:
        """Type a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        """Show everything again."""
        self.query_one("#filter", Input).value = ""
        self.on_input_submitted()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._wanted = event.value.strip()
        self.show(self.host.world)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self.query_one("#filter").display = False
        self.query_one(PickList).focus()
