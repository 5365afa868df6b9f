"""The help as entries: which keys this screen has, what they do, and why one of them does nothing now.

Why it exists: nobody remembers keys at three in the morning. What is listed is what is bound, so it is never out of date and
knows the keys that were changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.line import Line, Role, line, paragraph

KEYS_WIDTH = 14
SECTIONS: dict[str, dict[str, str]] = {
    "ACT ON THE SELECTED CHANGE": {
        "approve": "approve the gate ahead: effect, SQL, locks, undo and evidence are shown first",
        "reject": "reject the gate ahead; a reason is required",
        "advance": "advance: ask a worker to run the gate ahead",
        "pause": "pause with a reason; work stops after the batch in hand",
        "resume": "resume",
        "abort": "abort: undo to the shape before expand; asks for the id and a reason",
        "tune": "tune the backfill: statement time, replica lag, lanes, window; from its next batch on",
        "undo": "undo a parked contract, or the switch of reads; asks for the id and a reason",
        "sql": "the exact SQL that the gate ahead will run",
        "copy": "copy the id of the change, or the text that is selected, to the clipboard of the terminal",
    },
    "ACT ON ALL CHANGES": {
        "hold_all": "hold everything at once, or let everything go again; asks for a reason",
    },
    "THE HISTORY": {
        "follow": "in Audit: follow, the newest event stays under the cursor",
        "verify": "in Audit: recompute the whole chain and compare it with the state",
        "write": "in Audit: write what the filter shows to a file, as orch audit --json does",
    },
    "ACT ON A SESSION IN THE WAY": {
        "cancel_backend": "in Locks: cancel what it runs, or end it; asks for its pid and a reason",
    },
    "VIEWS": {
        "fleet": "Fleet: every change",
        "gates": "Gates: what waits for a word, and what it rests on",
        "locks": "Locks: who waits for whom on the targets",
        "audit": "Audit: who did what and when, for all changes, and whether the chain is intact",
    },
    "LOOK": {
        "open": "open the change",
        "back": "go back",
        "filter": "filter by words in id, title, state; enter keeps, esc clears",
        "clear": "show all changes again",
        "commands": "the last commands that orch ran on the target, and what runs now",
        "worker_log": "what the worker that this screen started says",
    },
    "MOVE": {
        "up": "up by one line",
        "down": "down by one line",
        "page_up": "up by a screenful",
        "page_down": "down by a screenful",
        "top": "to the first line",
        "bottom": "to the last line",
    },
    "THIS SCREEN": {
        "help": "this help",
        "quit": "quit; this stops nothing: changes and workers go on",
    },
}
OTHER = "MORE"
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key does here. ``run`` is the action with the node that has it; ``reason`` why it does nothing now."""

    name: str
    keys: tuple[str, ...]
    words: str
    reason: str = ""
    run: tuple[str, object] = field(default=("", None), compare=False)

    @property
    def section(self) -> str:
        """Under which title it stands."""
        return next((title for title, names in SECTIONS.items() if self.name in names), OTHER)


def words_of(name: str, description: str) -> str:
    """The sentence about what is called ``name``, or its short description."""
    return next((names[name] for names in SECTIONS.values() if name in names), description)


def ordered(entries: Sequence[Entry]) -> list[Entry]:
    """In the order of the sections, unknown names last."""
    names = [name for section in SECTIONS.values() for name in section]
    rank = {name: index for index, name in enumerate(names)}
    return sorted(entries, key=lambda entry: rank.get(entry.name, len(names)))


def matching(entries: Sequence[Entry], wanted: str) -> list[Entry]:
    """Those that hold every word of ``wanted``; whose key is exactly that comes first."""
    words = wanted.casefold().split()
    found = [entry for entry in entries if all(word in _text(entry) for word in words)]
    return sorted(found, key=lambda entry: wanted.strip() not in entry.keys)


def _text(entry: Entry) -> str:
    return f"{' '.join(entry.keys)} {entry.name.replace('_', ' ')} {entry.words}".casefold()


def entry_lines(entries: Sequence[Entry], width: int) -> tuple[list[Line], list[int]]:
    """The lines, and for each the index of the entry that it belongs to; -1 for titles."""
    lines: list[Line] = []
    owners: list[int] = []
    section = ""
    for index, entry in enumerate(entries):
        if entry.section != section:
            section = entry.section
            lines.append(line(width, (f" {section}", Role.TITLE)))
            owners.append(-1)
        made = _entry(entry, width)
        lines += made
        owners += [index] * len(made)
    return lines, owners


def _entry(entry: Entry, width: int) -> list[Line]:
    lead = (f"  {' '.join(entry.keys):<{KEYS_WIDTH}} ", Role.MUTED if entry.reason else Role.MOVE)
    made = paragraph(width, entry.words, Role.MUTED if entry.reason else Role.PLAIN, lead=lead)
    if entry.reason:
        made += paragraph(width, f"not now: {entry.reason}", Role.WARN, lead=(" " * (KEYS_WIDTH + 3), Role.PLAIN))
    return made


def glossary(width: int, wanted: str, own_worker: str) -> list[Line]:
    """What stands below the keys: the words of the STATE column, and the worker of this screen."""
    words = wanted.casefold().split()
    states = [state for state in STATES if all(word in state.casefold() for word in words)]
    lines = [line(width, (" STATES, most urgent first", Role.TITLE))] if states else []
    lines += [line(width, (f"  {state}", Role.PLAIN)) for state in states]
    if own_worker and not words:
        lines += paragraph(width, own_worker, lead=("  ", Role.PLAIN))
    return lines
