"""Every operation's target falls back to after each step of contract and purge, while the registry knows that all is done."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.conformance.example import Case, cases
from tests.conformance.scene import KEYS, Scene, change_file
from tests.conformance.schema import differences, shape
from tests.conformance.stage import ORDINARY, Stage
from tests.conformance.walk import FRAME
from tests.service.world import Copies, Copy, World, service_at

CHANGE = "half-lost"


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
    stage: Stage, copies: Copies, copy: Copy, case: Case
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
