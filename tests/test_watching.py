"""Following one change: arriving, giving up, losing the connection; first with a clock of the test's own, then for real."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from orchestrator.core.errors import Blocked, Busy, Invalid, OrchError, Unreachable, Waiting
from orchestrator.core.status import Status
from orchestrator.watching import Look, answer, watch
from state.model import State, StepStatus
from tests.service.world import World
from tests.tui.fakes import status, step

S = State
LOST = Unreachable("the connection to the registry was lost", "orch doctor")
FAILED = status("c", S.EXPANDING, steps=(step(2, "expand", "add", status=StepStatus.RUNNING, error="disk full"),))


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def told(*answers: Status | OrchError, until: State = S.COMPLETED, timeout: float | None = None) -> list[Look]:
    """The looks at these answers, of which the last is repeated for ever."""
    given: Iterator[Status | OrchError] = iter(answers)
    time_, last = Time(), answers[-1]

    def read() -> Status:
        found = next(given, last)
        if isinstance(found, OrchError):
            raise found
        return found

    return list(watch(read, until, timeout, clock=time_.clock, sleep=time_.sleep))


def test_it_ends_where_it_was_to_arrive_or_further_on() -> None:
    looks = told(status("c", S.PLANNED), status("c", S.EXPANDING), status("c", S.BACKFILLED), until=S.EXPANDED)
    assert [look.status.state for look in looks] == [S.PLANNED, S.EXPANDING, S.BACKFILLED]


def test_an_abort_ends_the_wait_for_anything_else() -> None:
    with pytest.raises(Blocked, match="never switched again"):
        told(status("c", S.EXPANDED), status("c", S.ABORTING), until=S.SWITCHED)
    assert told(status("c", S.ABORTING), status("c", S.ABORTED), until=S.ABORTED)[-1].status.state is S.ABORTED


def test_a_failed_step_ends_it_unless_somebody_tries_again_in_time() -> None:
    with pytest.raises(Blocked, match="disk full"):
        told(FAILED)
    looks = told(*[FAILED] * 8, status("c", S.EXPANDED), *[FAILED] * 8, status("c", S.COMPLETED))
    assert len(looks) == 18, "twice eight seconds of trouble are not ten"


def test_lost_connections_are_told_and_outlived() -> None:
    moved = status("c", S.COMPLETED)
    looks = told(status("c", S.PLANNED), LOST, Busy("the registry did not answer in time", ""), moved)
    assert [look.lost for look in looks] == ["", LOST.message, "the registry did not answer in time", ""]
    assert looks[1].status.state is S.PLANNED, "what is shown meanwhile is what was known"


def test_what_is_lost_is_not_taken_for_trouble() -> None:
    assert len(told(FAILED, *[LOST] * 60, status("c", S.COMPLETED))) == 62


def test_a_first_look_that_fails_is_an_error_at_once() -> None:
    with pytest.raises(Unreachable):
        told(LOST)
    with pytest.raises(Invalid):
        told(status("c", S.PLANNED), Invalid("there is no change c", "orch status"))


def test_patience_ends_with_what_is_missing() -> None:
    with pytest.raises(Waiting, match="is planned after 30s, not completed yet"):
        told(status("c", S.PLANNED), timeout=30)
    with pytest.raises(Unreachable):
        told(status("c", S.PLANNED), LOST, timeout=30)


def test_a_server_that_answers_nothing_is_left_behind() -> None:
    stuck = threading.Event()

    def read() -> Status:
        stuck.wait(30)
        raise AssertionError

    began = time.monotonic()
    try:
        with pytest.raises(Unreachable, match="has not answered"):
            answer(read, 0.1)
    finally:
        stuck.set()
    assert time.monotonic() - began < 5


# -- the program over a real database --------------------------------------------------------------------------------

ADD = "add_column: {table: orders, column: remark, type: text}"


def orch(world: World, *arguments: str, **streams: int) -> subprocess.Popen[str]:
    environ = {**os.environ, "ORCH_URL": world.url, "COLUMNS": "100", "TERM": "xterm-256color", "NO_COLOR": ""}
    program = [sys.executable, "-m", "orchestrator.cli.main", "watch", "change", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen(program, env=environ, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline()


def everything(terminal: int) -> bytes:
    """What a program writes to its terminal until it ends."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            return shown


def test_the_program_outlives_terminated_backends_and_tells_each_thing_once(world: World) -> None:
    world.submit(ADD)
    running = orch(world, "--until", "expanded")
    first = first_line(running)
    world.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orch-cli'"
        " AND datname = current_database()"
    )
    world.service.approve("change")
    world.service.advance("change")
    out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    lines = [line.split("Z  ", 1)[1] for line in (first + out).splitlines()]
    assert "planned: " in lines[0]
    assert any("step 1 done: " in line for line in lines)
    # The change passes through expanded on its way to completed; a slow program sees it there.
    assert any("completed: " in line or "expanded: " in line for line in lines), out
    assert len(lines) == len(set(lines)), out
    assert "\x1b" not in out


def test_json_lines_are_the_read_model_and_an_abort_ends_in_four(world: World) -> None:
    world.submit(ADD)
    running = orch(world, "--until", "switched", "--json")
    first = first_line(running)
    world.service.abort("change", reason="not today")
    out, err = running.communicate(timeout=30)
    assert running.returncode == 4
    assert "never switched again" in err
    assert "orch audit change" in err
    looks = [json.loads(line) for line in (first + out).splitlines()]
    assert [look["state"] for look in looks][-1] in ("aborting", "aborted")
    assert looks[0]["state"] == "planned"
    assert {"at", "lost", "gate", "steps", "backfills"} <= set(looks[0])


def test_a_timeout_says_what_is_missing_and_wrong_words_are_refused(world: World) -> None:
    world.service.submit(f"change: change\noperations:\n  - {ADD}\n", "change.yaml")
    running = orch(world, "--timeout", "1s")
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3, err
    assert "the expand gate of change is closed" in err
    assert "‖ GATE" in out
    running = orch(world, "--timeout", "soon")
    assert "--timeout: 'soon' is not a duration" in running.communicate(timeout=30)[1]
    assert running.returncode == 2


def test_in_a_terminal_it_moves_in_place_and_leaves_the_screen_alone(world: World) -> None:
    world.submit(ADD)
    ours, theirs = pty.openpty()
    running = orch(world, "--until", "expanded", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"watched until expanded" not in shown:
        shown += os.read(ours, 65536)
    world.service.approve("change")
    world.service.advance("change")
    shown += everything(ours)
    assert running.wait(30) == 0
    os.close(ours)
    assert b"\x1b[?1049h" not in shown, "no full screen"
    assert b"completed: " in shown
