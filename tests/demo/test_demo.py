"""The whole demo, as a pipeline runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psycopg
import pytest

from orchestrator.change import parse
from orchestrator.config import Config
from orchestrator.core.catalog import TableName
from orchestrator.core.step import Backfill
from orchestrator.core.sync import Argument
from orchestrator.demo import main, shop
from orchestrator.dialects.postgres.batches import bound
from orchestrator.plugins import discover
from orchestrator.service import Service
from state.model import GateName, State


def test_the_headless_demo_keeps_its_promises() -> None:
    command = [sys.executable, "-m", "orchestrator.cli.main", "demo", "--headless", "--rows", "5000"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ORCH_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.strip().rsplit(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  writes "))
    assert int(figures["writes attempted"].replace(",", "")) > 200
    assert figures["writes failed"] == figures["writes lost"] == "0"
    assert "contract is refused, exit 4" in done.stdout
    assert "shapes_agree" in done.stdout
    assert "undone: the old shape is back" in done.stdout
    for change in shop.CHANGES:
        assert change in done.stdout
    assert done.stdout.count("→ completed") == 3


@pytest.mark.parametrize("change", shop.CHANGES)
def test_the_packaged_change_files_are_valid(change: str) -> None:
    source, path = shop.change_file(change)
    assert parse(source, path, discover("orchestrator.operations")).change == change


def test_a_batch_over_the_orders_ends_where_the_number_ends_it_not_where_its_text_would(database: str) -> None:
    step = Backfill(TableName("public", "orders"), "customer_email", (Argument("id", "bigint"),), "s", batch_rows=1000)
    with psycopg.connect(database) as connection:
        shop.create(connection, 5_000)
        assert connection.execute(bound(step, None)).fetchone() == ("1000",)
        assert connection.execute(bound(step, ("1000",))).fetchone() == ("2000",)
        assert connection.execute(bound(step, ("4500",))).fetchone() is None


def _visit(config: Config, seen: list[str]) -> int:
    """A visitor who approves whatever waits for approval, and asks for contract and purge once the fleet has moved."""
    deadline = time.monotonic() + 90
    with Service(config, client="visitor") as service:
        while (status := service.status(shop.EMAIL)).state is not State.COMPLETED and time.monotonic() < deadline:
            gate = status.gate
            if gate is not None and gate.phase in (GateName.CONTRACT, GateName.PURGE) and status.requested is None:
                time.sleep(3)
                service.verify(shop.EMAIL)
                service.approve(shop.EMAIL, gate=gate.phase)
                service.request(shop.EMAIL)
            elif gate is not None and any(need.kind == "approval" for need in gate.missing):
                service.approve(shop.EMAIL, gate=gate.phase)
            time.sleep(0.3)
        seen.append(f"{status.state.value} {status.why}")
    return 0


def test_with_a_screen_the_worker_runs_what_the_visitor_approves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("tui.terminal.require", lambda: None)
    monkeypatch.setattr("tui.app.run", lambda config: _visit(config, seen))
    code = main.run(headless=False, rows=2_000)
    printed = capsys.readouterr().out
    assert seen == ["completed completed"], printed
    assert code == 0, printed
    assert "history                         verified" in printed
