"""Copies to the clipboard of the terminal that the operator sits at, also through ssh and tmux (OSC 52).

Why it exists: an id, a pid or a statement is wanted in the next window, and the screen may run three machines away, where no
other clipboard is within reach. A terminal says nothing back, so what was sent is said here.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

LONGEST = 74_994
"""Bytes of base64 that terminals take at least (hterm and its kin refuse more)."""
PATIENCE = 2.0
"""Seconds that tmux may take."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What is copied, in words, and the text itself."""

    what: str
    text: str


@runtime_checkable
class Copyable(Protocol):
    """A screen that has something to copy when nothing is selected."""

    def copied(self) -> Copied | None:
        """What y copies here."""


def too_long(text: str) -> bool:
    """Whether terminals would drop it without a word."""
    return len(_encoded(text)) > LONGEST


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def sequence(text: str, environ: Mapping[str, str]) -> str:
    """The escape sequence; wrapped for GNU screen, which passes on only what is wrapped, in short pieces."""
    plain = f"\x1b]52;c;{_encoded(text)}\x07"
    if not environ.get("STY"):
        return plain
    pieces = [plain[start : start + 250] for start in range(0, len(plain), 250)]
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def send(text: str, write: Callable[[str], object], environ: Mapping[str, str]) -> None:
    """Hand ``text`` to the terminal: through tmux, which by default drops what programs send, else by ``write``. Blocks."""
    if not (environ.get("TMUX") and _by_tmux(text, environ)):
        write(sequence(text, environ))


def _by_tmux(text: str, environ: Mapping[str, str]) -> bool:
    command = ["tmux", "load-buffer", "-w", "-"]
    try:
        done = subprocess.run(
            command, input=text.encode("utf-8"), env=dict(environ), capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def told(copied: Copied) -> str:
    """What the operator reads."""
    lines = copied.text.count("\n") + 1
    if lines > 1:
        return f"copied {copied.what}: {lines} lines"
    shown = copied.text if len(copied.text) <= 60 else copied.text[:57] + "..."
    return f"copied {copied.what}: {shown}"
