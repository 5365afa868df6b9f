"""F24: our DDL waits briefly and visibly; nobody queues behind it, and nobody is killed for it."""

from __future__ import annotations

from pathlib import Path

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Mark
from orchestrator.core.progress import Progress
from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import State
from tests.support.beside import beside
from tests.support.release import Release


def test_readers_and_writers_never_wait_behind_our_ddl(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'e' || i FROM generate_series(1, 100) i")
    release.submit("rename_column: {table: t, column: email, to: mail}")
    release.service.approve("change")
    retries: list[str] = []
    with psycopg.connect(release.url) as holder:
        holder.execute("SELECT count(*) FROM t")

        def listen(progress: Progress) -> None:
            if progress.kind == "step.retry":
                retries.append(progress.message)
                if len(retries) == 3:
                    holder.rollback()

        with beside(release.url, "UPDATE t SET other = other + 1 WHERE id = 1") as writer:
            release.service.advance("change", listen=listen)
    assert len(retries) >= 3
    assert "lock timeout" in retries[0]
    assert writer.slowest < 0.6
    assert release.service.status("change").state is State.EXPANDED


def test_our_ddl_gives_way_to_an_open_transaction(release: Release) -> None:
    release.submit("rename_column: {table: t, column: email, to: mail}")
    release.service.approve("change")
    failed: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "step.retry" and not failed:
            failed.append(progress.message)
            application.execute("UPDATE t SET other = 2")
            application.commit()

    with psycopg.connect(release.url) as application:
        application.execute("INSERT INTO t (email) VALUES ('x')")
        release.service.advance("change", listen=listen)
    assert failed
    assert release.rows("SELECT email, mail, other FROM t") == [("x", None, 2)]


def test_a_step_is_one_message(release: Release, tmp_path: Path) -> None:
    """A client that stalls between two statements would hold its lock; so nothing may come between BEGIN and COMMIT."""
    target = PostgresTarget("t", release.url)
    target.raise_fence("probe", 1, 5)
    trace = tmp_path / "trace"
    step = AddColumn(TableName("public", "t"), "probe", "text")
    with target.session("probe", 1, 1) as session, trace.open("w") as file:
        session._link.pgconn.trace(file.fileno())
        session.apply(step, Mark("probe", "probe:1", 1, 1, "sha"))
        session._link.pgconn.untrace()
    sent = [line for line in trace.read_text().splitlines() if "Query" in line]
    (message,) = [line for line in sent if "ADD COLUMN" in line]
    assert [word for word in ("BEGIN", "check_fence", "ADD COLUMN", "mark(", "COMMIT") if word not in message] == []
