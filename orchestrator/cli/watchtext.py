"""A watched change on standard output: a few lines that move in a terminal, plain lines in a log, JSON lines for programs.

Why it exists: whoever follows one change wants it among the other lines of the terminal, not instead of them, and a log wants
what happened, not how often it was looked at.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.cli.progress import bar
from orchestrator.cli.statustext import attention, progress
from orchestrator.cli.text import clean, out
from orchestrator.core.status import Status
from orchestrator.watching import Look
from state.model import State, StepStatus

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

EVERY = 5.0
"""Seconds between lines about rows."""


def utc_now() -> datetime:
    """The clock of the lines."""
    return datetime.now(UTC)


class Plain:
    """Tells what happened since the last look, and now and then how far the rows are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = utc_now) -> None:
        self._clock, self._now = clock, now
        self._known: Status | None = None
        self._lost = ""
        self._told_rows = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing to put away."""

    def __call__(self, look: Look) -> None:
        """Take in one look."""
        for words in self._news(look):
            self.say(f"{self._now():%H:%M:%SZ}  {words}")
        self._known, self._lost = look.status, look.lost

    def say(self, line: str) -> None:
        """Print one line."""
        out(line)

    def _news(self, look: Look) -> Iterator[str]:
        if look.lost:
            if not self._lost:
                yield f"? LOST     {clean(look.lost)}; work goes on without us, trying again"
            return
        if self._lost:
            yield f"{attention(look.status)}connected again"
        yield from _steps(self._known, look.status)
        if self._known is None or _headline(self._known) != _headline(look.status):
            yield _headline(look.status)
        yield from self._rows(look.status)

    def _rows(self, status: Status) -> Iterator[str]:
        if status.backfills and status.lease is not None and self._clock() - self._told_rows >= EVERY:
            self._told_rows = self._clock()
            for row in status.progress:
                waits = f"; waits: {clean(row.throttle)}" if row.throttle else ""
                yield f"{attention(status)}{clean(progress(row))}{waits}"


def _headline(status: Status) -> str:
    return f"{attention(status)}{status.state.value}: {clean(status.why)}"


def _steps(before: Status | None, now: Status) -> Iterator[str]:
    if before is None:
        return
    known = {step.ordinal: step.status for step in before.steps}
    for step in now.steps:
        moved = known.get(step.ordinal, step.status) is not step.status
        if moved and step.status in (StepStatus.DONE, StepStatus.UNDONE):
            yield f"{attention(now)}step {step.ordinal} {step.status.value}: {clean(step.description)}"


class Moving(Plain):
    """The same, above a few lines that say where the change stands now."""

    _live: Live

    def __init__(self, until: State, **clocks: Any) -> None:
        super().__init__(**clocks)
        self._until = until

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=sys.stdout), refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._live.stop()

    def __call__(self, look: Look) -> None:
        """Take in one look."""
        super().__call__(look)
        self._live.update(self._frame(look))

    def say(self, line: str) -> None:
        """Print one line above what moves."""
        from rich.text import Text

        self._live.console.print(Text.from_ansi(line))

    def _rows(self, status: Status) -> Iterator[str]:
        """They have a line that moves."""
        return iter(())

    def _frame(self, look: Look) -> RenderableType:
        from rich.text import Text

        status = look.status
        lines = [
            f"{clean(status.change)}  {status.state.value}, watched until {self._until.value}; ctrl+c leaves it running"
        ]
        for row in status.progress:
            filled = bar(row.rows_done, row.rows_total) + " " if row.rows_total else ""
            lines.append(f"  {filled}{clean(progress(row))}")
            lines += [f"  waits: {clean(row.throttle)}"] if row.throttle else []
        lines.append(f"  connection lost: {clean(look.lost)}" if look.lost else f"  {clean(status.why)}")
        return Text("\n".join(lines))


class Json(Plain):
    """One JSON object in a line whenever something but the clock has moved."""

    _last = ""

    def __call__(self, look: Look) -> None:
        """Take in one look."""
        shape = {**look.status.to_json(), "lost": look.lost or None}
        lasting = json.dumps(_without_clock(shape), ensure_ascii=False, default=str)
        if lasting != self._last:
            self._last = lasting
            out(json.dumps({"at": self._now().isoformat(), **shape}, ensure_ascii=False, default=str))


def _without_clock(shape: dict[str, Any]) -> dict[str, Any]:
    lease = shape["lease"]
    return {**shape, "lease": lease and {"owner": lease["owner"], "fence": lease["fence"]}}


def teller(until: State, *, as_json: bool) -> Plain:
    """The one that fits standard output."""
    if as_json:
        return Json()
    return Moving(until) if sys.stdout.isatty() else Plain()
