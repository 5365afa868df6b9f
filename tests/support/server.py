"""The PostgreSQL of a test run: one server for all xdist workers, gone when the last worker is."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator import embedded

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "max_connections": "200",
    "autovacuum": "on",
    "max_prepared_transactions": "20",
}


def bin_dir() -> Path | None:
    """The binaries under test: ORCH_TEST_PG_BIN, else the bundled ones."""
    given = os.environ.get("ORCH_TEST_PG_BIN")
    return Path(given) if given else None


@contextlib.contextmanager
def shared_server(run_id: str) -> Iterator[embedded.Server]:
    """The server of one test run; workers meet by the run's id, and whoever comes first starts it."""
    # Not pytest's tmp_path: below root's 0700 directory the server's account could not reach it.
    home = Path(tempfile.gettempdir()) / f"orch-test-{run_id}"
    with embedded.running(home, settings=SETTINGS, bin_dir=bin_dir(), temporary=True) as server:
        yield server
