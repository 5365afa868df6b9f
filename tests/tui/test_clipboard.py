"""What y copies, what goes to the terminal, and what arrives in a real tmux."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running, until_text
from tests.tui.test_terminal import ROOT, program
from tui.clipboard import LONGEST, Copied, send, sequence, told, too_long
from tui.detail import DetailScreen
from tui.fleet import FleetList
from tui.line import text_of
from tui.lines import LineView


@given(st.text(st.characters(codec="utf-8")))
def test_the_sequence_carries_the_text_and_nothing_else(text: str) -> None:
    made = sequence(text, {})
    head, _, rest = made.partition(";c;")
    assert head == "\x1b]52"
    assert base64.b64decode(rest.removesuffix("\x07")).decode() == text
    wrapped = sequence(text, {"STY": "1.pts"})
    assert "".join(re.findall("\x1bP(.*?)\x1b\\\\", wrapped, re.DOTALL)) == made


def test_the_limit_is_of_what_is_sent() -> None:
    most = LONGEST // 4 * 3
    assert not too_long("x" * most)
    assert too_long("x" * (most + 1))


def test_without_a_tmux_that_answers_the_terminal_is_written_to(tmp_path: Path) -> None:
    for environ in (
        {},
        {"TMUX": "/nowhere,1,0", "PATH": str(tmp_path)},
        {"TMUX": "/nowhere,1,0", "PATH": os.environ["PATH"]},
    ):
        written: list[str] = []
        send("x", written.append, environ)
        assert written == [sequence("x", {})]


def test_what_was_copied_is_said_in_one_line() -> None:
    assert told(Copied("the id", "orders")) == "copied the id: orders"
    assert told(Copied("the SQL", "a\nb")) == "copied the SQL: 2 lines"
    assert len(told(Copied("the id", "x" * 500))) < 80


@piloted
async def test_y_copies_the_id_the_sql_or_what_is_selected() -> None:
    async with running(FakeService(), (120, 40)) as (app, pilot):
        await pilot.press("j", "y")
        chosen = app.screen.query_one(FleetList).selected
        await until_text(pilot, app, f"copied the id: {chosen}")
        await pilot.press("v")
        await until_text(pilot, app, "ALTER TABLE")
        await pilot.press("y")
        await until_text(pilot, app, "copied the SQL: ALTER TABLE")
        await pilot.press("escape", "enter")
        assert isinstance(app.screen, DetailScreen)
        view = app.screen.query_one("#detail", LineView)
        expected = text_of(view._lines[0])[1:8]
        await pilot.mouse_down(view, offset=(1, 0))
        await pilot.hover(view, offset=(7, 0))
        await pilot.mouse_up(view, offset=(7, 0))
        assert app.screen.get_selected_text() == expected
        marked = view.render_line(0).crop(1, 8)
        assert {segment.style.bgcolor for segment in marked if segment.style} != {
            segment.style.bgcolor for segment in view.render_line(0).crop(20, 30) if segment.style
        }
        await pilot.press("y")
        await until_text(pilot, app, f"copied the selected text: {expected.rstrip()}")


@piloted
async def test_nothing_to_copy_and_too_much_are_said() -> None:
    async with running(FakeService([])) as (app, pilot):
        await pilot.press("y")
        await until_text(pilot, app, "nothing is selected")
        app.screen.copied = lambda: Copied("the SQL", "x" * 80_000)  # type: ignore[attr-defined]
        await pilot.press("y")
        await until_text(pilot, app, "is too long")


def test_the_terminal_gets_the_sequence() -> None:
    with program(TMUX="", STY="") as running_:
        os.write(running_.terminal, b"y")
        running_.read_until(b"\x1b]52;c;")
        running_.read_until(b"\x07")
        sent = running_.output.split(b"\x1b]52;c;")[1].split(b"\x07")[0]
        assert base64.b64decode(sent) == b"orders-customer-email"


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A tmux of the test's own, with the defaults of tmux."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux on this machine")
    base = ["tmux", "-S", str(tmp_path / "socket"), "-f", os.devnull]

    def run(*arguments: str) -> str:
        return subprocess.run([*base, *arguments], capture_output=True, text=True, check=True).stdout

    yield run
    subprocess.run([*base, "kill-server"], capture_output=True, check=False)


def test_in_tmux_the_id_arrives_in_its_buffer(tmux: Callable[..., str]) -> None:
    command = f"cd '{ROOT}' && PYTHONPATH='{ROOT}' exec '{sys.executable}' -m tests.tui.program"
    tmux("new-session", "-d", "-x", "100", "-y", "30", command)
    end = time.monotonic() + 30
    while "orders-customer-email" not in tmux("capture-pane", "-p"):
        assert time.monotonic() < end
        time.sleep(0.1)
    tmux("send-keys", "y")
    while "copied the id" not in tmux("capture-pane", "-p"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert tmux("show-buffer") == "orders-customer-email"
