"""The garbage collector rests until the first answer, whichever it is."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from orchestrator.core.errors import Invalid
from tests.tui.fakes import FakeService
from tests.tui.harness import piloted, running
from tui import collecting


@pytest.fixture
def resting() -> Iterator[None]:
    collecting.rest()
    yield
    gc.enable()
    gc.unfreeze()


@piloted
async def test_garbage_is_collected_again_after_the_first_answer(resting: None) -> None:
    async with running(FakeService()):
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0


@piloted
async def test_garbage_is_collected_again_when_nobody_answers(resting: None) -> None:
    service = FakeService()
    service.broken = Invalid("the registry does not answer")
    with pytest.raises(AssertionError, match="the first answer"):
        async with running(service):
            pass
    assert gc.isenabled()
