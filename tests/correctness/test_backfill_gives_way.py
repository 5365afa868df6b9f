"""An application that takes two rows in any order inside a batch is never killed for it, nor kept waiting for long.

In the field a plain UPDATE got 16 statements of the application killed by deadlock in 20 s. The rule: a batch waits for a lock
for less than ``deadlock_timeout``, gives up all it holds, and then skips what is locked; the mop-up fills what was skipped.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import psycopg
import pytest

from orchestrator.dialects.postgres.session import PostgresSession
from state.model import State
from tests.support.release import Release

ROWS = 4000


class Application(threading.Thread):
    """Updates pairs of rows, each pair in one transaction, until told to stop; keeps what went wrong and the longest wait."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.over = threading.Event()
        self.errors: list[psycopg.Error] = []
        self.pairs = 0
        self.longest = 0.0
        self._url = url

    def run(self) -> None:
        chance = random.Random(7)
        with psycopg.connect(self._url) as link:
            while not self.over.is_set():
                try:
                    for place in chance.sample(range(1, ROWS + 1), 2):
                        began = time.monotonic()
                        link.execute("UPDATE k SET n = n + 1 WHERE id = %s", (place,))
                        self.longest = max(self.longest, time.monotonic() - began)
                        time.sleep(0.1)  # longer than a batch waits
                    link.commit()
                    self.pairs += 1
                except psycopg.Error as error:
                    self.errors.append(error)
                    link.rollback()


def test_pairs_of_rows_in_any_order(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    release.run(
        "CREATE TABLE k (id int PRIMARY KEY, email text, n int DEFAULT 0)",
        f"INSERT INTO k SELECT i, 'e' || i FROM generate_series(1, {ROWS + 1}) i",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 100}\n")
    release.to(State.EXPANDED)
    original, skipped = PostgresSession.batch, []
    # A row that no pair has, held until a batch has met it: whether one meets a pair is left to chance.
    holder = psycopg.connect(release.url)
    holder.execute("UPDATE k SET n = 0 WHERE id = %s", (ROWS + 1,))

    def slow(self: PostgresSession, step: Any, mark: Any, cursor: Any, skips: bool = False) -> Any:
        skipped.append(skips)
        if skips:
            holder.rollback()
        time.sleep(0.02)
        return original(self, step, mark, cursor, skips)

    monkeypatch.setattr(PostgresSession, "batch", slow)
    application = Application(release.url)
    application.start()
    try:
        release.to(State.BACKFILLED)
    finally:
        application.over.set()
        application.join()
        holder.close()
    assert application.errors == []
    assert application.pairs > 3
    assert application.longest < 1.0
    assert True in skipped
    assert release.rows("SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email") == [(0,)]
    assert release.rows("SELECT sum(n) FROM k") == [(2 * application.pairs,)]
