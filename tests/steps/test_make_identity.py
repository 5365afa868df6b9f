"""A numbered column becomes an identity, and back, and no number is given twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.identitystep import MakeIdentity
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect
from tests.steps.test_number_column import IDENTITY, NUMBERED, SEQUENCE
from tests.steps.test_number_column import STEP as NUMBER

STEP = MakeIdentity(ORDERS, "amount", "integer", SEQUENCE, always=True)


@pytest.mark.parametrize(
    "case",
    [
        (NUMBERED, Seen.ABSENT, ""),
        (IDENTITY, Seen.DONE, ""),
        (IDENTITY.replace("ALWAYS", "BY DEFAULT"), Seen.FOREIGN, "is another identity, expected an identity (always)"),
        ("", Seen.FOREIGN, "is not numbered by"),
        ("ALTER TABLE orders ALTER amount SET DEFAULT 5", Seen.FOREIGN, "is not numbered by"),
        ("DROP TABLE orders", Seen.FOREIGN, "amount is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def _next(scene: Scene, key: int) -> int:
    scene.run(f"INSERT INTO orders (id) VALUES ({key})")
    row = scene.link.execute("SELECT amount FROM public.orders WHERE id = %s", [key]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("always", [True, False])
def test_numbers_go_on_there_and_back(scene: Scene, always: bool) -> None:
    step = replace(STEP, always=always)
    scene.send(NUMBER)
    found = [_next(scene, 10), _next(scene, 11)]
    scene.run("ALTER TABLE orders ALTER amount SET NOT NULL")
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    assert scene.sees(NUMBER).seen is Seen.DONE
    found.append(_next(scene, 12))
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
    found.append(_next(scene, 13))
    scene.send(step)
    found.append(_next(scene, 14))
    assert found == [1, 2, 3, 4, 5]
    left = "SELECT relname FROM pg_class WHERE relkind = 'S' AND (relname LIKE 'the%' OR relname LIKE 'orders%')"
    assert scene.link.execute(left.encode()).fetchall() == [("orders_amount_seq",)]


def test_a_sequence_from_which_nothing_was_taken_begins_at_one(scene: Scene) -> None:
    scene.run("DELETE FROM orders")
    scene.send(NUMBER)
    scene.run("ALTER TABLE orders ALTER amount SET NOT NULL")
    scene.send(STEP)
    assert _next(scene, 1) == 1
