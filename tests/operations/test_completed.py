"""A completed change leaves the schema and the rows that plain DDL would have left."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from state.model import State
from tests.operations import cases
from tests.operations.cases import Case, together
from tests.service.world import QUICK_UNPARKED, Shape, World, contents, shape


def _plainly(link: psycopg.Connection[Any], case: Case) -> tuple[Shape, list[dict[str, Any]]]:
    """What plain DDL leaves."""
    with link.transaction(force_rollback=True):
        for statement in (*case.before, *case.plain):
            link.execute(statement.encode())
        return shape(link, case.table), contents(link, case.table)


def _same(world: World, elsewhere: psycopg.Connection[Any], case: Case) -> None:
    found, rows = world.seen(case.table)
    wanted, wanted_rows = _plainly(elsewhere, case)
    for part in wanted:
        assert found[part] == wanted[part], part
    if case.same_rows:
        assert rows == wanted_rows
    assert world.service.audit_verify() == []


PARKED = (
    cases.ADD_COLUMN,
    cases.ADD_VOLATILE,
    together("rename_column", cases.RENAME, cases.RENAME_DEFAULT),
    cases.RENAME_RICH,
    cases.RENAME_KEYS,
    together("change_type", cases.CHANGE_TYPE, cases.CHANGE_BY_EXPRESSION, cases.CHANGE_ONE_WAY),
    cases.CHANGE_KEY,
    cases.NOT_NULL,
    cases.NOT_NULL_CONSTANT,
    cases.NOT_NULL_ROW,
    cases.ADD_INDEX,
    cases.DROP,
    cases.DROP_RICH,
    cases.SEVERAL,
)
UNPARKED = (cases.RENAME_RICH, cases.CHANGE_KEY, cases.DROP_RICH, cases.SEVERAL)


@pytest.mark.parametrize("case", PARKED, ids=str)
def test_the_schema_is_that_of_plain_ddl(world: World, elsewhere: psycopg.Connection[Any], case: Case) -> None:
    world.run(*case.before)
    world.submit(*case.operations)
    world.to(State.COMPLETED)
    _same(world, elsewhere, case)


@pytest.mark.parametrize("case", UNPARKED, ids=str)
def test_with_park_0_contract_completes(world: World, elsewhere: psycopg.Connection[Any], case: Case) -> None:
    world.run(*case.before)
    world.submit(*case.operations, more=QUICK_UNPARKED)
    assert world.to(State.SWITCHED).gate is not None
    assert world.step().state is State.COMPLETED
    assert "purge.started" not in world.kinds()
    _same(world, elsewhere, case)


def test_a_volatile_default_is_computed_for_each_row(world: World) -> None:
    world.submit(*cases.ADD_VOLATILE.operations)
    world.to(State.COMPLETED)
    assert world.rows("SELECT count(DISTINCT a7), count(DISTINCT a8) FROM orders") == [(300, 300)]
