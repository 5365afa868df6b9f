"""The primary key is recognised by its name and its columns, and changes hands with the foreign keys to it."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.keys import KeyReference, SwapPrimaryKey
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect

LINES = TableName("public", "lines")
SWAP = SwapPrimaryKey(
    ORDERS,
    "orders_pkey",
    ("id",),
    ("amount",),
    "twin",
    "back",
    "it's",
    (KeyReference(LINES, "of_order", "of_order_twin"),),
)
MADE = (
    "CREATE UNIQUE INDEX twin ON orders (amount)",
    "ALTER TABLE orders ALTER amount SET NOT NULL",
    "CREATE TABLE lines (old bigint CONSTRAINT of_order REFERENCES orders, new int)",
    "ALTER TABLE lines ADD CONSTRAINT of_order_twin FOREIGN KEY (new) REFERENCES orders (amount)",
)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD CONSTRAINT orders_pkey PRIMARY KEY (amount)",
            Seen.DONE,
            "",
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD CONSTRAINT another PRIMARY KEY (id)",
            Seen.FOREIGN,
            "another",
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD CONSTRAINT orders_pkey PRIMARY KEY (id, amount)",
            Seen.FOREIGN,
            "orders_pkey (id, amount)",
        ),
        ("ALTER TABLE orders DROP CONSTRAINT orders_pkey", Seen.FOREIGN, "has no primary key"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, SWAP, case)


def test_there_and_back(scene: Scene) -> None:
    scene.run(*MADE)
    scene.send(SWAP)
    assert scene.sees(SWAP).seen is Seen.DONE
    assert _keys(scene) == [("of_order_twin", "amount", "orders_pkey"), ("orders_pkey", None, "orders_pkey")]
    scene.run(
        "CREATE UNIQUE INDEX twin ON orders (amount)",
        "CREATE UNIQUE INDEX back ON orders (id)",
        "ALTER TABLE lines ADD CONSTRAINT of_order FOREIGN KEY (old) REFERENCES orders (id)",
    )
    scene.send(SWAP, undo=True)
    assert scene.sees(SWAP).seen is Seen.ABSENT
    assert _keys(scene) == [("of_order", "id", "orders_pkey"), ("orders_pkey", None, "orders_pkey")]


def _keys(scene: Scene) -> list[tuple[str, str | None, str]]:
    """Keys and foreign keys, what they refer to, and the index they go by."""
    query = """
        SELECT k.conname::text, (SELECT a.attname::text FROM pg_attribute a
                                  WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1]), x.relname::text
          FROM pg_constraint k JOIN pg_class x ON x.oid = k.conindid
         WHERE k.connamespace = 'public'::regnamespace AND k.contype IN ('p', 'f') ORDER BY 1"""
    return scene.link.execute(query).fetchall()
