"""All keys on one page, and what quitting does not do.

Why it exists: nobody remembers keys at three in the morning, and everybody wonders whether q stops the release.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.line import Line, Role, line, paragraph
from tui.lines import LineView

KEYS = (
    ("VIEWS", ""),
    ("1", "Fleet: every change"),
    ("2", "Gates: what waits for a word, and what it rests on"),
    ("3", "Locks: who waits for whom on the targets"),
    ("4", "Audit: the history of all changes, and whether its chain is intact"),
    ("MOVE", ""),
    ("up down j k", "move by one line"),
    ("g G, home end", "first, last"),
    ("pgup pgdn", "move by a screenful"),
    ("enter", "open the change; esc goes back"),
    ("/", "filter by words in id, title, state; enter keeps, esc clears"),
    ("ACT ON THE SELECTED CHANGE", ""),
    ("A", "approve the gate ahead: effect, SQL, locks, undo and evidence are shown first"),
    ("D", "reject the gate ahead; a reason is required"),
    ("a", "advance: ask a worker to run the gate ahead"),
    ("p", "pause with a reason; work stops after the batch in hand"),
    ("r", "resume"),
    ("H", "hold everything at once, or let everything go again; asks for a reason"),
    ("t", "tune the backfill: statement time, replica lag, lanes, window; from its next batch on"),
    ("v", "the exact SQL that the gate ahead will run"),
    ("X", "abort: undo to the shape before expand; asks for the id and a reason"),
    ("u", "undo a parked contract, or the switch of reads; asks for the id and a reason"),
    ("K", "in Locks: cancel what a session in the way runs, or end it; asks for its pid and a reason"),
    ("f", "in Audit: follow, the newest event stays under the cursor"),
    ("c", "in Audit: recompute the whole chain and compare it with the state"),
    ("w", "in Audit: write what the filter shows to a file, as orch audit --json does"),
    ("THIS SCREEN", ""),
    ("?", "this help"),
    ("q", "quit; this stops nothing: changes and workers go on"),
)
STATES = (
    "‖ GATE waits for approval, soak, window or a check",
    "✖ FAILED the last attempt of a step failed",
    "✖ BLOCKED tries again, for example for a lock",
    "◷ THROTTLE slowed down by load",
    "■ PAUSED held by a person",
    "▶ RUN moves",
    "◌ QUEUED ready, no worker has taken it yet",
    "✔ DONE",
)
OWN_WORKER = (
    "This screen started a worker of its own. q sends it SIGTERM, and it ends after the batch in hand; "
    "other workers go on."
)


class HelpScreen(ModalScreen[None]):
    """Keys, words and glyphs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "close", "Close"),
    ]

    def __init__(self, own_worker: str = "") -> None:
        super().__init__()
        self._own_worker = own_worker

    def compose(self) -> ComposeResult:
        """One scrollable text."""
        with Vertical(id="box", classes="-full") as box:
            box.border_title = "KEYS (esc closes)"
            yield LineView(self._lines, id="text")

    def on_mount(self) -> None:
        """Keys scroll the text."""
        self.query_one("#text").focus()

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for key, words in KEYS:
            if words:
                lines += paragraph(width, words, lead=(f"  {key:<14}", Role.MOVE))
            else:
                lines.append(line(width, (f" {key}", Role.TITLE)))
        if self._own_worker:
            lines += paragraph(width, f"{OWN_WORKER} {self._own_worker}", lead=("  ", Role.PLAIN))
        lines.append(line(width, (" STATES, most urgent first", Role.TITLE)))
        return lines + [line(width, (f"  {state}", Role.PLAIN)) for state in STATES]

    def action_close(self) -> None:
        """Back to where ? was pressed."""
        self.dismiss(None)
