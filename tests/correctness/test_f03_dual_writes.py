"""F3: the backfill must never overwrite what an application wrote."""

from __future__ import annotations

import threading

import psycopg

from orchestrator.core.progress import Progress
from state.model import State
from tests.support.release import Release

CHANGE = "change_type: {table: t, column: email, to: mail, type: text, up: 'left(email, 5)', down: mail}"


def test_a_value_written_before_the_backfill_survives_it(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'alexa' || i FROM generate_series(1, 50) i")
    release.submit(CHANGE)
    release.to(State.EXPANDED)
    release.run("UPDATE t SET email = 'alexandria', mail = 'ALEXANDRIA' WHERE id <= 10")
    release.to(State.BACKFILLED)
    assert release.rows("SELECT count(*) FROM t WHERE mail = 'ALEXANDRIA'") == [(10,)]
    assert release.rows("SELECT count(*) FROM t WHERE mail = 'alexa'") == [(40,)]


def test_a_dual_write_into_a_row_not_yet_filled_keeps_the_old_value_it_repeats(release: Release) -> None:
    """Only the new column changes then; it means what the old one holds, and ``down`` would lose the rest of that."""
    release.run("INSERT INTO t (email) VALUES ('alexandria'), ('alexandria')")
    release.submit(CHANGE)
    release.to(State.EXPANDED)
    release.run(
        "UPDATE t SET email = 'alexandria', mail = 'alexa' WHERE id = 1", "UPDATE t SET mail = 'other' WHERE id = 2"
    )
    assert release.rows("SELECT email, mail FROM t ORDER BY id") == [("alexandria", "alexa"), ("other", "other")]


def test_null_written_into_a_row_not_yet_filled_is_no_change_as_documented(release: Release) -> None:
    """It cannot be told from the NULL that is there; to take it for a change would empty rows that merely were touched."""
    release.run("INSERT INTO t (email) VALUES ('alexa'), ('alexa')")
    release.submit(CHANGE)
    release.to(State.EXPANDED)
    release.run("UPDATE t SET mail = NULL WHERE id = 1", "UPDATE t SET mail = mail, other = 1 WHERE id = 2")
    release.to(State.BACKFILLED)
    assert release.rows("SELECT email, mail FROM t") == [("alexa", "alexa")] * 2
    release.run("UPDATE t SET mail = NULL WHERE id = 1")
    assert release.rows("SELECT email, mail FROM t WHERE id = 1") == [(None, None)]


def test_values_written_during_the_backfill_survive_it(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'alexa' || i FROM generate_series(1, 3000) i")
    release.submit(CHANGE, more="backfill: {batch_rows: 20}\n")
    release.to(State.EXPANDED)
    over = threading.Event()
    written: list[int] = []

    def dual_writer() -> None:
        with psycopg.connect(release.url, autocommit=True) as link:
            for number in range(3000, 0, -7):
                if over.is_set():
                    return
                link.execute("UPDATE t SET email = 'BOTH', mail = 'BOTH WRITTEN' WHERE id = %s", (number,))
                written.append(number)

    writer = threading.Thread(target=dual_writer)

    def listen(progress: Progress) -> None:
        if progress.kind == "step.started" and not writer.ident:
            writer.start()

    release.to(State.BACKFILLED, listen=listen)
    over.set()
    writer.join()
    assert len(written) > 20
    assert release.rows("SELECT count(*) FROM t WHERE mail = 'BOTH WRITTEN'") == [(len(written),)]
