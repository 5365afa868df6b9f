"""Colour, width and progress."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli import text
from orchestrator.cli.progress import EVERY, Moving, Plain, bar, listener, sentence
from orchestrator.cli.statustext import figures
from orchestrator.core.progress import Progress
from tests.cli.fakes import ticking


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text.paint("x", "red") == "x"
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert text.paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert text.paint("x", "") == "x"
    monkeypatch.setenv("TERM", "dumb")
    assert text.paint("x", "red") == "x"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert text.paint("x", "red") == "x"


@given(st.text())
def test_nothing_that_moves_a_cursor_survives(value: str) -> None:
    assert text.clean(value).isprintable()
    assert all(line.isprintable() for line in text.clean_lines(value))
    assert all(line.isprintable() for line in text.wrapped(value, 8, "label"))


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_full_bar_and_a_hundred_percent_mean_done(done: int, total: int) -> None:
    assert ("░" in bar(done, total)) == (done < total)
    assert ("100%" in figures(done, total, None, None)) == (done >= total)


def test_a_sentence_says_how_far_how_fast_how_long_and_why() -> None:
    assert sentence(ticking(rows=500)) == (
        "step 2: orders; 50%, 500 of about 1,000 rows, 500 rows/s, 1m 1s left; waits: replica lag 7s"
    )
    assert sentence(Progress("x", None, "phase", "expand\x1b[1m")) == "expand [1m"
    assert figures(5, None, None, None) == "5 rows"


def test_a_log_gets_a_line_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with Plain(clock=lambda: now) as listen:
        for second in range(100):
            now = second / 10
            listen(ticking(rows=second))
        listen(Progress("x", 2, "step.done", "filled"))
        listen(Progress("x", 2, "backfill", "orders", throttle="another reason"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + int(9.9 // EVERY) + 2
    assert lines[-2:] == ["step 2 done: filled", "step 2: orders; waits: another reason"]


def test_a_terminal_gets_a_line_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    listen = listener()
    assert isinstance(listen, Moving)
    with listen:
        listen(Progress("x", 2, "step.started", "fill"))
        listen(ticking(rows=500))
        time.sleep(0.3)
        listen(Progress("x", 2, "step.done", "filled"))
    shown = terminal.getvalue()
    assert "██████████░░░░░░░░░░" in shown
    assert "step 2 done: filled" in shown
