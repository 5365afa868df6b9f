"""Time and people because of which contract would be wrong: each refused with nothing touched, and allowed once it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.core.errors import OrchError
from state.model import State
from tests.service.world import World

RENAME = "rename_column: {table: orders, column: note, to: remark}"
READERS = "readers: {statements: none, reason: the test is about time}\n"
FREE = "expand: {approvals: 0}, backfill: {approvals: 0}, switch_reads: {approvals: 0}"
GATES = "gates: {{{free}, contract: {{{contract}}}}}\n"
WAITING, STALE = 3, 6
Does = Callable[[World], object]


def _nothing(_: World) -> None:
    """Neither wrong nor to be repaired."""


@dataclass(frozen=True)
class Case:
    """What contract asks for, what is wrong, the code and words of the refusal, and what makes it right."""

    contract: str
    wrong: Does
    code: int
    words: str
    repair: Does


def _approve(world: World) -> None:
    world.service.approve("change")


def _approve_in_vain(world: World) -> None:
    with pytest.raises(OrchError, match="asks for other people"):
        _approve(world)


def _pause(world: World) -> None:
    _approve(world)
    world.service.pause("change", reason="the shop is slow")


def _resume(world: World) -> None:
    world.service.resume("change")


def _freeze(world: World) -> None:
    _approve(world)
    world.service.freeze(timedelta(hours=1), reason="the sale is on")


def _thaw(world: World) -> None:
    world.service.freeze(None, reason="the sale is over")


def _reject(world: World) -> None:
    _approve(world)
    world.service.reject("change", reason="not today")


def _sleep(seconds: float) -> Does:
    def sleep(world: World) -> None:
        world.until(f"SELECT pg_sleep({seconds}) IS NOT NULL")

    return sleep


def _approve_and_find_more(world: World) -> None:
    """The findings of the evidence that was approved are no longer those that are found."""
    _approve(world)
    world.run("SET session_replication_role = replica; UPDATE orders SET remark = 'drifted' WHERE id = 7")
    world.service.verify("change")


def _mend(world: World) -> None:
    world.run("SET session_replication_role = replica; UPDATE orders SET remark = note WHERE id = 7")
    world.service.verify("change")


def _late(world: World) -> None:
    _approve(world)
    world.until("SELECT pg_sleep(1.2) IS NOT NULL")


def _closed() -> str:
    now = datetime.now(UTC)
    return f"window: '{now + timedelta(hours=2):%H:00}-{now + timedelta(hours=3):%H:00} UTC', soak: 0s"


CASES = {
    "nobody approved": Case("soak: 0s", _nothing, WAITING, "0 of 1 approvals", _approve),
    "one of two approved, and it is the requester": Case(
        "soak: 0s, approvals: 2", _approve_in_vain, WAITING, "0 of 2 approvals", _nothing
    ),
    "somebody rejected": Case("soak: 0s", _reject, WAITING, "rejected by postgres: not today", _approve),
    "the approval has expired": Case("soak: 0s, expires: 1s", _late, WAITING, "0 of 1 approvals", _approve),
    "a new finding came after the approval": Case("soak: 0s", _approve_and_find_more, STALE, "approvals: fail", _mend),
    "soak is not over": Case("soak: 4s", _approve, WAITING, "left of 4s", _sleep(4.2)),
    "the window is closed": Case(_closed(), _approve, WAITING, "window: unknown: closed", _nothing),
    "it is held": Case("soak: 0s", _pause, WAITING, "held by postgres: the shop is slow", _resume),
    "everything is frozen": Case("soak: 0s", _freeze, WAITING, "the sale is on", _thaw),
}
NEVER = {"one of two approved, and it is the requester", "the window is closed"}
"""What can only be waited for, or done by somebody else; how these open is in tests/service/test_gates.py."""


@pytest.mark.parametrize("name", CASES)
def test_contract_is_refused_and_allowed_once_it_is_right(world: World, name: str) -> None:
    case = CASES[name]
    world.submit(RENAME, more=READERS + GATES.format(free=FREE, contract=case.contract))
    world.to(State.SWITCHED)
    before = world.rows("SELECT id, note, quantity FROM orders ORDER BY id")
    case.wrong(world)
    with pytest.raises(OrchError, match=case.words) as refused:
        world.service.advance("change")
    assert refused.value.exit_code == case.code
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT id, note, quantity FROM orders ORDER BY id") == before
    case.repair(world)
    if name not in NEVER:
        assert world.service.advance("change").state is State.CONTRACTED
    assert world.service.audit_verify() == []


def test_a_plan_that_was_edited_after_the_approval_is_refused_and_asked_for_anew(world: World) -> None:
    """A plan can be replaced only before it has begun, so this is the gate where an approval can be of another one."""
    more = READERS + "gates: {expand: {approvals: 1}}\n"
    world.submit(RENAME, more=more)
    _approve(world)
    world.submit(RENAME, more=more + "backfill: {batch_rows: 500}\n")
    with pytest.raises(OrchError, match="an earlier approval is void") as refused:
        world.service.advance("change")
    assert refused.value.exit_code == STALE
    assert world.service.status("change").state is State.PLANNED
    _approve(world)
    assert world.service.advance("change").state is State.EXPANDED
