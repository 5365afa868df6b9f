"""F23: the server cuts application_name at 63 bytes, and a change's id may be as long: its fence must survive."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from orchestrator.core.ports import ConnectionLost
from orchestrator.core.progress import Progress
from orchestrator.dialects.postgres.connection import application_name
from orchestrator.dialects.postgres.target import PostgresTarget
from state.model import State
from tests.support.release import Release

LONG = "a-change-whose-name-is-as-long-as-a-name-may-be-in-this-progra1"
TWIN = LONG[:-1] + "2"
OURS = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'orch:%' AND datname = current_database()"


def test_the_longest_id_and_the_largest_fence_fit() -> None:
    assert len(LONG) == 63
    name = application_name(LONG, 2**63 - 1, 9_999)
    assert len(name.encode()) <= 63
    assert name.split(":")[2:] == [str(2**63 - 1), "9999"]
    assert application_name(TWIN, 1, 1) != application_name(LONG, 1, 1)


def test_the_server_shows_the_fence_of_a_running_change(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'e' || i FROM generate_series(1, 20) i")
    release.submit("rename_column: {table: t, column: email, to: mail}", change=LONG)
    release.to(State.EXPANDED, LONG)
    seen: set[object] = set()

    def listen(progress: Progress) -> None:
        if progress.kind == "backfill":
            seen.update(name for (name,) in release.rows(OURS))

    release.to(State.BACKFILLED, LONG, listen=listen)
    ((fence,),) = release.rows("SELECT fence FROM orch_target.fence")
    ((ordinal,),) = release.rows("SELECT ordinal FROM orch.step WHERE kind = 'backfill'")
    assert application_name(LONG, int(str(fence)), int(str(ordinal))) in seen


def test_a_takeover_ends_the_older_session_of_a_long_id_and_leaves_its_twins(release: Release) -> None:
    target = PostgresTarget("t", release.url)
    for change in (LONG, TWIN):
        target.raise_fence(change, 1, 5)
    with target.session(LONG, 1, 4) as old, target.session(TWIN, 1, 4) as twin:
        assert target.raise_fence(LONG, 2, 5) == [application_name(LONG, 1, 4)]
        with pytest.raises(ConnectionLost):
            old.rows("SELECT 1")
        assert twin.rows("SELECT 1") == [(1,)]


def test_neither_a_newer_fence_nor_another_role_nor_another_name_is_ended(release: Release) -> None:
    role = "orch_f23_application"
    release.run(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN")
    prefix = application_name(LONG, 1, 1).rsplit(":", 2)[0]
    strangers = [
        (make_conninfo(release.url, user=role), application_name(LONG, 1, 1)),
        (release.url, application_name(LONG, 3, 1)),
        (release.url, f"{prefix}:one:1"),
        (release.url, f"{prefix}::"),
        (release.url, "orch:init"),
    ]
    links = [psycopg.connect(url, autocommit=True, application_name=name) for url, name in strangers]
    try:
        assert PostgresTarget("t", release.url).raise_fence(LONG, 2, 5) == []
        assert [link.execute("SELECT 1").fetchone() for link in links] == [(1,)] * len(links)
    finally:
        for link in links:
            link.close()
        release.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)).as_string(None))
