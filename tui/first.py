"""The first frame: painted before anything heavy is loaded, and painted over by the screens.

Why it exists: Textual takes as long to load as a person takes to wonder whether the key was pressed. It says only what is known
by then, which is nothing, and that much is true.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

_LINES = (" orch  not connected yet  NO DATA YET", "", "   Starting. Keys are answered in a moment.")
_PAINT = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H" + "\r\n".join(_LINES)
_GIVE_BACK = "\x1b[?1049l\x1b[?25h"


@contextmanager
def frame(terminal: TextIO | None = None) -> Iterator[None]:
    """Paint it. Whatever goes wrong before the screens have the terminal, a signal too, gives the terminal back."""
    stream = terminal or sys.stdout
    before = {number: signal.signal(number, _told_to_leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    stream.write(_PAINT)
    stream.flush()
    try:
        yield
    except BaseException:
        stream.write(_GIVE_BACK)
        stream.flush()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told_to_leave(number: int, at: FrameType | None) -> None:
    del at
    sys.exit(128 + number)
