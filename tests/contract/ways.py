"""What a way to be wrong is, and what must hold for each: refused, the old data intact, allowed again once repaired."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from orchestrator.core.errors import OrchError
from state.model import State
from tests.service.world import QUICK, World

RENAME = "rename_column: {table: orders, column: note, to: remark}"
UNSEEN = "SET session_replication_role = replica"
"""As logical replication applies rows: no trigger fires."""
TRIGGER = "(SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE '%{}')"
FUNCTION = (
    "(SELECT p.oid::regprocedure FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE t.tgrelid = 'orders'::regclass AND t.tgname LIKE '%upd')"
)
REFUSED, VOID, FOREIGN = 4, 6, 7
"""Exit codes; what is found under a name of orch's with another definition is for a person to judge."""


@dataclass(frozen=True)
class Way:
    """What goes wrong after the switch, the code of the refusal with words of it, and the repair.

    ``before`` is what the table has of its own before the change is submitted.
    """

    wrong: tuple[str, ...]
    words: str
    repair: tuple[str, ...]
    code: int = REFUSED
    operation: str = RENAME
    more: str = QUICK
    before: tuple[str, ...] = ()


def named(template: str, value: str) -> str:
    """A statement with a name in it that only the catalog knows."""
    return f"DO $do$ BEGIN EXECUTE format($f${template}$f$, {value}); END $do$"


def refused_then_allowed(world: World, way: Way) -> State:
    """Contract must be refused with the Way's code and nothing touched; where it is once that is repaired."""
    world.run(*way.before)
    world.submit(way.operation, more=way.more)
    world.to(State.SWITCHED)
    world.run(*way.wrong)
    before = world.rows("SELECT id, note, quantity FROM orders ORDER BY id")
    world.service.verify("change")
    world.service.approve("change")
    with pytest.raises(OrchError, match=way.words) as refused:
        world.service.advance("change")
    assert refused.value.exit_code == way.code
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT id, note, quantity FROM orders ORDER BY id") == before
    world.run(*way.repair)
    return _once_repaired(world)


def _once_repaired(world: World) -> State:
    """Where contract gets. A sync that was touched is filled and compared again first, and people are asked again."""
    world.service.verify("change")
    for _ in range(2):
        with contextlib.suppress(OrchError):
            world.step()
        if world.service.status("change").state is State.CONTRACTED:
            break
    assert world.service.audit_verify() == []
    return world.service.status("change").state
