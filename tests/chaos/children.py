"""Workers as processes of their own, forked from a clean one, that can be killed, frozen and revived."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import OrchError
from orchestrator.plugins import discover
from orchestrator.service import Service
from orchestrator.worker import Sweeper
from tests.chaos import points

_context = multiprocessing.get_context("forkserver")
CRASHED = 70
"""The exit code for an error that orch has no words for: always a fault."""
LEASE = 1.5
"""Seconds of a lease; short, since whoever follows a dead worker waits for its end."""
END = 60.0
"""Seconds after which a worker that neither ends nor dies is a fault."""


@dataclass(frozen=True)
class Order:
    """What a worker shall do. ``end``: how it may end at a named point, as likely as ``eager`` says."""

    registry: str
    target: str
    change: str
    sweeps: bool = False
    end: points.End | None = None
    eager: dict[str, float] = field(default_factory=dict)
    seed: str = ""


def service(registry: str, target: str, client: str = "cli") -> Service:
    """A service as a pipeline has one."""
    return Service(Config(registry, {"t": TargetConfig("t", target)}), client=client, lease_seconds=LEASE)


def prepare() -> None:
    """Start the clean process and let it import everything, so that each worker starts at once."""
    _context.set_forkserver_preload(
        [__name__, "orchestrator.advancing", "orchestrator.gates", "orchestrator.engine.runner"]
    )
    child = _context.Process(target=_warm)
    child.start()
    child.join()


def end_all() -> None:
    """Kill whoever is left; a frozen one would let nobody leave."""
    for process in multiprocessing.active_children():
        process.kill()


def _warm() -> None:
    pass


def _work(order: Order, say: Connection) -> None:
    """The life of a worker. Exits as the CLI would."""
    faulthandler.register(signal.SIGUSR1)
    for room in ("orchestrator.checks", "orchestrator.signals", "orchestrator.operations"):
        discover(room)
    passed = Counter[str]()

    def tell(kind: str, text: str) -> None:
        say.send((kind, text, dict(passed)))

    if order.end is not None:
        points.arm(order.end, order.eager, order.seed, lambda point: tell("at", point), passed)
    code, words = 0, ""
    try:
        with service(order.registry, order.target, "worker" if order.sweeps else "cli") as doors:
            if order.sweeps:
                Sweeper(doors, say=lambda text: tell("said", text)).sweep()
            else:
                doors.advance(order.change)
    except OrchError as error:
        code, words = error.exit_code, f"{type(error).__name__}: {error.message}"
    except BaseException:
        code, words = CRASHED, traceback.format_exc()
    tell("said", words)
    os._exit(code)


class Child:
    """One worker.

    ``struck`` is the point at which it was killed or frozen, ``words`` what it said at last, ``passed`` the points it came to.
    """

    def __init__(self, order: Order) -> None:
        self.struck = ""
        self.words = ""
        self.passed: dict[str, int] = {}
        self._hear, say = _context.Pipe(duplex=False)
        self._process: Any = _context.Process(target=_work, args=(order, say), daemon=True)
        self._process.start()
        say.close()

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it lives."""
        code: int | None = self._process.exitcode
        return code

    def kill(self) -> bool:
        """SIGKILL; whether it was alive until then."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(END)
        return bool(self.code == -signal.SIGKILL)

    def explain(self) -> None:
        """Let it write to stderr what each of its threads is at."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGUSR1)
        time.sleep(0.5)

    def freeze(self) -> bool:
        """SIGSTOP; whether it is alive."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGSTOP)
        return self.code is None

    def revive(self) -> None:
        """SIGCONT."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGCONT)

    def rest(self, seconds: float = END, *, until_struck: bool = False) -> bool:
        """Wait until it ends (or is struck); whether it did within ``seconds``."""
        while wait([self._hear, self._process.sentinel], seconds):
            if not self._heard():
                self._process.join(END)
                return True
            if until_struck and self.struck:
                return True
        return False

    def _heard(self) -> bool:
        """Take what it says; False once it has nothing more to say."""
        try:
            if not self._hear.poll() and not self._process.is_alive():
                return False
            kind, text, self.passed = self._hear.recv()
        except (EOFError, OSError):
            return False
        if kind == "at":
            self.struck = text
        else:
            self.words = text or self.words
        return True
