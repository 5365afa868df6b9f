"""The worker: runs what is ready, rests from what fails, and ends after its batch."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.core.errors import Busy, Invalid, LeaseLost, OrchError
from orchestrator.worker import FIRST_PAUSE, LONGEST_PAUSE, LOOK_BACK, Sweeper, _timer

ROOT = Path(__file__).parent.parent


class Fake:
    """Changes that are ready, and what happens when they are advanced."""

    def __init__(self, **outcomes: Exception | None) -> None:
        self.outcomes = outcomes
        self.unreachable: Exception | None = None
        self.advanced: list[str] = []
        self.lost: list[str] = []

    def fallen_back(self) -> Sequence[str]:
        return self.lost

    def ready(self) -> Sequence[str]:
        if self.unreachable is not None:
            raise self.unreachable
        return list(self.outcomes)

    def advance(self, change_id: str) -> None:
        self.advanced.append(change_id)
        error = self.outcomes[change_id]
        if error is not None:
            raise error


class Bench:
    """A sweeper with a clock to turn and its words to read."""

    def __init__(self, service: Fake) -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.service = service
        self.sweeper = Sweeper(service, say=self.said.append, clock=lambda: self.now)

    def sweep(self, at: float) -> list[str]:
        self.now = at
        self.service.advanced.clear()
        self.sweeper.sweep()
        return list(self.service.advanced)


def test_everything_ready_is_advanced_in_turn() -> None:
    bench = Bench(Fake(a=None, b=None))
    assert bench.sweep(0) == ["a", "b"]
    assert bench.sweep(1) == ["a", "b"]
    assert bench.said == []


def test_an_end_that_a_target_lost_is_brought_about_again_once_a_minute() -> None:
    bench = Bench(Fake(a=None))
    bench.service.outcomes["over"] = None
    bench.service.ready = lambda: ["a"]  # type: ignore[method-assign]
    assert bench.sweep(0) == ["a"]
    bench.service.lost = ["over"]
    assert bench.sweep(LOOK_BACK - 1) == ["a"]
    assert bench.sweep(LOOK_BACK) == ["a", "over"]
    assert bench.sweep(LOOK_BACK + 1) == ["a"]


def test_a_failure_is_one_line_and_the_sweep_goes_on() -> None:
    bench = Bench(Fake(a=OrchError("no\nluck"), b=ValueError("odd"), c=None))
    assert bench.sweep(0) == ["a", "b", "c"]
    assert bench.said == ["a: no\nluck (again in 5 s)", "b: ValueError: odd (again in 5 s)"]


def test_busy_is_silent_and_tried_again_at_once() -> None:
    bench = Bench(Fake(a=Busy("held")))
    assert bench.sweep(0) == bench.sweep(1) == ["a"]
    assert bench.said == []


def test_what_keeps_failing_is_tried_ever_more_rarely() -> None:
    bench = Bench(Fake(a=LeaseLost("gone"), b=None))
    pauses, last = [], 0.0
    for second in range(3000):
        if "a" in bench.sweep(float(second)):
            pauses.append(second - last)
            last = second
    assert pauses[:8] == [0, 5, 10, 20, 40, 80, 160, 300]
    assert set(pauses[8:]) == {LONGEST_PAUSE}


def test_success_ends_the_rest() -> None:
    bench = Bench(Fake(a=OrchError("no")))
    bench.sweep(0)
    bench.service.outcomes["a"] = None
    assert bench.sweep(FIRST_PAUSE - 1) == []
    assert bench.sweep(FIRST_PAUSE) == ["a"]
    bench.service.outcomes["a"] = OrchError("no")
    bench.sweep(FIRST_PAUSE + 1)
    assert bench.said[-1].endswith("(again in 5 s)")


def test_an_unreachable_registry_is_asked_ever_more_rarely_too() -> None:
    bench = Bench(Fake(a=None))
    bench.service.unreachable = Invalid("unreachable")
    assert bench.sweep(0) == bench.sweep(1) == []
    assert bench.said == ["worker: unreachable (again in 5 s)"]
    bench.service.unreachable = None
    assert bench.sweep(5) == ["a"]


def test_an_interruption_is_not_swallowed() -> None:
    class Interrupted(Fake):
        def advance(self, change_id: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bench(Interrupted(a=None)).sweep(0)


def test_the_timer_is_one_job_in_memory_that_never_misfires() -> None:
    timer = _timer(lambda: None, 0.1)
    timer.start(paused=True)
    try:
        (job,) = timer.get_jobs()
        assert job.misfire_grace_time is None
        assert job.coalesce is True
        assert job.max_instances == 1
        assert str(timer.timezone) == "UTC"
    finally:
        timer.shutdown()


SCRIPT = """
import sys, time, types
class Service:
    def __init__(self, config, *, client):
        assert client == "worker"
    def __enter__(self):
        return self
    def __exit__(self, *_):
        print("closed", flush=True)
    def fallen_back(self):
        return []
    def ready(self):
        return ["a"]
    def advance(self, change, **options):
        try:
            print("batch begins", flush=True)
            time.sleep({sleep})
        except KeyboardInterrupt:
            print("batch ends", flush=True)
            raise
stub = types.ModuleType("orchestrator.service")
stub.Service = Service
sys.modules["orchestrator.service"] = stub
from orchestrator.cli.main import main
sys.exit(main(["worker", *{options!r}]))
"""


def started(*options: str, sleep: float = 60) -> subprocess.Popen[str]:
    script = textwrap.dedent(SCRIPT).format(options=options, sleep=sleep)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "ORCH_URL": "postgresql:///nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_after_the_batch(number: signal.Signals, code: int) -> None:
    process = started()
    assert process.stdout is not None
    assert process.stdout.readline() == "batch begins\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == "batch ends\nclosed\n"
    assert "interrupted" in err
    assert "Traceback" not in err


def test_an_idle_worker_ends_at_once() -> None:
    process = started("--interval", "60", sleep=0)
    assert process.stdout is not None
    assert process.stdout.readline() == "batch begins\n"
    time.sleep(0.2)
    process.terminate()
    assert process.wait(20) == 143
    process.communicate()


def test_once_sweeps_once() -> None:
    process = started("--once", sleep=0)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == "batch begins\nclosed\n"


def test_a_child_ends_when_its_parent_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    process = started("--parent-pid", str(gone.pid), "--interval", "0.1")
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert out.endswith("closed\n")
