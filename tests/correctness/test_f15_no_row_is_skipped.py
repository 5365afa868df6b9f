"""F15: moved keys, negative keys, every kind of key and none: the backfill reaches every row, and ends."""

from __future__ import annotations

import threading

import psycopg
import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.support.release import Release

KEYS = {
    "negative": ("id bigint PRIMARY KEY", "i - 1000"),
    "composite": ("a int, id text, PRIMARY KEY (a, id)", "mod(i, 7), 'k' || i"),
    "text": ("id text PRIMARY KEY", "'it''s \"' || i"),
    "uuid": ("id uuid PRIMARY KEY DEFAULT gen_random_uuid()", "gen_random_uuid()"),
    "unique not null": ("id int NOT NULL UNIQUE", "i"),
    "none": ("id int", "i"),
    "nullable unique": ("id int UNIQUE", "CASE WHEN mod(i, 2) = 0 THEN i END"),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("rows", [0, 1, 2000])
def test_every_kind_of_key_is_filled_whole(release: Release, kind: str, rows: int) -> None:
    columns, values = KEYS[kind]
    release.run(
        f"CREATE TABLE k ({columns}, email text)",
        f"INSERT INTO k SELECT {values}, 'e' || i FROM generate_series(1, {rows}) i",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 150}\n")
    release.to(State.SWITCHED)
    assert release.rows("SELECT count(*), count(*) FILTER (WHERE mail = email) FROM k") == [(rows, rows)]


def test_rows_that_move_during_the_backfill_are_filled(release: Release) -> None:
    release.run(
        "CREATE TABLE k (id bigint PRIMARY KEY, email text)",
        "INSERT INTO k SELECT i, 'e' || i FROM generate_series(-1000, 1000) i",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 25}\n")
    release.to(State.EXPANDED)
    over = threading.Event()
    moved: list[int] = []

    def mover() -> None:
        with psycopg.connect(release.url, autocommit=True) as link:
            for number in range(1000, -1000, -3):
                if over.is_set():
                    return
                link.execute("UPDATE k SET id = %s WHERE id = %s", (-5000 - number, number))
                link.execute("DELETE FROM k WHERE id = %s", (number - 1,))
                link.execute("INSERT INTO k (id, email) VALUES (%s, 'inserted')", (5000 + number,))
                moved.append(number)

    thread = threading.Thread(target=mover)

    def listen(progress: Progress) -> None:
        if progress.kind == "step.started" and not thread.ident:
            thread.start()

    release.to(State.BACKFILLED, listen=listen)
    over.set()
    thread.join()
    assert len(moved) > 20
    assert release.rows("SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email") == [(0,)]
