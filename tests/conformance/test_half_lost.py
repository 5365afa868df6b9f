"""Every operation's target falls back to after each step of contract and purge, while the registry knows that all is done."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.core.progress import Progress
from orchestrator.embedded import Server
from state.model import State
from tests.conformance.example import Case, cases
from tests.conformance.scene import KEYS, Scene, change_file
from tests.conformance.schema import differences, shape
from tests.conformance.stage import ORDINARY, Stage
from tests.conformance.walk import FRAME
from tests.service.world import Copies, World, copied, service_at

CHANGE = "half-lost"
_numbers = itertools.count(1)


@pytest.fixture
def copy(server: Server, maintenance: psycopg.Connection[object], worker_id: str) -> Iterator[Callable[[str], str]]:
    """Copy a database that nobody is connected to; returns the URL of the copy."""
    made: list[str] = []

    def copying(url: str) -> str:
        made.append(f"lost_{worker_id}_{next(_numbers)}")
        copied(maintenance, made[-1], str(conninfo_to_dict(url)["dbname"]))
        return server.url(made[-1])

    yield copying
    for name in made:
        maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _carried_on(registry: str, target: str, take: Callable[[], str]) -> list[tuple[str, str]]:
    """Go to the end. What each step from contract on was, and the URL of the target as it was left."""
    moments: list[tuple[str, str]] = []
    with service_at(registry, target) as service:
        world = World(target, service)

        def listen(progress: Progress) -> None:
            if progress.kind == "step.done" and service.status(CHANGE).state in (State.CONTRACTING, State.PURGING):
                service.close()
                moments.append((progress.message, take()))

        while service.status(CHANGE).state is not State.COMPLETED:
            world.step(CHANGE, listen=listen)
    return moments


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_target_that_fell_back_into_contract_or_purge_is_brought_to_the_end_again(
    stage: Stage, copies: Copies, copy: Callable[[str], str], case: Case
) -> None:
    registry, example = copies(), stage.world(case.example)
    example.service.close()
    with service_at(registry, example.url) as service:
        service.submit(change_file(Scene(case.example, ORDINARY, KEYS[0]), CHANGE, FRAME), "lost.yaml")
    moments = _carried_on(registry, example.url, lambda: copy(example.url))
    for said, shown in moments:
        with service_at(copy(registry), shown) as service:
            service.advance(CHANGE)
            assert service.status(CHANGE).state is State.COMPLETED, said
            assert service.audit_verify() == []
        with psycopg.connect(shown, autocommit=True) as link, psycopg.connect(stage.plain(case.example)) as plain:
            assert differences(shape(link), shape(plain)) == [], said
