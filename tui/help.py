"""The help: type to find a key, Enter does what it does.

Why it exists: everybody wonders at some time which key it was, why it does nothing, and whether q stops the release.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from tui.change import ChangeScreen
from tui.helpmodel import Entry, entry_lines, glossary, matching, ordered, words_of
from tui.intent import impossible
from tui.line import Line, Role
from tui.lines import LineView
from tui.live import Host
from tui.permitted import why_not

OWN_WORKER = (
    "This screen started a worker of its own. q sends it SIGTERM, and it ends after the batch in hand; "
    "other workers go on."
)


def entries(screen: Screen[object]) -> list[Entry]:
    """What the keys of ``screen`` do now, in order."""
    found: dict[str, list[str]] = {}
    active = [each for each in screen.active_bindings.values() if each.binding.id is not None]
    for each in active:
        found.setdefault(cast(str, each.binding.id), []).append(screen.app.get_key_display(each.binding))
    made = {}
    for node, binding, _, _ in active:
        name = cast(str, binding.id)
        keys = tuple(dict.fromkeys(found[name]))
        words = words_of(name, binding.description)
        made[name] = Entry(name, keys, words, reason(screen, binding.action), (binding.action, node))
    return ordered(list(made.values()))


def reason(screen: Screen[object], action: str) -> str:
    """Why the action does nothing now on ``screen``, or nothing."""
    name, _, rest = action.partition("(")
    found = why_not(name, cast(Host, screen.app).world)
    if found or name != "ask" or not isinstance(screen, ChangeScreen):
        return found
    status = screen.selected()
    return impossible(rest.strip("')"), status) if status else "no change is selected"


class HelpList(LineView):
    """The entries, with a cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--cursor"}

    def __init__(self, all_entries: Sequence[Entry], own_worker: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._all, self._shown, self._own_worker = list(all_entries), list(all_entries), own_worker
        self._owners: list[int] = []
        self._wanted, self._cursor = "", 0

    @property
    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        return self._shown[self._cursor] if self._shown else None

    def find(self, wanted: str) -> None:
        """Show what matches; the cursor is on the first of it."""
        self._wanted, self._shown, self._cursor = wanted, matching(self._all, wanted), 0
        self.update(self._built)
        self.refresh()
        self._reveal()

    def move(self, by: int) -> None:
        """Move the cursor."""
        self._cursor = min(max(self._cursor + by, 0), max(len(self._shown) - 1, 0))
        self.refresh()
        self._reveal()

    def _built(self, width: int) -> list[Line]:
        lines, self._owners = entry_lines(self._shown, width)
        return lines + glossary(width, self._wanted, self._own_worker)

    def _reveal(self) -> None:
        rows = [y for y, owner in enumerate(self._owners) if owner == self._cursor]
        if not rows:
            return
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self._cursor == 0:
            self.scroll_to(y=0, animate=False)
        elif rows[0] < top:
            self.scroll_to(y=rows[0], animate=False)
        elif rows[-1] >= top + height:
            self.scroll_to(y=rows[-1] - height + 1, animate=False)

    def style_of(self, role: Role, y: int) -> Style:
        """The entry under the cursor has its own background."""
        style = super().style_of(role, y)
        if y < len(self._owners) and self._owners[y] == self._cursor:
            return style + self.get_component_rich_style("help--cursor", partial=True)
        return style


class HelpScreen(ModalScreen[Entry | None]):
    """Keys, words and glyphs; returns the entry that is to be run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move(-8)", show=False),
        Binding("pagedown", "move(8)", show=False),
    ]

    def __init__(self, own_entries: Sequence[Entry], own_worker: str = "") -> None:
        super().__init__()
        self._entries = own_entries
        self._own_worker = f"{OWN_WORKER} {own_worker}" if own_worker else ""

    def compose(self) -> ComposeResult:
        """A field and the list."""
        with Vertical(id="box", classes="-full") as box:
            box.border_title = "KEYS (type to find, enter does it, esc closes)"
            yield Input(placeholder="what for?", id="find", compact=True)
            text = HelpList(self._entries, self._own_worker, id="text")
            text.can_focus = False
            yield text

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()
        self.query_one(HelpList).find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Find while typing; the key that opened the help, typed first, closes it again."""
        wanted = event.value.strip()
        opened = [entry for entry in self._entries if entry.name == "help"]
        if wanted and opened and wanted in opened[0].keys:
            self.dismiss(None)
            return
        self.query_one(HelpList).find(wanted)

    def on_input_submitted(self) -> None:
        """Do it, or say why not."""
        entry = self.query_one(HelpList).selected
        if entry is None:
            self.notify("no key does that", severity="warning", markup=False)
        elif entry.reason:
            self.notify(entry.reason, severity="warning", markup=False)
        else:
            self.dismiss(entry)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.query_one(HelpList).move(by)

    def action_close(self) -> None:
        """Back to where help was asked for."""
        self.dismiss(None)


def target(entry: Entry) -> tuple[str, DOMNode]:
    """What ``App.run_action`` needs to do it."""
    action, node = entry.run
    return action, cast(DOMNode, node)
