"""The program in a real (pseudo) terminal: leaving, being told to leave, and losing the terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.config import Config, TargetConfig, load
from orchestrator.core.errors import Invalid
from tui import app, terminal
from tui.child import OwnWorker, settings

ROOT = Path(__file__).parents[2]
MODES_OFF = (b"\x1b[?1049l", b"\x1b[?1000l")


@dataclass
class Program:
    """A program and the other end of its terminal."""

    process: subprocess.Popen[bytes]
    terminal: int
    output: bytes = b""

    def read_until(self, text: bytes, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, f"never came: {text!r} in {self.output[-2000:]!r}"
            self.read(0.1)

    def read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if ready:
            try:
                self.output += os.read(self.terminal, 65536)
            except OSError:
                return

    def finish(self, seconds: float = 10.0) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, "the program did not end"
            self.read(0.02)
        self.read(0.1)
        return self.process.returncode


@contextmanager
def program(**environ: str) -> Iterator[Program]:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(ROOT), **environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.program"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(theirs)
    running = Program(process, ours)
    try:
        running.read_until(b"orders-customer-email")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        try:
            os.close(ours)
        except OSError:
            assert process.returncode is not None


def test_the_first_frame_is_out_before_anything_is_asked() -> None:
    with program(END_IF_ASKED_TOO_EARLY="1") as running:
        assert running.process.poll() is None


def test_q_leaves_with_zero_and_restores_the_terminal() -> None:
    with program() as running:
        os.write(running.terminal, b"q")
        assert running.finish() == 0
        assert all(mode in running.output for mode in MODES_OFF)


def test_q_leaves_at_once_with_a_call_in_flight() -> None:
    with program(HANG_AFTER_START="1") as running:
        time.sleep(0.7)
        began = time.monotonic()
        os.write(running.terminal, b"q")
        assert running.finish() == 0
        assert time.monotonic() - began < 1.5


def test_sigterm_restores_the_terminal() -> None:
    with program() as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.finish() == 128 + signal.SIGTERM
        assert all(mode in running.output for mode in MODES_OFF)


def test_the_mouse_is_left_alone_when_it_should_be() -> None:
    for environ, taken in (({"NO_MOUSE": "1"}, False), ({"NO_MOUSE": ""}, True)):
        with program(**environ) as running:
            assert (b"\x1b[?1000h" in running.output) is taken


def test_a_lost_terminal_ends_the_program() -> None:
    with program() as running:
        os.close(running.terminal)
        assert running.process.wait(10) != 0


def test_without_a_terminal_it_refuses_and_names_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115 - given back at the end
    target = TargetConfig("shop", "postgresql://nowhere/shop")
    try:
        with pytest.raises(Invalid, match="needs a terminal"):
            app.run(Config(target.url, {"shop": target}))
    finally:
        sys.stdin.close()


def test_ascii_is_asked_for_or_forced_by_the_encoding() -> None:
    assert terminal.wants_ascii({"ORCH_ASCII": "1"}, "utf-8")
    assert not terminal.wants_ascii({"ORCH_ASCII": "0"}, "UTF-8")
    assert not terminal.wants_ascii({}, "utf8")
    assert terminal.wants_ascii({}, "iso8859-1")
    assert terminal.wants_ascii({}, None)


def test_an_own_worker_gets_our_configuration_and_no_secret_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCH_URL", "postgresql://elsewhere/db")
    targets = {
        "shop": TargetConfig("shop", "postgresql://u:s3cret@h/shop", ("postgresql://r/shop",)),
        "b-2": TargetConfig("b-2", "postgresql://h/b", rehearse_from=7),
    }
    config = Config("postgresql://u:s3cret@h/registry", targets)
    text, environ = settings(config)
    file = tmp_path / "orch.toml"
    file.write_text(text)
    assert "s3cret" not in text
    assert load(file, environ) == config


def test_only_the_worker_started_here_is_stopped_and_its_end_is_told(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    worker = OwnWorker(sleeper, dict(os.environ), tmp_path)
    assert worker.news() == ""
    worker.stop()
    end = time.monotonic() + 10
    while _lives(worker.pid):
        assert time.monotonic() < end
        time.sleep(0.02)
    brief = OwnWorker([sys.executable, "-c", "import sys; sys.exit(2)"], dict(os.environ), tmp_path)
    while not (told := brief.news()):
        time.sleep(0.02)
    assert "exit 2" in told
    assert str(brief.log) in told
    assert brief.news() == ""


def _lives(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
