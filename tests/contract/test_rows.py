"""Rows and syncs because of which contract would lose data: each is refused, and allowed again once repaired."""

from __future__ import annotations

import pytest

from state.model import State
from tests.contract.ways import FOREIGN, FUNCTION, TRIGGER, UNSEEN, VOID, Way, named, refused_then_allowed
from tests.service.world import World

UPDATING, INSERTING = TRIGGER.format("upd"), TRIGGER.format("ins")
NUMBER = "change_type: {table: orders, column: quantity, to: amount, type: smallint, up: quantity::smallint, down: amount::int}"

ROWS = {
    "one drifted unseen": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = 'drifted' WHERE id = 7",),
        "id=7",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 7",),
    ),
    "one was written in the old shape unseen": Way(
        (f"{UNSEEN}; UPDATE orders SET note = 'by apply' WHERE id = 10",),
        "id=10",
        ("UPDATE orders SET note = note || '!' WHERE id = 10",),
    ),
    "one was left unfilled": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = NULL WHERE id = 8",),
        "id=8",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 8",),
    ),
    "one was emptied in the old shape unseen": Way(
        (f"{UNSEEN}; UPDATE orders SET note = NULL WHERE id = 12",),
        "id=12",
        ("UPDATE orders SET remark = NULL WHERE id = 12",),
    ),
    "one came in by apply, which fires no trigger": Way(
        (f"{UNSEEN}; INSERT INTO orders (id, email, quantity, note) VALUES (900, 'apply@x.com', 1, 'new')",),
        "id=900",
        ("UPDATE orders SET note = note || 'er' WHERE id = 900",),
    ),
    "one drifted and has another key since": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = 'drifted', id = 901 WHERE id = 9",),
        "id=901",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 901",),
    ),
    "only letters' case differs": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = 'N' WHERE id = 14",),
        "id=14",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 14",),
    ),
    "nothing and an empty text differ": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = '' WHERE id = 15",),
        "id=15",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 15",),
    ),
    "every row drifted": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = 'all'",),
        "300",
        (f"{UNSEEN}; UPDATE orders SET remark = note",),
    ),
    "one does not convert": Way(
        ("UPDATE orders SET quantity = 40000 WHERE id = 16",),
        "id=16",
        ("UPDATE orders SET quantity = 4000 WHERE id = 16",),
        operation=NUMBER,
    ),
    "one came in that does not convert": Way(
        ("INSERT INTO orders (id, email, quantity) VALUES (902, 'big@x.com', 2000000000)",),
        "id=902",
        ("DELETE FROM orders WHERE id = 902",),
        operation=NUMBER,
    ),
}
NO_MORE = "void"
"""What was approved: advance puts the sync right, and so looks at other evidence than people did."""
SYNC = {
    "a trigger is disabled": Way(
        (named("ALTER TABLE orders DISABLE TRIGGER %I", UPDATING),),
        NO_MORE,
        (named("ALTER TABLE orders ENABLE TRIGGER %I", UPDATING),),
        VOID,
    ),
    "all triggers are disabled": Way(
        ("ALTER TABLE orders DISABLE TRIGGER USER",), NO_MORE, ("ALTER TABLE orders ENABLE TRIGGER USER",), VOID
    ),
    "a trigger fires for replicas only": Way(
        (named("ALTER TABLE orders ENABLE REPLICA TRIGGER %I", UPDATING),),
        NO_MORE,
        (named("ALTER TABLE orders ENABLE TRIGGER %I", UPDATING),),
        VOID,
    ),
    "a trigger is gone": Way((named("DROP TRIGGER %I ON orders", INSERTING),), NO_MORE, (), VOID),
    "a trigger was dropped and made again": Way(
        (
            "CREATE TABLE kept AS SELECT pg_get_triggerdef(oid) AS made FROM pg_trigger"
            f" WHERE tgrelid = 'orders'::regclass AND tgname = {UPDATING}",
            named("DROP TRIGGER %I ON orders", UPDATING),
            "UPDATE orders SET note = 'between' WHERE id = 18",
            "DO $do$ BEGIN EXECUTE (SELECT made FROM kept); END $do$",
        ),
        NO_MORE,
        ("UPDATE orders SET remark = 'between' WHERE id = 18",),
        VOID,
    ),
    "a trigger's function does nothing": Way(
        (
            f"CREATE TABLE kept AS SELECT pg_get_functiondef({FUNCTION}) AS made",
            named(
                "CREATE OR REPLACE FUNCTION %s RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                f"{FUNCTION}::text",
            ),
        ),
        "foreign",
        ("DO $do$ BEGIN EXECUTE (SELECT made FROM kept); END $do$",),
        FOREIGN,
    ),
    "a trigger fires after the sync": Way(
        (
            "CREATE FUNCTION last() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            'CREATE TRIGGER "~~~~" BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION last()',
        ),
        "fires after the sync",
        ("DROP FUNCTION last() CASCADE",),
    ),
}


NEW = "{} LIKE '%remark%'"
BUILT = {
    "an index of the new shape is invalid": Way(
        ("UPDATE pg_index SET indisvalid = false WHERE " + NEW.format("pg_get_indexdef(indexrelid)"),),
        "an earlier approval is void",
        (),
        VOID,
        before=("CREATE INDEX by_note ON orders (note)",),
    ),
    "a constraint of the new shape is not validated": Way(
        (
            "UPDATE pg_constraint SET convalidated = false WHERE contype = 'c' AND "
            + NEW.format("pg_get_constraintdef(oid)"),
        ),
        "an earlier approval is void",
        (),
        VOID,
        before=("ALTER TABLE orders ADD CONSTRAINT note_is_short CHECK (length(note) < 1000)",),
    ),
}
"""Nobody has to repair these: every step is looked at before a gate, and what does not stand is brought about again; but what
people approved had failed, so they are asked anew."""


@pytest.mark.parametrize("way", BUILT.values(), ids=BUILT.keys())
def test_what_was_built(world: World, way: Way) -> None:
    assert refused_then_allowed(world, way) is State.CONTRACTED
    assert world.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert world.rows("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(0,)]


@pytest.mark.parametrize("way", ROWS.values(), ids=ROWS.keys())
def test_a_row(world: World, way: Way) -> None:
    assert refused_then_allowed(world, way) is State.CONTRACTED


@pytest.mark.parametrize("way", SYNC.values(), ids=SYNC.keys())
def test_a_sync(world: World, way: Way) -> None:
    assert refused_then_allowed(world, way) is State.CONTRACTED
