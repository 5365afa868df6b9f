"""The widget of the top lines. The banner takes no room while all is well."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.headermodel import banner_lines, header_line, summary_line
from tui.line import Line
from tui.lines import LineView
from tui.viewmodel import World


class Header(Vertical):
    """Two lines, and a banner while the connection is lost."""

    def __init__(self, view: str = "") -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """The fixed lines and the banner."""
        top, banner = LineView(id="top"), LineView(id="banner")
        top.can_focus = banner.can_focus = False
        yield top
        yield banner

    def show(self, world: World, wanted: str = "") -> None:
        """Show where we stand."""

        def top(width: int) -> list[Line]:
            return [header_line(world, width), summary_line(world, width, wanted, self._view)]

        self.query_one("#top", LineView).update(top)
        banner = self.query_one("#banner", LineView)
        height = len(banner_lines(world, max(self.size.width, 1)))
        banner.display = height > 0
        banner.styles.height = height
        banner.update(lambda width: banner_lines(world, width))
