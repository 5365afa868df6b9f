"""The keys at the bottom, help before all others.

Why it exists: a narrow terminal cuts the row off at its end, and whoever knows no key needs the one that names the others.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer


class KeyFooter(Footer):
    """A Footer of one line."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    def compose(self) -> ComposeResult:
        """The keys of the focused screen in their order, but help first."""
        yield from sorted(super().compose(), key=_rank)


def _rank(key: Widget) -> bool:
    return not str(getattr(key, "action", "")).endswith("help")
