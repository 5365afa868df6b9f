"""The first frame: there at once, and gone again whatever happens before the screens have the terminal."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.core.errors import Invalid
from tui import first

ROOT = Path(__file__).parents[2]
HEAVY = ("textual", "psycopg", "sqlalchemy", "asyncio", "rich")


def test_it_loads_nothing_heavy() -> None:
    code = f"import sys, tui.first, tui.deferred; sys.exit(bool(set({HEAVY!r}) & sys.modules.keys()))"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0


def test_it_says_that_nothing_is_known_yet() -> None:
    terminal = io.StringIO()
    with first.frame(terminal):
        assert "not connected yet" in terminal.getvalue()
        assert terminal.getvalue().startswith("\x1b[?1049h")
    assert "\x1b[?1049l" not in terminal.getvalue()  # the screens, which took it over, gave it back


def test_what_fails_before_the_screens_gives_the_terminal_back() -> None:
    terminal = io.StringIO()
    with pytest.raises(Invalid), first.frame(terminal):
        raise Invalid("a theme that nobody knows", "choose another")
    assert terminal.getvalue().endswith("\x1b[?1049l\x1b[?25h")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_screens_gives_the_terminal_back(number: signal.Signals) -> None:
    terminal, before = io.StringIO(), signal.getsignal(number)
    with pytest.raises(SystemExit) as left, first.frame(terminal):
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 1)
    assert left.value.code == 128 + number
    assert terminal.getvalue().endswith("\x1b[?1049l\x1b[?25h")
    assert signal.getsignal(number) == before
