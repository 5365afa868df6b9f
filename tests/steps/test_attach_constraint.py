"""A key is recognised by what it says, and is made of the index of its name."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import AttachConstraint
from tests.steps.scene import ORDERS, Case, Scene, expect

KEY = AttachConstraint(ORDERS, "one_note", 'UNIQUE ("note") INCLUDE ("amount")')
INDEX = "CREATE UNIQUE INDEX one_note ON orders (note) INCLUDE (amount)"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (INDEX, Seen.ABSENT, ""),
        (f"{INDEX};\nALTER TABLE orders ADD CONSTRAINT one_note UNIQUE USING INDEX one_note", Seen.DONE, ""),
        ("ALTER TABLE orders ADD CONSTRAINT one_note UNIQUE (note)", Seen.FOREIGN, "is UNIQUE (note), expected"),
        ("ALTER TABLE orders ADD CONSTRAINT one_note UNIQUE (amount)", Seen.FOREIGN, "one_note"),
        ("ALTER TABLE orders ADD CONSTRAINT one_note CHECK (amount > -9)", Seen.FOREIGN, "one_note"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, KEY, case)


@pytest.mark.parametrize("deferrable", ["", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"])
def test_there_and_back(scene: Scene, deferrable: str) -> None:
    step = AttachConstraint(ORDERS, "one_note", f"UNIQUE (note){deferrable}", deferrable=deferrable, comment="it's")
    scene.run("CREATE UNIQUE INDEX one_note ON orders (note)")
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    comment = scene.link.execute("SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'one_note'").fetchone()
    assert comment == ("it's",)
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
    assert scene.link.execute("SELECT to_regclass('public.one_note')").fetchone() == (None,)


def test_a_primary_key(scene: Scene) -> None:
    scene.run("ALTER TABLE orders DROP CONSTRAINT orders_pkey", "CREATE UNIQUE INDEX the_key ON orders (id)")
    step = AttachConstraint(ORDERS, "the_key", "PRIMARY KEY (id)", primary=True)
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    assert scene.sees(AttachConstraint(ORDERS, "the_key", "UNIQUE (id)")).seen is Seen.FOREIGN
