"""Who may not approve a gate reads so before trying, and may still speak against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from state.model import Approval, GateName
from tests.tui.fakes import approval
from tests.tui.harness import piloted, running, until_text
from tests.tui.test_screens import gate_service, yes


@pytest.mark.parametrize(
    ("approvals", "words"),
    [
        ((), "ops-a requested this change, and this gate asks for other people"),
        ((approval(GateName.SWITCH_READS, "ops-a"),), "ops-a has approved this gate already"),
    ],
)
@piloted
async def test_who_may_not_approve_reads_so_before_trying(approvals: tuple[Approval, ...], words: str) -> None:
    service = gate_service()
    gate = service.changes["orders-status"].gate
    assert gate is not None
    assert gate.phase is GateName.SWITCH_READS
    service.change("orders-status", gate=replace(gate, spoken_for=("ops-a",)), approvals=approvals)
    async with running(service) as (app, pilot):
        await pilot.press("j", "A")
        await until_text(pilot, app, words)
        assert yes(app).disabled
        await pilot.press("escape", "D")
        await until_text(pilot, app, "a reason is required")
