"""A column is numbered when the sequence's next number is its default, or when it is an identity by now."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.identitystep import NumberColumn
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect

SEQUENCE = TableName("public", 'the "numbers"')
STEP = NumberColumn(ORDERS, "amount", "integer", SEQUENCE)
MADE = 'CREATE SEQUENCE "the ""numbers""" AS int'
NUMBERED = MADE + ';\nALTER TABLE orders ALTER amount SET DEFAULT nextval(\'"the ""numbers"""\')'
IDENTITY = (
    "UPDATE orders SET amount = id;\nALTER TABLE orders ALTER amount SET NOT NULL,"
    " ALTER amount ADD GENERATED ALWAYS AS IDENTITY"
)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (NUMBERED, Seen.DONE, ""),
        (IDENTITY, Seen.DONE, ""),
        (MADE, Seen.PARTIAL, "has no default"),
        ("ALTER TABLE orders ALTER amount SET DEFAULT 5", Seen.FOREIGN, "has another default"),
        (NUMBERED + ";\nALTER TABLE orders ALTER amount SET DEFAULT 5", Seen.FOREIGN, "has another default"),
        ("ALTER TABLE orders DROP amount", Seen.FOREIGN, "amount is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


@pytest.mark.parametrize("made", ["", MADE])
def test_there_and_back(scene: Scene, made: str) -> None:
    scene.run(*filter(None, [made]))
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT
    assert scene.link.execute(
        "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname LIKE 'the%'"
    ).fetchone() == (0,)


def test_whoever_inserts_is_numbered(scene: Scene) -> None:
    """The default asks for a number as the one who inserts."""
    scene.run("GRANT INSERT, SELECT ON orders TO pg_monitor")
    scene.send(STEP)
    scene.run("SET LOCAL ROLE pg_monitor", "INSERT INTO orders (id) VALUES (7)", "RESET ROLE")
    assert scene.link.execute("SELECT amount FROM public.orders WHERE id = 7").fetchone() == (1,)
