"""F12: what is called done must survive a crash of the server, even where batches commit asynchronously."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.core.errors import OrchError
from orchestrator.core.progress import Progress
from state.model import State
from tests.support.release import released


class Crash(Exception):
    """The server was killed here."""


@pytest.mark.parametrize("moment", ["backfill", "step.done"])
def test_a_crash_of_the_server_loses_no_row_that_was_called_done(moment: str) -> None:
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s", "fsync": "on"}
    with embedded.running(settings=settings) as server:
        url = embedded.create_database(server, "crash")
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("CREATE TABLE t (id bigint PRIMARY KEY, email text NOT NULL)")
            link.execute("INSERT INTO t SELECT i, 'e' || i FROM generate_series(1, 400) i")
        release = released(url)
        with release.service:
            release.submit("rename_column: {table: t, column: email, to: mail}", more="backfill: {batch_rows: 100}\n")
            release.to(State.EXPANDED)
            release.service.approve("change")

            def listen(progress: Progress) -> None:
                if progress.kind == moment:
                    embedded.restart(server, "immediate")
                    raise Crash

            with pytest.raises((Crash, OrchError)):
                release.service.advance("change", listen=listen)
            done = {s.ordinal for s in release.service.status("change").steps if s.status == "done"}
            filled = release.rows("SELECT count(*) FROM t WHERE mail IS NOT NULL")
            assert filled == [(400,)] or 3 not in done
            release.to(State.COMPLETED)
            assert release.rows("SELECT count(*) FROM t WHERE mail = 'e' || id") == [(400,)]
            assert release.service.audit_verify() == []
