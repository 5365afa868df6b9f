"""The one widget that draws Lines.

Why it exists: a DataTable repaints every visible row for each changed cell; this builds one Strip per row and repaints only
lines that changed, which costs about a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.line import Line, Role, ascii_only, text_of

Build = Callable[[int], Sequence[Line]]


class LineView(ScrollView, can_focus=True):
    """Shows what ``build(width)`` returns; built again at every ``update`` and resize."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{role.value}" for role in Role}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Down", show=False, id="down"),
        Binding("up,k", "scroll_up", "Up", show=False, id="up"),
        Binding("g,home", "scroll_home", "Top", show=False, id="top"),
        Binding("G,end", "scroll_end", "Bottom", show=False, id="bottom"),
    ]

    def __init__(self, build: Build | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._build = build
        self._lines: Sequence[Line] = ()
        self._plain = False

    def on_mount(self) -> None:
        """Know whether to draw in ASCII."""
        self._plain = self.app.has_class("-ascii")

    def update(self, build: Build) -> None:
        """Show something else."""
        self._build = build
        self.rebuild()

    def on_resize(self, event: events.Resize) -> None:
        """A new width needs new lines."""
        del event
        self.rebuild()

    def rebuild(self) -> None:
        """Build again and repaint the lines that differ."""
        width = self.scrollable_content_region.width
        if self._build is None or width <= 0:
            return
        old, self._lines = self._lines, self._build(width)
        size = Size(width, len(self._lines))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh(layout=self.styles.is_auto_height)
            return
        top = self.scroll_offset.y
        for y in range(top, min(top + self.size.height, len(self._lines))):
            if y >= len(old) or old[y] != self._lines[y]:
                self.repaint(y)

    def repaint(self, y: int) -> None:
        """Repaint one line, if it is on the screen."""
        row = y - self.scroll_offset.y
        if 0 <= row < self.size.height:
            self.refresh(Region(0, row, self.size.width, 1))

    def style_of(self, role: Role, y: int) -> Style:
        """How ``role`` looks on line ``y``."""
        del y
        return self.get_component_rich_style(f"lines--{role.value}")

    def render_line(self, y: int) -> Strip:
        """One Strip for one line."""
        at, width = y + self.scroll_offset.y, self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        roles = groupby(
            self._lines[at], key=itemgetter(1)
        )  # each segment costs several styles on its way to the terminal
        segments = [Segment(self._text(text_of(spans)), self.style_of(role, at)) for role, spans in roles]
        strip = Strip(segments).crop_extend(0, width, self.style_of(Role.PLAIN, at))
        return self._selected(strip, at).apply_offsets(0, at)

    def _selected(self, strip: Strip, at: int) -> Strip:
        """The line with what the mouse has selected marked."""
        span = self.text_selection.get_span(at) if self.text_selection is not None else None
        if span is None:
            return strip
        start, end = span[0], strip.cell_length if span[1] == -1 else span[1]
        style = self.screen.get_component_rich_style("screen--selection")
        marked = Strip([Segment(each.text, (each.style or Style()) + style) for each in strip.crop(start, end)])
        return Strip.join([strip.crop(0, start), marked, strip.crop(end, strip.cell_length)])

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """The text that the mouse has selected."""
        return selection.extract("\n".join(text_of(line).rstrip() for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Mark it."""
        self.refresh()

    def _text(self, text: str) -> str:
        return ascii_only(text) if self._plain else text
