"""Reads every Signal once a second, beside the batches, and says what they mean together.

Why it exists: a batch must not wait for a reading, and a reading that does not come must stop the batches. So the Signals are
read by a thread of their own, over connections of their own, and what was read carries its age.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from orchestrator.core.catalog import TableName
from orchestrator.core.control import Control
from orchestrator.core.duration import words
from orchestrator.core.errors import OrchError
from orchestrator.core.ports import Reader, Target, TargetError, Watcher
from orchestrator.core.sight import Latency, Sight, Signal
from orchestrator.core.throttle import Pressure, Ruling, ruling
from orchestrator.engine.probe import Probe
from orchestrator.plugins import discover

EVERY = 1.0
"""Seconds from one reading of all signals to the next."""
STALE = 4.0
"""Seconds after which what was read counts as stop: a load that nobody sees must not go unanswered for longer than five."""

FIRST = 5.0
"""Seconds to wait for the first reading before saying that there is none."""
PATIENCE = 3.0
"""Seconds for the thread to end: a little more than a question of it may take."""
_REPLICAS = "replica_read"
"""The Signal for which the replicas are connected to."""

Open = Callable[[], AbstractContextManager[Watcher]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What all signals showed at one moment (monotonic, in seconds); ``number`` counts the readings."""

    at: float
    number: int
    pressures: tuple[Pressure, ...]


@dataclass
class Monitor:
    """The thread that reads, while inside. ``control`` may be replaced at any time; ``open`` gives the session it reads by."""

    target: Target
    table: TableName
    change_id: str
    open: Open
    control: Control
    _reading: Reading | None = None
    _at_work: str = ""
    _began: float = field(default_factory=time.monotonic)
    _wake: threading.Event = field(default_factory=threading.Event)
    _read: threading.Event = field(default_factory=threading.Event)
    _over: bool = False
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name=f"signals {self.change_id}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def hold_to(self, control: Control) -> None:
        """Read by other settings from now on, at once."""
        self.control = control
        self._wake.set()

    def wait_for_first(self) -> None:
        """Return once there is a reading, or after FIRST seconds."""
        self._read.wait(FIRST)

    @property
    def begun(self) -> bool:
        """Whether anything is read at all."""
        return self._thread is not None

    @property
    def number(self) -> int:
        """How many readings there have been."""
        return self._reading.number if self._reading else 0

    def ruling(self) -> Ruling:
        """What was read last, or that it is too old, or that there is nothing yet."""
        now, reading = time.monotonic(), self._reading
        age = now - (reading.at if reading else self._began)
        if age > STALE or reading is None:
            what = f"{self._at_work} does not answer" if self._at_work else "nothing was read yet"
            stale = Pressure("monitor", None, f"no signal was read for {words(age)}: {what}")
            return ruling([stale, *(reading.pressures if reading else ())])
        return ruling(reading.pressures)

    def _run(self) -> None:
        signals: list[Signal] = [kind() for kind in discover("orchestrator.signals").values()]
        while not self._over:
            try:
                self._while_connected(signals)
            except (TargetError, OrchError):
                self._keep(
                    (Pressure("monitor", None, f"the target cannot be read: {self._at_work or 'no connection'}"),)
                )
                self._nap(EVERY)

    def _while_connected(self, signals: list[Signal]) -> None:
        with ExitStack() as stack:
            self._at_work = "connecting to the target"
            watcher = stack.enter_context(self.open())
            probing = stack.enter_context(_Probing(self.target))
            replicas = stack.enter_context(_Replicas(self.target))
            while not self._over:
                self._wake.clear()
                began = time.monotonic()
                self._keep(tuple(self._pressures(signals, watcher, replicas, probing)))
                self._nap(began + EVERY - time.monotonic())

    def _pressures(
        self, signals: list[Signal], watcher: Watcher, replicas: _Replicas, probing: _Probing
    ) -> Iterator[Pressure]:
        for signal in signals:
            self._at_work = signal.name
            sight = Sight(
                watcher,
                self.table,
                self.control,
                self.change_id,
                watcher.version,
                time.monotonic(),
                replicas.readers() if signal.name == _REPLICAS else {},
                probing.seen(self.control),
            )
            told = _told(signal, sight)
            if signal.name == _REPLICAS:
                replicas.judge(told)
            yield from told
        self._at_work = ""

    def _keep(self, pressures: tuple[Pressure, ...]) -> None:
        self._reading = Reading(time.monotonic(), self.number + 1, pressures)
        self._read.set()

    def _nap(self, seconds: float) -> None:
        self._wake.wait(max(0.0, seconds))


def _told(signal: Signal, sight: Sight) -> tuple[Pressure, ...]:
    """What one Signal shows. That it cannot be read is a Pressure; that the connection is lost ends the session."""
    try:
        return tuple(signal.read(sight))
    except TargetError as error:
        if not error.sqlstate or error.sqlstate.startswith(("08", "57P")):
            raise
        missing = "; orch init brings what is missing" if error.sqlstate == "42P01" else ""
        return (Pressure(signal.name, None, f"signal {signal.name} cannot be read [{error.sqlstate}]{missing}"),)


@dataclass
class _Replicas:
    """Readers of the configured replicas; all are connected anew once one could not be read."""

    target: Target
    _open: ExitStack = field(default_factory=ExitStack)
    _found: dict[str, Reader | str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def readers(self) -> dict[str, Reader | str]:
        """By name, the reader of each replica, or why there is none."""
        for name in self.target.replicas:
            if name not in self._found:
                self._found[name] = self._connected(name)
        return dict(self._found)

    def judge(self, pressures: tuple[Pressure, ...]) -> None:
        """Connect anew next time, where one of these says that a replica could not be read."""
        if any(each.scale is None for each in pressures):
            self._open.close()
            self._found.clear()

    def _connected(self, name: str) -> Reader | str:
        try:
            return self._open.enter_context(self.target.replica(name))
        except (TargetError, OrchError):
            return "it cannot be reached"


@dataclass
class _Probing:
    """The probe of the settings as they are now."""

    target: Target
    _open: ExitStack = field(default_factory=ExitStack)
    _probe: Probe | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def seen(self, control: Control) -> Latency | None:
        """What the probe saw lately; begins it where it is asked for, and ends it where it is no longer."""
        if control.probe is None or control.max_latency is None:
            self._open.close()
            self._probe = None
            return None
        if self._probe is None:
            self._probe = self._open.enter_context(Probe(self.target, control.probe))
        return self._probe.seen()
