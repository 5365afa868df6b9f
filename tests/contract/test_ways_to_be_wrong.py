"""Every way in which contract would be wrong: refused with its exit code, the old data intact, and allowed once repaired."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from orchestrator.core.errors import OrchError
from state.model import State
from tests.service.world import World

RENAME = "rename_column: {table: orders, column: note, to: remark}"
UNSEEN = "SET session_replication_role = replica"
TRIGGER = "(SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname LIKE '%upd')"
FUNCTION = (
    "(SELECT p.oid::regprocedure FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE t.tgrelid = 'orders'::regclass AND t.tgname LIKE '%upd')"
)


def _do(template: str, value: str) -> str:
    """A statement with a name in it that only the catalog knows."""
    return f"DO $do$ BEGIN EXECUTE format($f${template}$f$, {value}); END $do$"


@dataclass(frozen=True)
class Way:
    """What goes wrong after the switch, the code of the refusal with words of it, and the repair."""

    wrong: tuple[str, ...]
    code: int
    words: str
    repair: tuple[str, ...]


WAYS = {
    "a row drifted unseen": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = 'drifted' WHERE id = 7",),
        4,
        "id=7",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 7",),
    ),
    "a row was left unfilled": Way(
        (f"{UNSEEN}; UPDATE orders SET remark = NULL WHERE id = 8",),
        4,
        "id=8",
        (f"{UNSEEN}; UPDATE orders SET remark = note WHERE id = 8",),
    ),
    "a row came in by apply, which fires no trigger": Way(
        (f"{UNSEEN}; INSERT INTO orders (id, email, quantity, note) VALUES (900, 'apply@x.com', 1, 'new')",),
        4,
        "id=900",
        ("UPDATE orders SET note = note || 'er' WHERE id = 900",),
    ),
    "the trigger is disabled": Way(
        (_do("ALTER TABLE orders DISABLE TRIGGER %I", TRIGGER),),
        6,  # it is put right by advance, whereupon what was approved is no more
        "void",
        (_do("ALTER TABLE orders ENABLE TRIGGER %I", TRIGGER),),
    ),
    "a view names the column": Way(("CREATE VIEW reads AS SELECT note FROM orders",), 4, "view", ("DROP VIEW reads",)),
    "a policy names the column": Way(
        ("CREATE POLICY reads ON orders USING (note <> '')",), 4, "policy", ("DROP POLICY reads ON orders",)
    ),
    "a generated column reads the column": Way(
        ("ALTER TABLE orders ADD COLUMN shout text GENERATED ALWAYS AS (upper(note)) STORED",),
        4,
        "shout",
        ("ALTER TABLE orders DROP COLUMN shout",),
    ),
    "a publication lists the column": Way(
        ("CREATE PUBLICATION told FOR TABLE orders (id, note)",), 4, "publication", ("DROP PUBLICATION told",)
    ),
    "a function's body reads the column": Way(
        ("CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(note) FROM orders; END",),
        4,
        "reads",
        ("DROP FUNCTION reads()",),
    ),
    "a trigger fires after the sync": Way(
        (
            "CREATE FUNCTION last() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            'CREATE TRIGGER "~~~~" BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION last()',
        ),
        4,
        "fires after the sync",
        ("DROP FUNCTION last() CASCADE",),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_contract_is_refused_with_the_old_data_intact_and_allowed_once_repaired(world: World, way: str) -> None:
    given = WAYS[way]
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.run(*given.wrong)
    before = world.rows("SELECT id, note FROM orders ORDER BY id")
    world.service.verify("change")
    world.service.approve("change")
    with pytest.raises(OrchError, match=given.words) as refused:
        world.service.advance("change")
    assert refused.value.exit_code == given.code
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT id, note FROM orders ORDER BY id") == before
    world.run(*given.repair)
    world.service.verify("change")
    for _ in range(2):  # a sync that was touched is filled and compared again, and people are asked again
        with contextlib.suppress(OrchError):
            world.step()
        if world.service.status("change").state is State.CONTRACTED:
            break
    assert world.service.status("change").state is State.CONTRACTED
    assert world.service.audit_verify() == []
