"""The Fleet as lines: what needs a person first, and why each change does not move.

Why it exists: the list, the side pane and the detail screen must never disagree, so all of them are made here from the
same Status values, without Textual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.core.locks import TargetLocks
from orchestrator.core.status import Attention, Status
from orchestrator.core.view import Identity
from state.machine import GATE_AHEAD
from state.model import Phase, State, StepStatus
from tui.backfillmodel import Rates
from tui.line import Line, Role, Span, line, pad
from tui.numbers import bar, eta_text, fraction, percent_text, rate_text
from tui.rows import Rows

GLYPHS: dict[Attention, tuple[str, Role]] = {
    Attention.GATE: ("‖", Role.WARN),
    Attention.FAILED: ("✖", Role.BAD),
    Attention.BLOCKED: ("✖", Role.BAD),
    Attention.THROTTLE: ("◷", Role.WARN),
    Attention.PAUSED: ("■", Role.WARN),
    Attention.RUN: ("▶", Role.MOVE),
    Attention.QUEUED: ("◌", Role.MUTED),
    Attention.DONE: ("✔", Role.GOOD),
}
WITH_REASON = 36
"""Cells that bar, percentage and the reason of a throttle need side by side."""
_ORDER = {attention: rank for rank, attention in enumerate(Attention)}
_MOVING = (Attention.RUN, Attention.THROTTLE, Attention.BLOCKED)
_DONE_PHASES = {
    State.PLANNED: 0,
    State.EXPANDING: 0,
    State.EXPANDED: 1,
    State.BACKFILLING: 1,
    State.BACKFILLED: 2,
    State.SWITCHING: 2,
    State.UNSWITCHING: 2,
    State.SWITCHED: 3,
    State.CONTRACTING: 3,
    State.UNDOING: 3,
    State.PURGING: 3,
    State.CONTRACTED: 4,
    State.COMPLETED: 4,
}


@dataclass(frozen=True, slots=True)
class Locks:
    """What was seen last on each target, and how many seconds ago."""

    targets: tuple[TargetLocks, ...]
    age: float

    @property
    def waiting(self) -> int:
        """How many sessions wait."""
        return sum(len(target.waiting) for target in self.targets)


@dataclass(frozen=True, slots=True)
class World:
    """All that was read last, how old it is, and what went wrong since. ``age`` is None before the first answer."""

    now: datetime
    statuses: tuple[Status, ...] = ()
    identity: Identity | None = None
    age: float | None = None
    trouble: str = ""
    next_step: str = ""
    busy: str = ""
    read_only: bool = False
    limit: float = field(default=5.0)
    locks: Locks | None = None
    rates: Rates = field(default_factory=Rates)

    @property
    def live(self) -> bool:
        """Whether what is shown is fresh enough to act on."""
        return self.age is not None and not self.trouble and self.age < self.limit

    def find(self, change: str) -> Status | None:
        """The Status of ``change`` as last read."""
        return next((status for status in self.statuses if status.change == change), None)


def ordered(statuses: Sequence[Status], wanted: str = "") -> list[Status]:
    """Sorted by attention, then by id; only those in which every word of ``wanted`` occurs."""
    words = wanted.lower().split()
    kept = [s for s in statuses if all(word in _searchable(s) for word in words)]
    return sorted(kept, key=lambda s: (_ORDER[s.attention], s.change))


def _searchable(status: Status) -> str:
    return " ".join((status.change, status.title, status.target, status.state, status.attention)).lower()


def glyph(status: Status, live: bool = True) -> Span:
    """The glyph of the STATE column; what moves is unknown while nothing is heard."""
    if not live and status.attention in _MOVING:
        return "?", Role.MUTED
    if status.state is State.ABORTED:
        return "◌", Role.MUTED
    return GLYPHS[status.attention]


def phase_marks(status: Status) -> list[tuple[Phase, str, Role]]:
    """One mark for each Phase, in order."""
    if status.state in (State.ABORTING, State.ABORTED):
        return [(phase, *_undone_mark(status, phase)) for phase in Phase]
    done = _DONE_PHASES[status.state]
    here = GLYPHS[status.attention]
    if status.attention is Attention.QUEUED and status.state in GATE_AHEAD:
        here = ("·", Role.MUTED)
    return [(phase, *_mark(rank, done, here)) for rank, phase in enumerate(Phase)]


def _mark(rank: int, done: int, here: tuple[str, Role]) -> tuple[str, Role]:
    if rank < done:
        return "✔", Role.GOOD
    return here if rank == done else ("·", Role.MUTED)


def _undone_mark(status: Status, phase: Phase) -> tuple[str, Role]:
    reached = {s.status for s in status.steps if s.phase == phase} - {StepStatus.PENDING}
    if not reached:
        return "·", Role.MUTED
    if reached == {StepStatus.UNDONE}:
        return "◌", Role.MUTED
    return GLYPHS[status.attention]


def share_of(status: Status) -> float | None:
    """How much of the backfill is done, while there is one and its size is known."""
    if status.state is not State.BACKFILLING or not status.backfills:
        return None
    totals = [b.rows_total for b in status.backfills]
    known = [total for total in totals if total is not None]
    if len(known) < len(totals):
        return None
    return fraction(sum(b.rows_done for b in status.backfills), sum(known))


def throttle_of(status: Status) -> str:
    """Why the backfill waits, or nothing."""
    return "; ".join(b.throttle for b in status.backfills if b.throttle)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a width has room for."""

    change: int
    phases: bool
    numbers: bool


def columns(width: int) -> Columns:
    """Below 80 cells rate and ETA go, below 50 the phases."""
    if width < 40:
        return Columns(max(width - 12, 8), False, False)
    if width < 79:
        return Columns(18, width >= 50, False)
    return Columns(min(22 + max(width - 80, 0) // 4, 40), True, True)


def heading(width: int) -> Line:
    """The names of the columns."""
    shape = columns(width)
    text = f"   {'STATE':<9}{pad('CHANGE', shape.change)} "
    if shape.phases:
        text += f"{'PHASES':<12}"
    numbers = f"{'RATE':>9}{'ETA':>7}" if shape.numbers else ""
    room = width - len(text) - len(numbers)
    return line(width, (text + pad("PROGRESS / WHY", room) + numbers, Role.MUTED))


def row(status: Status, width: int, live: bool = True) -> Line:
    """One change: STATE as glyph and word, CHANGE, PHASES, then progress or the reason why it does not move."""
    shape = columns(width)
    mark, role = glyph(status, live)
    spans: list[Span] = [(f" {mark} ", role), (pad(status.attention.value, 9), role)]
    spans.append((pad(elided(status.change, shape.change), shape.change) + " ", Role.PLAIN))
    if shape.phases:
        spans += [(f"{p.value[0].upper()}{m} ", r) for p, m, r in phase_marks(status)]
    room = width - sum(len(pad(text, len(text))) for text, _ in spans)
    return line(width, *spans, *_progress(status, room, shape.numbers, live))


def elided(change: str, width: int) -> str:
    """An id that is too long loses its middle, since ids tend to differ at their ends."""
    if len(change) <= width or width < 8:
        return change
    tail = (width - 2) // 3
    return f"{change[: width - 2 - tail]}..{change[-tail:]}"


def _progress(status: Status, room: int, numbers: bool, live: bool) -> list[Span]:
    moves = status.attention in (Attention.RUN, Attention.THROTTLE)
    if status.state is not State.BACKFILLING or not status.backfills or not moves:
        return _why(status)
    tail = _numbers(status, live) if numbers else ""
    if throttle_of(status) and room - len(tail) < WITH_REASON:
        tail = tail[-7:]  # the reason says more than the rate
    return [*_done(status, room - len(tail)), (tail, Role.PLAIN)]


def _why(status: Status) -> list[Span]:
    share = share_of(status)
    lead = f"{percent_text(share)} " if share is not None else ""
    bad = status.attention in (Attention.FAILED, Attention.BLOCKED)
    return [(lead, Role.PLAIN), (status.why, Role.BAD if bad else Role.PLAIN)]


def _done(status: Status, room: int) -> list[Span]:
    share, reason = share_of(status), throttle_of(status)
    if share is None:
        rows = sum(b.rows_done for b in status.backfills)
        return [(pad(f"{rows:,} rows  {reason}", room), Role.PLAIN)]
    percent = f"{percent_text(share):>6}"
    if reason and room < WITH_REASON:
        return [(percent.strip() + " ", Role.PLAIN), (pad(reason, room - 6), Role.WARN)]
    meter = bar(share, 16 if room >= 44 and not reason else 8)
    rest = pad(f"  {reason}", room - len(meter) - len(percent))
    return [(meter, Role.MOVE), (percent, Role.PLAIN), (rest, Role.WARN)]


def _numbers(status: Status, live: bool) -> str:
    if not live:
        return f"{'-':>9}{'-':>7}"
    rates = [b.rows_per_second for b in status.backfills if b.rows_per_second is not None]
    etas = [b.eta_seconds for b in status.backfills if b.eta_seconds is not None]
    rate, eta = sum(rates) if rates else None, max(etas, default=None)
    return f"{pad(rate_text(rate), 9, right=True)}{pad(eta_text(eta), 7, right=True)}"


def fleet_lines(world: World, width: int, wanted: str = "", shown: Sequence[Status] | None = None) -> Sequence[Line]:
    """All rows of the Fleet; when there is none, what to do about it. ``shown`` is the order, where it is known already."""
    rows = ordered(world.statuses, wanted) if shown is None else shown
    if rows:
        return Rows(len(rows), lambda y: row(rows[y], width, world.live))
    if world.age is None:
        text = "Reading the registry."
    elif wanted:
        text = f"No change matches the filter: {wanted}"
    else:
        text = "No change is known yet. Submit one with: orch submit FILE"
    return [line(width, (f"   {text}", Role.MUTED))]
