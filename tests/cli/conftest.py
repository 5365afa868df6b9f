"""Runs verbs in this process over a service that the test controls."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.cli import wiring
from orchestrator.cli.main import main
from tests.cli.fakes import FakeService


class Ran(NamedTuple):
    """What a verb left behind."""

    code: int
    out: str
    err: str


Orch = Callable[..., Ran]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """The service behind every verb."""
    stub = types.ModuleType("orchestrator.service")
    fake = FakeService()
    stub.__dict__["Service"] = fake
    monkeypatch.setitem(sys.modules, "orchestrator.service", stub)
    monkeypatch.setenv("ORCH_URL", "postgresql://u:s3cr3t-w0rd@h/d")
    return fake


@pytest.fixture
def orch(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orch:
    """Run a verb at 80 columns, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("ORCH_REGISTRY_URL", raising=False)

    def run(*arguments: str) -> Ran:
        wiring.root.set((None, None))
        wiring.debug.set(False)
        code = main(arguments)
        return Ran(code, *capsys.readouterr())

    return run
