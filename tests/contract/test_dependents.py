"""What names the column that goes: contract is refused with its name, and allowed once it is gone."""

from __future__ import annotations

import pytest

from state.model import State
from tests.contract.ways import Way, refused_then_allowed
from tests.service.world import World

FUNCTION = "CREATE FUNCTION reads() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
WAYS = {
    "a view": Way(("CREATE VIEW reads AS SELECT note FROM orders",), "view", ("DROP VIEW reads",)),
    "a view of every column": Way(("CREATE VIEW reads AS SELECT * FROM orders",), "view", ("DROP VIEW reads",)),
    "a view in another schema": Way(
        ("CREATE SCHEMA reports", "CREATE VIEW reports.reads AS SELECT id FROM orders WHERE note <> ''"),
        "reports.reads",
        ("DROP SCHEMA reports CASCADE",),
    ),
    "a materialized view": Way(
        ("CREATE MATERIALIZED VIEW reads AS SELECT note, count(*) FROM orders GROUP BY 1",),
        "view",
        ("DROP MATERIALIZED VIEW reads",),
    ),
    "a rule": Way(
        ("CREATE RULE reads AS ON UPDATE TO orders WHERE NEW.note = 'never' DO ALSO NOTHING",),
        "rule",
        ("DROP RULE reads ON orders",),
    ),
    "a policy": Way(("CREATE POLICY reads ON orders USING (note <> '')",), "policy", ("DROP POLICY reads ON orders",)),
    "a policy on another table": Way(
        (
            "CREATE TABLE other (id bigint)",
            "CREATE POLICY reads ON other USING (EXISTS (SELECT FROM orders o WHERE o.note = 'x'))",
        ),
        "policy",
        ("DROP TABLE other",),
    ),
    "a generated column": Way(
        ("ALTER TABLE orders ADD COLUMN shout text GENERATED ALWAYS AS (upper(note)) STORED",),
        "shout",
        ("ALTER TABLE orders DROP COLUMN shout",),
    ),
    "a publication": Way(
        ("CREATE PUBLICATION told FOR TABLE orders (id, note)",), "publication", ("DROP PUBLICATION told",)
    ),
    "a publication's row filter": Way(
        ("CREATE PUBLICATION told FOR TABLE orders WHERE (note <> '') WITH (publish = 'insert')",),
        "publication",
        ("DROP PUBLICATION told",),
    ),
    "a function of SQL": Way(
        ("CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(note) FROM orders; END",),
        "reads",
        ("DROP FUNCTION reads()",),
    ),
    "a trigger's condition": Way(
        (
            FUNCTION,
            "CREATE TRIGGER a BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.note = 'never') EXECUTE FUNCTION reads()",
        ),
        "trigger",
        ("DROP TRIGGER a ON orders",),
    ),
    "a trigger on updates of it": Way(
        (FUNCTION, "CREATE TRIGGER a BEFORE UPDATE OF note ON orders FOR EACH ROW EXECUTE FUNCTION reads()"),
        "trigger",
        ("DROP TRIGGER a ON orders",),
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_names_the_column(world: World, way: Way) -> None:
    assert refused_then_allowed(world, way) is State.CONTRACTED
