"""The terminal this screen lives in: is there one, is it still there, and who told us to leave.

Why it exists: Textual spins at full load once its terminal is gone, and a SIGTERM would leave the alternate screen and the
mouse reporting on. Both end in a clean exit here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from orchestrator.core.errors import Invalid


def require() -> None:
    """Raise Invalid unless a person can see and type."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise Invalid(
            "the terminal UI needs a terminal on stdin, stdout and stderr",
            "in a pipeline use orch status --json and orch advance",
        )


def lost(descriptor: int = 0) -> bool:
    """Whether the terminal hung up. Reads nothing."""
    if not os.isatty(descriptor):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    return any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll(0))


def on_signals(leave: Callable[[int], None]) -> None:
    """Call ``leave`` with the exit code when told to stop. Call from the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(number, leave, 128 + number)


def leave(code: int) -> NoReturn:
    """End the process now: nothing is left to be done, and taking down the libraries takes longer than people wait."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def wants_ascii(environ: Mapping[str, str], encoding: str | None) -> bool:
    """Whether to draw in ASCII: when asked to, or when the terminal cannot be written to in UTF-8."""
    if environ.get("ORCH_ASCII", "") not in ("", "0"):
        return True
    return (encoding or "ascii").lower().replace("-", "").replace("_", "") != "utf8"
