"""The first frame: painted before anything heavy is loaded, and painted over by the screens.

Why it exists: Textual takes as long to load as a person takes to wonder whether the key was pressed. It says only what is known
by then, which is nothing, and that much is true.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

_LINES = (" orch  not connected yet  NO DATA YET", "", "   Starting. Keys are answered in a moment.")
_PAINT = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H" + "\r\n".join(_LINES)
SETTLED = 3.0
"""Seconds after which all that stays is loaded, and has been shown."""
_GIVE_BACK = "\x1b[?1049l\x1b[?25h"


@contextmanager
def frame(terminal: TextIO | None = None) -> Iterator[None]:
    """Paint it. Whatever goes wrong before the screens have the terminal, a signal too, gives the terminal back."""
    stream = terminal or sys.stdout
    before = {number: signal.signal(number, _told_to_leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    stream.write(_PAINT)
    stream.flush()
    gc.disable()
    settled = threading.Timer(SETTLED, _collect_again)
    settled.daemon = True
    settled.start()
    try:
        yield
    except BaseException:
        stream.write(_GIVE_BACK)
        stream.flush()
        raise
    finally:
        settled.cancel()
        gc.enable()
        for number, handler in before.items():
            signal.signal(number, handler)


def _collect_again() -> None:
    """But not look through what the program is made of: that took a quarter of the start."""
    gc.freeze()
    gc.enable()


def _told_to_leave(number: int, at: FrameType | None) -> None:
    del at
    sys.exit(128 + number)
