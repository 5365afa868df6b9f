"""Several lanes fill disjoint ranges: all of them, at once, as many as are allowed just now, and stop together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.core import batching
from orchestrator.core.errors import OrchError
from orchestrator.core.ports import TargetError
from orchestrator.dialects.postgres.session import PostgresSession
from orchestrator.engine.throttle import Throttle
from state.model import State
from tests.support.release import Release

UNFILLED = "SELECT count(*) FROM k WHERE mail IS DISTINCT FROM email"
LANES = "SELECT count(*) FROM orch_target.marker WHERE step_id LIKE 'change:%' AND lane > 0"


@pytest.fixture
def table(release: Release, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A table of many ranges, whose change waits at its backfill."""
    monkeypatch.setattr(batching, "SEGMENT_PAGES", 2)
    release.run(
        "CREATE TABLE k (id bigint PRIMARY KEY, email text)",
        "INSERT INTO k SELECT i, 'e' || i FROM generate_series(1, 8000) i",
    )
    release.submit("rename_column: {table: k, column: email, to: mail}", more="backfill: {batch_rows: 50}\n")
    release.to(State.EXPANDED)
    return release


def _allow(monkeypatch: pytest.MonkeyPatch, lanes: Callable[[], int]) -> None:
    monkeypatch.setattr(Throttle, "lanes", property(lambda _: lanes(), lambda *_: None))


def _watch(monkeypatch: pytest.MonkeyPatch, seen: Callable[[PostgresSession, int], None]) -> None:
    """``seen`` hears the session and the lane of each batch before it is sent."""
    original = PostgresSession.batch

    def batch(self: PostgresSession, step: Any, mark: Any, cursor: Any, *rest: Any) -> Any:
        seen(self, cursor.lane)
        return original(self, step, mark, cursor, *rest)

    monkeypatch.setattr(PostgresSession, "batch", batch)


def test_lanes_work_at_once_and_fill_every_range(table: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(3)
    met: set[int] = set()

    def seen(_: PostgresSession, lane: int) -> None:
        if not met:  # three sessions are inside a batch at the same time, or this breaks
            meeting.wait(20)
        met.add(lane)

    _allow(monkeypatch, lambda: 3)
    _watch(monkeypatch, seen)
    table.to(State.BACKFILLED)
    assert len(met) == batching.SEGMENTS
    assert table.rows(UNFILLED) == [(0,)]
    assert table.rows(LANES) == [(0,)]


def test_fewer_lanes_take_effect_within_a_batch(table: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = 3
    batches: list[int] = []
    late: set[int] = set()

    def seen(session: PostgresSession, _: int) -> None:
        nonlocal allowed
        batches.append(id(session))
        if len(set(batches)) == 3:
            allowed = 1
        if len(batches) > 40:
            late.add(id(session))

    _allow(monkeypatch, lambda: allowed)
    _watch(monkeypatch, seen)
    table.to(State.BACKFILLED)
    assert len(set(batches)) >= 3
    assert len(late) == 1
    assert table.rows(UNFILLED) == [(0,)]


def test_a_lane_that_fails_ends_all_and_the_next_run_goes_on(table: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(_: PostgresSession, lane: int) -> None:
        if lane == 5:
            raise TargetError("lane 5 has had enough", "XX000")

    with monkeypatch.context() as patch:
        _allow(patch, lambda: 3)
        _watch(patch, seen)
        with pytest.raises(OrchError, match="lane 5 has had enough"):
            table.to(State.BACKFILLED)
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("lane ")]
    assert names == []
    assert table.rows(UNFILLED) > [(500,)]
    before = table.rows("SELECT id, xmin::text FROM k WHERE mail IS NOT NULL ORDER BY id")
    assert len(before) > 500
    table.to(State.BACKFILLED)
    assert table.rows(UNFILLED) == [(0,)]
    after = {key: version for key, version in table.rows("SELECT id, xmin::text FROM k")}  # noqa: C416
    assert all(after[key] == version for key, version in before)
