"""The answer of the server is lost after it did what was asked: nothing is sent twice, nothing is taken for refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from orchestrator.core.ports import ConnectionLost
from orchestrator.dialects.postgres.session import PostgresSession
from state.model import State
from tests.chaos.cases import CASES, SCHEMA, Case
from tests.support.release import Release, at


@pytest.fixture
def release(ready: str) -> Iterator[Release]:
    with psycopg.connect(ready, autocommit=True) as link:
        link.execute(SCHEMA.replace("20000", "1000").encode())
    found = at(ready)
    with found.service:
        yield found


def forgetting(method: Callable[..., Any]) -> Callable[..., Any]:
    """The first answer about each Step is lost, after the effect."""
    told: set[str] = set()

    def once(self: PostgresSession, step: Any, mark: Any, *rest: Any) -> Any:
        answer = method(self, step, mark, *rest)
        if mark.step_id in told:
            return answer
        told.add(mark.step_id)
        self._link.close()
        raise ConnectionLost("server closed the connection unexpectedly")

    return once


PARKING = [case for case in CASES if case.parks]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between tries."""
    monkeypatch.setattr("orchestrator.engine.ddl.jittered", lambda _: 0.0)


@pytest.mark.parametrize("case", PARKING, ids=lambda case: case.name)
def test_every_answer_is_lost_once_on_the_way_there_and_back(
    case: Case, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("apply", "undo", "batch", "mop_up", "end_backfill"):
        monkeypatch.setattr(PostgresSession, name, forgetting(getattr(PostgresSession, name)))
    release.service.submit(case.source, "change.yaml")
    release.to(State.CONTRACTED)
    for _ in range(2):
        release.service.undo("change", reason="back")
        release.service.advance("change")
    release.service.abort("change", reason="off")
    release.service.advance("change")
    assert release.service.status("change").state is State.ABORTED
    assert "contract.absent" not in [event.kind for event in release.service.events("change")]
    assert release.service.audit_verify() == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_answer_is_lost_once_to_the_end(case: Case, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("apply", "batch", "mop_up", "end_backfill"):
        monkeypatch.setattr(PostgresSession, name, forgetting(getattr(PostgresSession, name)))
    release.service.submit(case.source, "change.yaml")
    release.to(State.COMPLETED)
    assert "contract.absent" not in [event.kind for event in release.service.events("change")]
    assert release.service.audit_verify() == []
