"""The top of every screen as lines: where we are, how fresh the data is, what needs a person, and what is wrong.

Why it exists: an operator with five terminals must never wonder which database this is or whether the numbers still move.
"""

from __future__ import annotations

from collections import Counter

from rich.cells import cell_len

from orchestrator.core.status import TOGETHER, Attention
from state.model import Hold
from tui.line import Line, Role, Span, clean, line, pad
from tui.numbers import age_text, server_text
from tui.viewmodel import GLYPHS, World
from tui.views import tabs

_COUNTED = {
    Attention.RUN: "running",
    Attention.GATE: "gate",
    Attention.THROTTLE: "throttled",
    Attention.PAUSED: "paused",
}


def connection(world: World) -> Span:
    """LIVE or STALE, with the age of what is shown."""
    if world.age is None:
        return ("NO DATA YET", Role.WARN)
    word = "LIVE" if world.live else "STALE"
    return f"{word} {age_text(world.age)}", Role.GOOD if world.live else Role.BAD


def header_line(world: World, width: int) -> Line:
    """Where this screen is connected, as whom, how fresh it is, and the UTC clock, in words as far as there is room."""
    clock = f"{world.now:%H:%M:%SZ} "
    state = connection(world)
    only = "  READ-ONLY" if world.read_only else ""
    for before, after in _places(world):
        if len(before) + len(state[0]) + len(only) + len(after) + len(clock) + 2 <= width:
            break
    else:
        before, after = " ", ""
    used = len(before) + len(state[0]) + len(only) + len(after)
    gap = pad(clock, width - used, right=True) if width - used > len(clock) else ""
    return line(width, (before, Role.TITLE), state, (only, Role.WARN), (after, Role.PLAIN), (gap, Role.MUTED))


def _places(world: World) -> list[tuple[str, str]]:
    known = world.identity
    if known is None:
        return [(" orch  not connected yet  ", "")]
    name, host, user = pad(known.database, 40).strip(), known.host, known.user
    server, where = server_text(known.server_version), f"{name}@{host}"
    return [
        (f" orch  database {name}  host {host}  PostgreSQL {server}  ", f"  user {user}"),
        (f" orch  {where}  PostgreSQL {server}  ", f"  user {user}"),
        (f" orch  {where}  pg{server}  ", f"  {user}"),
        (f" orch  {where}  ", f"  {user}"),
        (f" {where}  ", ""),
        (f" {name}  ", ""),
    ]


def summary_line(world: World, width: int, wanted: str = "", view: str = "") -> Line:
    """How many changes there are, how many of each kind of attention, and where there is room, what waits in which view."""
    count = Counter(status.attention for status in world.statuses)
    help_needed = count[Attention.FAILED] + count[Attention.BLOCKED]
    total = len(world.statuses)
    spans: list[Span] = [(f" {total} change{'' if total == 1 else 's'}", Role.PLAIN)]
    if (held := together(world)) is not None:
        spans.append((f"  ■ EVERYTHING HELD by {held.actor}: {held.reason.removeprefix(TOGETHER)}", Role.BAD))
    if world.busy:
        spans.append((f"  working: {world.busy}", Role.MOVE))
    if wanted:
        spans.append((f"  filter: {wanted}", Role.WARN))
    if help_needed:
        needs = "needs" if help_needed == 1 else "need"
        spans.append((f"  ✖ {help_needed} {needs} help", Role.BAD))
    for attention, word in _COUNTED.items():
        if count[attention]:
            mark, role = GLYPHS[attention]
            spans.append((f"  {mark} {count[attention]} {word}", role))
    views = [*tabs(world, view), (" ", Role.PLAIN)]
    gap = width - sum(cell_len(clean(text)) for text, _ in (*spans, *views))
    return line(width, *spans, (" " * gap, Role.PLAIN), *views) if gap > 0 else line(width, *spans)


def together(world: World) -> Hold | None:
    """The hold that was set on all changes at once, while any change still has it."""
    holds = (status.hold for status in world.statuses)
    return next((hold for hold in holds if hold is not None and hold.reason.startswith(TOGETHER)), None)


def banner_lines(world: World, width: int) -> list[Line]:
    """What is wrong with the connection and what is shown meanwhile; empty while all is well."""
    if world.live or (world.age is None and not world.trouble):
        return []
    age = "never connected" if world.age is None else age_text(world.age)
    trouble = world.trouble or "the server does not answer"
    shown = "Shown data is that old" if world.age is not None else "Nothing is shown"
    rest = f"   {shown}; workers run on, actions are disabled, retrying by itself."
    lines = [line(width, (f" ✖ DISCONNECTED {age}  {trouble}", Role.BAD))]
    if world.next_step:
        lines.append(line(width, (f"   next: {world.next_step}", Role.PLAIN)))
    return [*lines, line(width, (rest, Role.MUTED))]
