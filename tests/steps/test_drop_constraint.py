"""A dropped constraint is done when it is gone, and absent only while the very one stands."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Seen
from orchestrator.core.step import AttachConstraint, DropConstraint
from tests.steps.scene import ORDERS, Case, Scene, expect

CHECK = DropConstraint(ORDERS, "few", "CHECK ((amount > '-9'::integer))", comment="it's")
ADD = "ALTER TABLE orders ADD CONSTRAINT few CHECK (amount > -9)"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        (ADD, Seen.ABSENT, ""),
        (f"{ADD} NOT VALID", Seen.PARTIAL, "not proved"),
        (
            "ALTER TABLE orders ADD CONSTRAINT few CHECK (amount > -8)",
            Seen.FOREIGN,
            "constraint few of public.orders is",
        ),
        ("ALTER TABLE orders ADD CONSTRAINT few UNIQUE (amount)", Seen.FOREIGN, "is UNIQUE (amount)"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, CHECK, case)


def test_a_constraint_that_was_not_valid_need_not_become_so(scene: Scene) -> None:
    step = DropConstraint(ORDERS, "few", "CHECK ((amount > '-9'::integer)) NOT VALID", validated=False)
    scene.run(f"{ADD} NOT VALID")
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    scene.send(step, undo=True)
    assert scene.link.execute("SELECT convalidated FROM pg_constraint WHERE conname = 'few'").fetchone() == (False,)


@pytest.mark.parametrize("broken", [False, True])
def test_there_and_back(scene: Scene, broken: bool) -> None:
    scene.run(ADD)
    scene.send(CHECK)
    assert scene.sees(CHECK).seen is Seen.DONE
    if broken:  # an undo that ended before VALIDATE
        scene.run(f"{ADD} NOT VALID")
    scene.send(CHECK, undo=True)
    assert scene.sees(CHECK).seen is Seen.ABSENT
    row = scene.link.execute("SELECT convalidated, obj_description(oid) FROM pg_constraint WHERE conname = 'few'")
    assert row.fetchone() == (True, "it's")


def test_a_foreign_key_there_and_back(scene: Scene) -> None:
    scene.run("ALTER TABLE orders ADD parent bigint CONSTRAINT up REFERENCES orders ON DELETE CASCADE DEFERRABLE")
    row = scene.link.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'up'").fetchone()
    assert row is not None
    step = DropConstraint(ORDERS, "up", row[0], references=TableName("public", "orders"))
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    scene.send(step, undo=True)
    after = scene.link.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'up'").fetchone()
    assert after == row


def test_a_key_comes_back_of_its_index(scene: Scene) -> None:
    attach = AttachConstraint(ORDERS, "orders_pkey", "PRIMARY KEY (id)", primary=True)
    step = DropConstraint(ORDERS, "orders_pkey", "PRIMARY KEY (id)", indexed=attach)
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.run("CREATE UNIQUE INDEX orders_pkey ON orders (id)")
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
