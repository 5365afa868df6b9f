"""``make bench-tui``: what the terminal UI costs and how quickly it answers, over a thousand changes of which a hundred move.

Why it exists: a screen that takes a core, floods an ssh line or sticks while the database is slow is closed, and then nobody
looks. The program runs in a terminal of its own over a real registry. Prints a table, writes JSON beside it; exit 1 beyond a bar.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from orchestrator import embedded
from tests.bench.fleet import CHANGES, MOVING, fill, moving

SECONDS = float(os.environ.get("ORCH_BENCH_SECONDS", "20"))
ROUNDS = int(os.environ.get("ORCH_BENCH_ROUNDS", "5"))
SIZE = (160, 50)
OUT = Path("bench-tui.json")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    """One line of the table; the median is held against the bar."""

    name: str
    unit: str
    bar: float
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    def line(self) -> str:
        """For the table."""
        verdict = "ok" if self.median <= self.bar else "OVER"
        spread = f"({min(self.rounds):.1f} to {max(self.rounds):.1f})"
        return f"{self.name:<58} {self.median:8.1f} {self.unit:<5} {spread:<20} bar {self.bar:<7.0f} {verdict}"


class Terminal:
    """The program in a pseudo terminal, with everything that it writes counted as it comes."""

    def __init__(self, url: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        environ = {**os.environ, "ORCH_URL": url, "TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": ""}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cli.main", "tui"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
            start_new_session=True,
        )
        os.close(theirs)
        self.output = bytearray()

    def read(self, seconds: float) -> None:
        """Take in what comes within that time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._ours], [], [], left)[0] and not self._take():
                return

    def _take(self) -> bool:
        try:
            chunk = os.read(self._ours, 1 << 16)
        except OSError:
            return False
        self.output += chunk
        return bool(chunk)

    def until(self, text: bytes, seconds: float = 30.0) -> float:
        """Seconds until the program writes ``text``, from now. Raises TimeoutError."""
        began, start = time.perf_counter(), len(self.output)
        while text not in self.output[max(0, start - len(text)) :]:
            if time.perf_counter() - began > seconds:
                raise TimeoutError(f"{text!r} did not come: {bytes(self.output[-600:])!r}")
            if select.select([self._ours], [], [], 0.05)[0]:
                self._take()
        return time.perf_counter() - began

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._ours, key)

    def processor(self) -> float:
        """Seconds of processor that the program took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def leave(self) -> float:
        """Seconds from q to the end of the program."""
        began = time.perf_counter()
        self.press(b"q")
        while self.process.poll() is None:
            if select.select([self._ours], [], [], 0.002)[0]:
                self._take()
            if time.perf_counter() - began > 30:
                raise TimeoutError("q did not end the program")
        return time.perf_counter() - began

    def close(self) -> None:
        """Whatever became of it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)


@contextmanager
def screen(url: str) -> Iterator[Terminal]:
    """The program, ended afterwards."""
    terminal = Terminal(url)
    try:
        yield terminal
    finally:
        terminal.close()


@contextmanager
def slow(url: str) -> Iterator[None]:
    """Meanwhile every answer takes two seconds, over and over."""
    over = threading.Event()

    def hold() -> None:
        with psycopg.connect(url) as link:
            while not over.is_set():
                link.execute("LOCK TABLE orch.change IN ACCESS EXCLUSIVE MODE")
                over.wait(2.0)
                link.rollback()
                over.wait(0.02)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()


def keys(terminal: Terminal, rounds: int = 20) -> list[float]:
    """Milliseconds from a key to what it shows: the cursor goes down, and rows are painted that nothing else would move."""
    found = []
    terminal.read(1.0)
    for _ in range(rounds):
        terminal.read(0.17)
        terminal.press(b"j")
        found.append(1000 * terminal.until(b"-bigint"))
    return found


def starts(url: str) -> list[Figure]:
    """From the command to the first frame and the first data, and from q to the shell."""
    frames, data, ends = [], [], []
    for _ in range(ROUNDS):
        with screen(url) as terminal:
            terminal.until(b"orch")
            frames.append(time.perf_counter() - terminal.began)
            terminal.until(b"orders-")
            data.append(time.perf_counter() - terminal.began)
            with slow(url):
                terminal.read(1.0)
                ends.append(terminal.leave())
    return [
        Figure("first frame", "ms", 500, tuple(1000 * each for each in frames)),
        Figure("first data", "ms", 1200, tuple(1000 * each for each in data)),
        Figure("leaving with a query in flight", "ms", 300, tuple(1000 * each for each in ends)),
    ]


def steady(url: str) -> list[Figure]:
    """Processor and output while nobody touches a key."""
    shares, rates = [], []
    with moving(url), screen(url) as terminal:
        terminal.until(b"orders-")
        for key in b"/run\r":  # every row on the screen moves
            terminal.press(bytes([key]))
            terminal.read(0.3)
        terminal.read(5.0)
        for _ in range(max(1, ROUNDS // 2)):
            before, start, began = terminal.processor(), len(terminal.output), time.perf_counter()
            terminal.read(SECONDS)
            took = time.perf_counter() - began
            shares.append(100 * (terminal.processor() - before) / took)
            rates.append((len(terminal.output) - start) / took / 1000)
    return [
        Figure("processor, share of one core", "%", 8, tuple(shares)),
        Figure("to the terminal", "KB/s", 40, tuple(rates)),
    ]


def answers(url: str) -> list[Figure]:
    """A key, while all is well and while every answer takes two seconds."""
    with moving(url), screen(url) as terminal:
        terminal.until(b"orders-")
        well = keys(terminal)
        with slow(url):
            terminal.read(1.0)
            held = keys(terminal)
    return [
        Figure("a key answers", "ms", 50, tuple(well)),
        Figure("a key answers, database slow (2 s)", "ms", 50, tuple(held)),
    ]


def gone(server: embedded.Server, url: str) -> list[Figure]:
    """A key, when the database is no longer there. Ends the server."""
    with screen(url) as terminal:
        terminal.until(b"orders-")
        embedded.stop(server)
        terminal.until(b"DISCONNECTED", 60)
        return [Figure("a key answers, database gone", "ms", 50, tuple(keys(terminal)))]


def main() -> int:
    """Measure, print, write."""
    with embedded.running() as server:
        url = embedded.create_database(server, "shop")
        fill(url)
        figures = [*steady(url), *answers(url), *starts(url), *gone(server, url)]
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores (times mean little above one a core)"
    print(f"terminal UI, {CHANGES} changes, {MOVING} moving, {SIZE[0]}x{SIZE[1]}; {load}")  # noqa: T201
    for figure in figures:
        print(figure.line())  # noqa: T201
    OUT.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", "utf-8")
    return int(any(figure.median > figure.bar for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
