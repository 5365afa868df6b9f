"""Plans of operations on constraints and indexes: which phase, what stands in each other's way, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.core.catalog import Constraint, Dependent, Index, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import PHASES, Plan
from tests.core.catalogs import ORDERS, SETTINGS, operation, planned

RENAME = operation("rename_column", column="email", to="customer_email")
REFERENCE = operation("add_foreign_key", columns=["quantity"], references="orders", to=["id"])
TO_EMAIL = operation("add_foreign_key", columns=["note"], references="orders", to=["email"])
UNIQUE = operation("add_unique", columns=["note"], name="x")
INDEX = operation("drop_index", index="one")
DROP = operation("drop_constraint", constraint="one")

_BTREE = "CREATE UNIQUE INDEX one ON public.orders USING btree"
ONE = Index("one", f"{_BTREE} (email)", ("email",), True, False, True)
SOME = replace(ONE, definition=f"{_BTREE} (email) WHERE (note <> ''::text)")
LOWER = replace(ONE, definition=f"{_BTREE} (lower(email))")
KEPT = replace(ONE, constraint="one")
IDENTITY = replace(ONE, replica_identity=True)
GIST = replace(ONE, definition="CREATE INDEX one ON public.orders USING gist (email)", unique=False)
KEY = Constraint("one", "u", ("email",), "UNIQUE (email)", True, index="one")
BY_ONE = Constraint("lines_order", "f", ("email",), "FOREIGN KEY …", True, inbound=True, index="one")
GROUPED = replace(KEY, kind="p", views=("daily",))
EXCLUDED = replace(KEY, kind="x")
PAIR = Constraint("pair", "c", ("email", "note"), "CHECK ((email <> note))", True, condition="(email <> note)")
OFF = replace(PAIR, name="one", definition="CHECK ((email <> ''::text)) NOT ENFORCED", validated=False)
PUBLISHED = Dependent("publication", "all", "")


def kinds(plan: Plan, *phases: str) -> list[str]:
    """The kinds of the steps of some phases, or of all."""
    return [each.step.kind for each in plan.of(*(phases or PHASES))]


def test_what_old_versions_may_break_waits_for_contract() -> None:
    unique, reference = planned(UNIQUE), planned(REFERENCE)
    assert kinds(unique) == kinds(unique, "contract") == ["create_index", "attach_constraint"]
    assert kinds(reference) == kinds(reference, "contract") == ["add_constraint", "validate_constraint"]
    keyed = planned(operation("add_primary_key", columns=["email", "note"]), constraints=(), indexes=())
    proof = ["add_constraint", "validate_constraint", "set_not_null"]
    assert kinds(keyed) == kinds(keyed, "contract") == [*proof, "create_index", "attach_constraint"]


def test_what_old_versions_may_rely_on_goes_in_contract_and_comes_back_until_purge() -> None:
    for asked, table, steps in (
        (DROP, {"constraints": (KEY,), "indexes": (KEPT,)}, ["drop_constraint", "drop_index"]),
        (INDEX, {"indexes": (ONE,)}, ["drop_index"]),
    ):
        plan = planned(asked, **table)
        assert kinds(plan, "contract") == steps
        assert kinds(plan, "purge") == ["give_up"]
        assert kinds(planned(asked, settings=replace(SETTINGS, park=0.0), **table)) == steps


def test_what_takes_a_rule_away_comes_in_expand_and_can_be_aborted_until_contract() -> None:
    plan = planned(operation("drop_constraint", constraint="pair"), constraints=(PAIR,))
    assert kinds(plan, "expand") == ["drop_constraint"]
    assert kinds(plan, "contract") == ["give_up"]


@pytest.mark.parametrize(
    ("operations", "table", "words"),
    [
        ((operation("add_unique", columns=["email"]), RENAME), {}, "1 reads public.orders.email, which 2 changes"),
        ((TO_EMAIL, RENAME), {"indexes": (ONE,)}, "1 reads public.orders.email, which 2 changes|unique index"),
        ((UNIQUE, operation("add_index", columns=["id"], name="x")), {}, "1 and 2 both change public.orders.index x"),
        (
            (UNIQUE, operation("add_check", check="note", name="x")),
            {},
            "1 and 2 both change public.orders.constraint x",
        ),
        ((INDEX, INDEX), {"indexes": (ONE,)}, "1 and 2 both change public.orders.index one"),
        ((DROP, INDEX), {"indexes": (ONE,), "constraints": (KEY,)}, "1 and 2 both change public.orders.index one"),
        (
            (operation("drop_constraint", constraint="pair"), RENAME),
            {"constraints": (PAIR,)},
            "1 reads public.orders.email, which 2 changes",
        ),
        (
            (operation("add_primary_key", columns=["note"]), operation("set_not_null", column="note")),
            {"constraints": (), "indexes": ()},
            "1 and 2 both change public.orders.note",
        ),
    ],
)
def test_operations_in_each_others_way_are_named(
    operations: tuple[Any, ...], table: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlanRefused, match=words):
        planned(*operations, **table)


@pytest.mark.parametrize(
    ("asked", "table", "words"),
    [
        (operation("add_unique", columns=["email"], name="orders_pkey"), {}, "index orders_pkey already"),
        (operation("add_unique", columns=["nope"]), {}, "no column 'nope'"),
        (UNIQUE, {"inherits": True}, "would go on to its children"),
        (operation("add_primary_key", columns=["email"]), {}, "has the primary key orders_pkey already"),
        (operation("add_foreign_key", columns=["email"], references="orders"), {}, "email is text, public.orders.id is bigint"),
        (TO_EMAIL, {}, "no unique constraint over email"),
        (TO_EMAIL, {"indexes": (SOME,)}, "no unique constraint over email"),
        (TO_EMAIL, {"indexes": (LOWER,)}, "no unique constraint over email"),
        (TO_EMAIL, {"indexes": (replace(ONE, valid=False),)}, "no unique constraint over email"),
        (operation("add_foreign_key", columns=["note", "id"], references="orders"), {}, "2 columns .* cannot refer to 1"),
        (operation("add_foreign_key", columns=["note"], references="orders"), {"constraints": ()}, "no primary key to refer"),
        (operation("add_foreign_key", columns=["id"], references="orders", on_delete="set null"), {}, "SET NULL would fail"),
        (operation("drop_index", index="nope"), {}, "has no index nope"),
        (INDEX, {"indexes": (KEPT,)}, "belongs to the constraint one"),
        (INDEX, {"indexes": (IDENTITY,)}, "subscribers are told of rows"),
        (INDEX, {"indexes": (ONE,), "constraints": (BY_ONE,)}, "foreign key lines_order of another table"),
        (operation("replace_index", index="nope"), {}, "has no index nope"),
        (operation("replace_index", index="one"), {"indexes": (ONE,)}, "is unique"),
        (operation("replace_index", index="one"), {"indexes": (KEPT,)}, "belongs to the constraint one"),
        (operation("replace_index", index="one", columns=["nope"]), {"indexes": (GIST,)}, "no column 'nope'"),
        (operation("add_index", columns=[{"column": "nope"}]), {}, "no column 'nope'"),
        (operation("drop_constraint", constraint="nope"), {}, "has no constraint nope"),
        (DROP, {"constraints": (EXCLUDED,), "indexes": (GIST,)}, "exclusion constraint"),
        (DROP, {"constraints": (KEY, BY_ONE), "indexes": (KEPT,)}, "foreign key lines_order of another table"),
        (DROP, {"constraints": (KEY,), "indexes": (IDENTITY,)}, "subscribers are told of rows"),
        (DROP, {"constraints": (GROUPED,), "indexes": (KEPT,)}, "daily group by the key one"),
        (operation("drop_constraint", constraint="orders_pkey"), {"dependents": (PUBLISHED,)}, "published by all"),
        (DROP, {"constraints": (OFF,)}, "is not enforced"),
    ],
)  # fmt: skip
def test_refusals_say_what_and_how_around(asked: Any, table: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanRefused, match=words) as refused:
        planned(asked, **table)
    assert refused.value.next_step


def test_an_index_in_use_is_replaced_under_its_name() -> None:
    index = replace(ONE, definition="CREATE INDEX one ON public.orders USING btree (email)", unique=False)
    asked = operation("replace_index", index="one", columns=["email", "note"])
    plan = planned(asked, indexes=(index,))
    assert kinds(plan, "expand") == ["create_index"]
    assert kinds(plan, "contract") == ["swap_index"]
    assert kinds(plan, "purge") == ["drop_index"]
    at_once = planned(asked, indexes=(index,), settings=replace(SETTINGS, park=0.0))
    assert kinds(at_once, "contract") == ["swap_index", "drop_index"]
    with pytest.raises(PlanRefused, match=r"1 reads public\.orders\.email, which 2 changes"):
        planned(asked, RENAME, indexes=(index,))


def test_a_unique_index_waits_for_contract() -> None:
    assert kinds(planned(operation("add_index", columns=["note"], unique=True)), "contract") == ["create_index"]
    assert kinds(planned(operation("add_index", columns=["note"])), "expand") == ["create_index"]


@pytest.mark.parametrize(
    "keys",
    [
        {"columns": [{"column": "note", "expression": "note"}]},
        {"columns": [{"opclass": "text_ops"}]},
        {"columns": [{"column": "note", "opclass": "text_ops) --"}]},
        {"columns": [{"column": "note", "order": "up"}]},
        {"columns": []},
    ],
)
def test_keys_that_are_none(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="columns"):
        operation("add_index", **keys)


def test_a_part_of_an_index_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="the whole of the new index"):
        operation("replace_index", index="one", include=["note"])


def test_a_foreign_key_without_an_index_of_its_own_is_said() -> None:
    assert "each delete in public.orders reads all of it" in " ".join(planned(REFERENCE).notes)
    index = Index("q", "CREATE INDEX q ON public.orders USING btree (quantity)", ("quantity",), False, False, True)
    assert "reads all of it" not in " ".join(planned(REFERENCE, indexes=(*ORDERS.indexes, index)).notes)


def test_a_foreign_key_says_where_it_points() -> None:
    step = planned(REFERENCE).steps[0].step
    assert step.kind == "add_constraint"
    assert step.references == TableName("public", "orders")
    assert step.definition == 'FOREIGN KEY ("quantity") REFERENCES "public"."orders" ("id")'
