"""Every operation by workers that die at every point in turn: it ends as plain DDL does, or as if it had not begun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from state.machine import TERMINAL
from state.model import GateName, State
from tests.conformance.example import Case, cases
from tests.conformance.scene import KEYS, Scene, change_file
from tests.conformance.schema import differences, shape
from tests.conformance.stage import ORDINARY, Stage
from tests.conformance.walk import FRAME
from tests.engine.killer import KILLED
from tests.service.world import World

ROOT = Path(__file__).parents[2]
CHANGE = "killed"
FIRST = [case for case in cases() if case.number == 0]
Rows = list[tuple[str | None, ...]]


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_workers_that_die_everywhere_bring_it_to_its_end(stage: Stage, case: Case) -> None:
    world = _submitted(stage, case)
    codes = _killed(world, State.COMPLETED)
    assert codes.count(KILLED) >= len(world.service.status(CHANGE).steps)
    assert _seen(world.url, case) == _seen(stage.plain(case.example), case)
    assert _differences(world.url, stage.plain(case.example)) == []


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_workers_that_die_everywhere_take_it_back(stage: Stage, case: Case) -> None:
    world = _submitted(stage, case)
    while not _before_contract(world):
        if world.service.status(CHANGE).state in TERMINAL:
            return  # it is done with its first phase: nothing leads back
        world.step(CHANGE)
    if world.service.status(CHANGE).state is State.PLANNED:
        return  # all of it is contract: there is nothing to take back
    world.service.abort(CHANGE, reason="a test says so")
    assert KILLED in _killed(world, State.ABORTED)
    assert _differences(world.url, stage.world(case.example).url) == []


def _submitted(stage: Stage, case: Case) -> World:
    world = stage.world(case.example)
    world.service.submit(change_file(Scene(case.example, ORDINARY, KEYS[0]), CHANGE, FRAME), "killed.yaml")
    return world


def _before_contract(world: World) -> bool:
    gate = world.service.status(CHANGE).gate
    return gate is not None and gate.phase is GateName.CONTRACT


def _killed(world: World, goal: State) -> list[int]:
    """Advance in workers that die; how each of them ended."""
    command = [sys.executable, "-m", "tests.engine.killer", world.url, CHANGE, goal.value, "events"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    assert world.service.status(CHANGE).state is goal, done.stderr
    assert world.service.audit_verify() == []
    return codes


def _differences(one: str, other: str) -> list[str]:
    with psycopg.connect(one, autocommit=True) as here, psycopg.connect(other, autocommit=True) as there:
        return differences(shape(here), shape(there))


def _seen(url: str, case: Case) -> Rows | None:
    """The rows of the new shape, columns by name; None where it has no table."""
    table = case.example.place().new
    with psycopg.connect(url, autocommit=True) as link:
        return None if table is None else _rows(link, table, case.example.by_chance)


def _rows(link: psycopg.Connection[Any], table: str, by_chance: tuple[str, ...]) -> Rows:
    found = link.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0"
        " AND NOT attisdropped AND attname <> ALL (%s) ORDER BY 1",
        [table, list(by_chance)],
    ).fetchall()
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for (name,) in found)
    return sorted(
        link.execute(sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table))).fetchall(), key=repr
    )
