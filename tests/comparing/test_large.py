"""Five million rows: nobody's VACUUM waits for the comparison longer than two seconds, as somebody else sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.control import Control
from orchestrator.core.plan import Plan, PlannedStep
from orchestrator.core.progress import Progress, nobody
from orchestrator.core.step import InstallSync
from orchestrator.core.sync import Argument, Mirror, Part
from orchestrator.dialects.postgres import ranges
from orchestrator.dialects.postgres.target import PostgresTarget
from orchestrator.engine import comparing
from orchestrator.engine.verify import run
from orchestrator.plugins import discover
from state.model import Finding, GateName, Verdict

ROWS = 5_000_000
LONGEST = 2.0
_HELD = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL AND application_name LIKE 'orch:%'
"""


@dataclass
class Watcher:
    """The longest time for which a session of orch's held a snapshot, and the time it was watched, in seconds."""

    longest: float = 0.0
    looks: int = 0
    seconds: float = 0.0


@contextmanager
def watching(url: str) -> Iterator[Watcher]:
    """Look at pg_stat_activity fifty times a second, from a session of its own."""
    found, over = Watcher(), threading.Event()

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as link:
            while not over.wait(0.02):
                row = link.execute(_HELD).fetchone()
                found.longest = max(found.longest, row[0] if row else 0.0)
                found.looks += 1

    thread = threading.Thread(target=watch)
    thread.start()
    began = time.monotonic()
    try:
        yield found
    finally:
        found.seconds = time.monotonic() - began
        over.set()
        thread.join()


def _plan() -> Plan:
    """One pair of columns, plainly copied."""
    old, new = Part("a", "text"), Part("b", "text")
    key = (Argument("id", "bigint"),)
    mirror = Mirror("none", "big", TableName("public", "big"), (old,), (new,), key, "none")
    steps = (PlannedStep("expand", InstallSync(mirror), ""),)
    return Plan("big", "shop", steps, 0.0)


def _compared(url: str, told: list[Progress] | None = None) -> Finding:
    checks = [discover("orchestrator.checks")["shapes_agree"]]
    listen = nobody if told is None else told.append
    (found,) = run(checks, _plan(), GateName.SWITCH_READS, PostgresTarget("shop", url), Control(), listen).findings
    return found


@pytest.fixture
def big(ready: str) -> str:
    with psycopg.connect(ready, autocommit=True) as link:
        link.execute("CREATE UNLOGGED TABLE big (id bigint NOT NULL, a text, b text) WITH (autovacuum_enabled = off)")
        link.execute("INSERT INTO big SELECT i, 'value ' || i, 'value ' || i FROM generate_series(1, %s) i", [ROWS])
        link.execute("ALTER TABLE big ADD PRIMARY KEY (id)")
        link.execute("UPDATE big SET b = 'other' WHERE id IN (1, 2500000, 5000000)")
        link.execute("ANALYZE big")
    return ready


def test_no_snapshot_is_held_for_longer_than_two_seconds(big: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    with watching(big) as watcher:
        found = _compared(big, told)
    assert (found.verdict, found.mismatches, found.rows) == (Verdict.FAIL, 3, ROWS)
    assert found.samples == ("id=1", "id=2500000", "id=5000000")
    assert watcher.longest < LONGEST
    assert watcher.looks > 10
    assert any(each.eta_seconds is not None and each.rows_total for each in told)

    monkeypatch.setattr(comparing._Pace, "_size", lambda _: None)
    monkeypatch.setattr(ranges, "WHOLE", "0")
    with watching(big) as whole:
        assert _compared(big).mismatches == 3
    # However fast the machine: in one statement, one snapshot is held nearly all the time, and longer than for any range.
    assert whole.longest > whole.seconds / 2, "the watcher sees nothing"
    assert whole.longest > 2 * watcher.longest, "the ranges are no shorter than the whole"
