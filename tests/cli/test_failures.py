"""Exit codes, signals and secrets: what a pipeline and a log get to see."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy.exc

from orchestrator.core import errors
from tests.cli.conftest import Orch
from tests.cli.fakes import FakeService

ROOT = Path(__file__).parent.parent.parent
SECRET = "s3cr3t-w0rd"
CODES = {
    errors.OrchError: 1,
    errors.Invalid: 2,
    errors.Unreachable: 2,
    errors.PlanRefused: 2,
    errors.Waiting: 3,
    errors.Blocked: 4,
    errors.Busy: 5,
    errors.LeaseLost: 5,
    errors.Stale: 6,
    errors.Indeterminate: 7,
}


def test_every_error_class_has_its_code_here() -> None:
    named = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert {kind for kind in named if issubclass(kind, errors.OrchError)} == set(CODES)


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=lambda each: str(each))
def test_errors_have_exit_codes_and_a_next_step(
    service: FakeService, orch: Orch, kind: type[errors.OrchError], code: int
) -> None:
    service.answers["advance"] = kind("two\nlines\x1b[31m", "orch doctor")
    ran = orch("advance", "x")
    assert ran.code == code
    assert ran.out == ""
    assert ran.err == "orch: two\nlines [31m\nnext: orch doctor\n"


def test_the_unforeseen_is_one_line_unless_debugged(service: FakeService, orch: Orch) -> None:
    service.answers["statuses"] = ZeroDivisionError(f"a\nb {SECRET}")
    ran = orch("status")
    assert ran.code == 1
    assert ran.err.splitlines()[0] == "orch: ZeroDivisionError: a b ***"
    assert "Traceback" not in ran.err
    assert "Traceback" in orch("--debug", "status").err


class Sqlstate(psycopg.OperationalError):
    """An OperationalError with a code of our choice."""

    def __init__(self, text: str, code: str | None) -> None:
        super().__init__(text)
        self.sqlstate = code


UNREACHABLE = psycopg.OperationalError(f"no answer from u:{SECRET}@h, password={SECRET}")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UNREACHABLE, 2, "unreachable: postgresql://u@h/d: "),
        (sqlalchemy.exc.OperationalError("select 1", {}, UNREACHABLE), 2, "unreachable: postgresql://u@h/d: "),
        (Sqlstate("the server shuts down", "57P01"), 2, "unreachable: "),
        (Sqlstate("canceling statement", "57014"), 1, "Sqlstate: canceling statement"),
        (psycopg.errors.InsufficientPrivilege(f"denied {SECRET}"), 2, "not privileged: denied ***"),
    ],
)
def test_what_drivers_raise(service: FakeService, orch: Orch, error: Exception, code: int, words: str) -> None:
    service.answers["statuses"] = error
    ran = orch("status")
    assert ran.code == code
    assert ran.err.startswith(f"orch: {words}")
    assert SECRET not in ran.err
    assert SECRET not in orch("--debug", "status").err


def test_nothing_configured_and_bad_usage_are_two(
    service: FakeService, orch: Orch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCH_URL")
    ran = orch("status")
    assert ran.code == 2
    assert "orch demo" in ran.err
    for arguments in (["frobnicate"], ["status", "--frobnicate"], ["advance"], ["status", "a", "b"]):
        assert orch(*arguments).code == 2


def test_options_may_stand_before_the_verb(service: FakeService, orch: Orch) -> None:
    service.answers["statuses"] = []
    orch("--url", "postgresql://before/d", "status")
    assert service.config.registry_url == "postgresql://before/d"
    orch("--url", "postgresql://before/d", "status", "--url", "postgresql://after/d")
    assert service.config.registry_url == "postgresql://after/d"


def test_screens_need_a_terminal_and_a_bare_orch_without_one_is_help(service: FakeService, orch: Orch) -> None:
    assert orch("tui").code == 2
    ran = orch()
    assert ran.code == 0
    assert "Usage: orch" in ran.out
    assert orch("--version").out.startswith("orch ")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_verb_has_help_within_80_columns(orch: Orch, option: str) -> None:
    verbs = "init doctor plan submit status advance approve reject verify pause resume abort undo audit worker tui demo"
    listed = orch(option).out
    for verb in verbs.split():
        ran = orch(verb, option)
        assert ran.code == 0
        assert f"\n  {verb} " in listed
        assert all(len(line) <= 80 for line in ran.out.splitlines())


RUN = """
import sys, time, types
class Service:
    def __init__(self, config, *, client): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def advance(self, change, **options):
        try:
            print("working", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            if change == "swallows": raise SystemExit(0)
            raise
    def statuses(self):
        from tests.cli.fakes import a_status
        return [a_status()] * 20000
stub = types.ModuleType("orchestrator.service")
stub.Service = Service
sys.modules["orchestrator.service"] = stub
from orchestrator.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        env={**os.environ, "ORCH_URL": "postgresql:///nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("change", ["raises", "swallows"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_have_their_exit_codes(number: signal.Signals, code: int, change: str) -> None:
    process = started("advance", change)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert err == "interrupted; nothing recorded is lost, orch advance goes on from here\n"


def test_a_reader_that_leaves_early_is_no_disaster() -> None:
    process = started("status")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(20) == 1
