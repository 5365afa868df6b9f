"""Another definition under a planned name: exit 7, with what was seen, what was expected and what a person can do.

How each kind of Step tells its own from another's is in ``tests/steps``; here it is what ``orch advance`` makes of it, and that
nothing of the stranger's was touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from orchestrator.core.errors import Indeterminate
from orchestrator.core.progress import Listener, Progress, nobody
from state.model import State
from tests.service.world import QUICK, Shape, World, shape

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"
RETYPE = "change_type: {table: orders, column: quantity, to: amount, type: bigint, down: 'amount::int'}"
ADD = "add_column: {table: orders, column: token, type: text, default: 'md5(random()::text)'}"
NOT_NULL = "set_not_null: {table: orders, column: note, fill: \"'none'\"}"


@dataclass(frozen=True)
class Stranger:
    """What is put in the way, when, how it is told, and how a person clears it away again."""

    operation: str
    rest: State
    by_hand: str
    told: tuple[str, ...]
    cleared: str
    before: str = ""
    """The kind of the step before which it appears; else it appears at rest."""


CASES = {
    "a column of another type": Stranger(
        RENAME,
        State.PLANNED,
        "ALTER TABLE orders ADD customer_email int",
        ("customer_email is integer", "expected text"),
        "ALTER TABLE orders DROP customer_email",
        before="add_column",
    ),
    "another default": Stranger(
        ADD,
        State.EXPANDED,
        "ALTER TABLE orders ALTER token SET DEFAULT md5('shop')",
        ("the default of public.orders.token is md5('shop'::text)", "expected md5(random()::text)"),
        "ALTER TABLE orders ALTER token SET DEFAULT md5(random()::text)",
    ),
    "a trigger of another body": Stranger(
        RENAME,
        State.EXPANDED,
        "DO $$BEGIN EXECUTE (SELECT replace(pg_get_functiondef(oid), 'BEGIN', 'BEGIN /* mended */')"
        " FROM pg_proc WHERE proname LIKE 'sync\\_%' AND prorettype = 'trigger'::regtype); END$$",
        ("function orch_target.sync_", "was changed", "expected that of sync"),
        "DO $$BEGIN EXECUTE (SELECT replace(pg_get_functiondef(oid), 'BEGIN /* mended */', 'BEGIN')"
        " FROM pg_proc WHERE proname LIKE 'sync\\_%' AND prorettype = 'trigger'::regtype); END$$",
    ),
    "a conversion of another meaning": Stranger(
        RETYPE,
        State.BACKFILLED,
        "DO $$BEGIN EXECUTE (SELECT replace(pg_get_functiondef(oid), 'CAST', '1 + CAST')"
        " FROM pg_proc WHERE proname LIKE 'up\\_%'); END$$",
        ("function orch_target.up_", "was changed"),
        "DO $$BEGIN EXECUTE (SELECT replace(pg_get_functiondef(oid), '1 + CAST', 'CAST')"
        " FROM pg_proc WHERE proname LIKE 'up\\_%'); END$$",
    ),
    "a table without its column": Stranger(
        ADD,
        State.EXPANDED,
        "ALTER TABLE orders RENAME TO orders_of_old",
        ("table public.orders is gone",),
        "ALTER TABLE orders_of_old RENAME TO orders",
    ),
    "an index of other columns": Stranger(
        "add_index: {table: orders, columns: [email], name: by_email}",
        State.PLANNED,
        "CREATE INDEX by_email ON orders (note)",
        ("another index than the one planned", "(note)", "(email)"),
        "DROP INDEX by_email",
        before="create_index",
    ),
    "an index of another predicate": Stranger(
        RENAME,
        State.BACKFILLED,
        "DO $$DECLARE i text; BEGIN SELECT indexrelid::regclass INTO i FROM pg_index"
        " WHERE indexrelid::regclass::text ~ 'email_idx_'; EXECUTE 'DROP INDEX ' || i;"
        " EXECUTE 'CREATE INDEX ' || i || ' ON orders (lower(customer_email))'; END$$",
        ("another index than the one planned", "WHERE"),
        "DO $$BEGIN EXECUTE (SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index"
        " WHERE indexrelid::regclass::text ~ 'email_idx_'); END$$",
    ),
    "a constraint of another condition": Stranger(
        NOT_NULL,
        State.EXPANDED,
        "ALTER TABLE orders ADD CONSTRAINT \"{name}\" CHECK (note <> '')",
        ("constraint note", "of public.orders is CHECK", 'expected CHECK ("note" IS NOT NULL)'),
        "DO $$BEGIN EXECUTE (SELECT format('ALTER TABLE orders DROP CONSTRAINT %I', conname)"
        " FROM pg_constraint WHERE conname LIKE 'note%' AND conrelid = 'orders'::regclass AND contype = 'c'); END$$",
        before="add_constraint",
    ),
    "an old column that is there twice": Stranger(
        RENAME,
        State.SWITCHED,
        'ALTER TABLE orders ADD "{parked}" text',
        ("has both email and _orch_parked_", "expected one of them"),
        "DO $$BEGIN EXECUTE (SELECT format('ALTER TABLE orders DROP %I', attname) FROM pg_attribute"
        " WHERE attname LIKE '\\_orch%' AND attrelid = 'orders'::regclass); END$$",
        before="park_column",
    ),
}


def _by_hand(world: World, stranger: Stranger) -> None:
    """Names that only the plan knows stand as ``{proof}`` and ``{parked}``."""
    step = next((step for step in _steps(world) if step["kind"] == stranger.before), {})
    names = {key: step[key] for key in ("proof", "parked", "name") if step.get(key)}
    world.run(stranger.by_hand.format(**names) if names else stranger.by_hand)


def _steps(world: World) -> list[dict[str, Any]]:
    return [planned["step"] for planned in world.service._row("change").plan["steps"]]


def _appearing(world: World, stranger: Stranger) -> Listener:
    """Puts the stranger in the way once: when the phase begins, or the step before it is done."""
    first = [step["kind"] for step in _steps(world)].index(stranger.before) + 1
    put: list[bool] = []

    def listen(progress: Progress) -> None:
        begins = progress.kind == "phase" and progress.message in ("expanding", "backfilling", "contracting")
        if not put and (begins or (progress.kind == "step.done" and progress.ordinal == first - 1)):
            put.append(True)
            _by_hand(world, stranger)

    return listen


def _shape(world: World) -> Shape:
    with psycopg.connect(world.url, autocommit=True) as link:
        return shape(link)


@pytest.mark.parametrize("case", CASES)
def test_it_is_left_for_a_person_and_goes_on_when_cleared(world: World, case: str) -> None:
    stranger = CASES[case]
    world.submit(stranger.operation, more=QUICK)
    world.to(stranger.rest)
    listen: Listener = nobody
    if stranger.before:
        listen = _appearing(world, stranger)
    else:
        _by_hand(world, stranger)
    with pytest.raises(Indeterminate) as caught:
        for _ in range(3):
            world.step(listen=listen)
    shape = _shape(world)
    with pytest.raises(Indeterminate) as again:
        world.service.advance("change")
    assert again.value.exit_code == 7
    for told in stranger.told:
        assert told in caught.value.message
        assert told in again.value.message
    for way in ("orch advance change", "orch abort change", "restore what orch expects"):
        assert way in (again.value.next_step or "")
    assert _shape(world) == shape
    world.run(stranger.cleared)
    world.to(State.COMPLETED)
    assert world.service.audit_verify() == []
