"""Plans are pure: from synthetic Catalogs, the order of their steps, conflicts, digests and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core import step as steps
from orchestrator.core.asked import ExpressionFacts
from orchestrator.core.catalog import (
    Column,
    Constraint,
    Dependent,
    Index,
    Own,
    Partition,
    Partitioning,
    TableName,
    Trigger,
)
from orchestrator.core.errors import PlanRefused
from orchestrator.core.gate import GatePolicy
from orchestrator.core.plan import PHASES, Plan, PlannedStep, Query, parse_plan, plan_json
from orchestrator.core.sync import Argument, Conversion
from state.digest import plan_sha256
from tests.core.catalogs import ORDERS, SETTINGS, operation, planned

RENAME = operation("rename_column", column="email", to="customer_email")
RETYPE = operation("change_type", column="quantity", to="amount", type="bigint")
NOT_NULL = operation("set_not_null", column="note", fill="'none'")
DROP = operation("drop_column", column="status")


def kinds(plan: Plan, *phases: str) -> list[str]:
    """The kinds of the steps of some phases, or of all."""
    return [each.step.kind for each in plan.of(*(phases or PHASES))]


# -- the shape of a plan -------------------------------------------------------------------------------------------


def test_a_rename_in_steps() -> None:
    plan = planned(RENAME)
    assert kinds(plan, "expand") == ["add_column", "install_sync"]
    assert kinds(plan, "backfill") == ["backfill", "add_constraint", "validate_constraint", "set_not_null"]
    assert kinds(plan, "switch_reads") == ["switch_reads"]
    assert kinds(plan, "contract") == ["park_column"]
    assert kinds(plan, "purge") == ["purge_column"]
    assert plan.parks


def test_constraints_of_a_value_that_may_not_convert_wait_for_contract() -> None:
    """F16: a value that does not convert must not fail the old version's write."""
    plan = planned(operation("change_type", column="email", to="mail", type="int"))
    assert kinds(plan, "expand") == ["add_column", "install_sync", "relax_not_null"]
    assert kinds(plan, "backfill") == ["backfill"]
    assert kinds(plan, "contract") == ["add_constraint", "validate_constraint", "set_not_null", "park_column"]


def test_indexes_follow_the_backfill() -> None:
    index = Index(
        "by_email", "CREATE INDEX by_email ON public.orders USING btree (email)", ("email",), False, False, True
    )
    found = kinds(planned(RENAME, indexes=(*ORDERS.indexes, index)), "backfill")
    assert found[:2] == ["backfill", "create_index"]


def test_phases_come_in_order_and_reads_are_switched_once() -> None:
    plan = planned(NOT_NULL, DROP, RENAME, RETYPE)
    places = [PHASES.index(each.phase) for each in plan.steps]
    assert places == sorted(places)
    assert [each.ordinal for each in plan.steps] == list(range(1, len(plan.steps) + 1))
    assert kinds(plan).count("switch_reads") == 1


def test_nothing_is_dropped_before_everything_that_the_data_may_refuse() -> None:
    """With ``park: 0`` contract drops: a later operation that is refused could not be taken back any more."""
    plan = planned(RENAME, operation("set_not_null", column="note"), settings=replace(SETTINGS, park=0.0))
    found = kinds(plan, "contract")
    assert found[-1] == "purge_column"
    assert found.index("validate_constraint") < found.index("purge_column")
    assert not plan.parks


def test_defaults_of_gates() -> None:
    plan = planned(RENAME)
    assert plan.policy("expand") == GatePolicy(1, 0.0)
    assert plan.policy("contract") == GatePolicy(1, 3600.0)
    assert plan.policy("purge") == GatePolicy(1, 604800.0)


def test_a_default_that_old_versions_may_rely_on_changes_in_contract() -> None:
    assert kinds(planned(operation("set_default", column="status", default="'open'")), "contract") == ["set_default"]
    assert kinds(planned(operation("set_default", column="note", default="'none'")), "contract") == ["set_default"]
    assert kinds(planned(operation("set_default", column="email", default="''")), "expand") == ["set_default"]
    plan = planned(operation("drop_default", column="status"))
    assert kinds(plan, "contract") == ["set_default"]
    assert "fail (23502)" in " ".join(plan.notes)


# -- operations that do not go together ----------------------------------------------------------------------------

SHARED_INDEX = Index(
    "pair", "CREATE INDEX pair ON public.orders USING btree (email, note)", ("email", "note"), False, False, True
)
SHARED_CHECK = Constraint("pair", "c", ("email", "note"), "CHECK ((email <> note))", True)


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ((RENAME, operation("rename_column", column="email", to="mail")), "1 and 2 both change public.orders.email"),
        ((RENAME, operation("add_column", column="customer_email", type="text")), "both change public.orders.customer_email"),
        ((NOT_NULL, operation("drop_column", column="note")), "both change public.orders.note"),
        (
            (operation("add_index", columns=["note"]), RENAME, operation("add_index", columns=["note"])),
            "1 and 3 both change public.orders.index orders_note_idx",
        ),
        ((RENAME, operation("set_not_null", column="note", fill="email")), "2 reads public.orders.email, which 1 changes"),
        ((operation("drop_column", column="note", down="email"), RENAME), "1 reads public.orders.email, which 2 changes"),
        ((operation("add_index", columns=["email"]), RENAME), "1 reads public.orders.email, which 2 changes"),
        ((operation("add_index", columns=["id"], include=["email"]), RENAME), "1 reads public.orders.email, which 2"),
        ((operation("set_comment", column="email", comment="x"), RENAME), "1 reads public.orders.email, which 2 changes"),
        ((operation("add_check", check="email"), RENAME), "1 reads public.orders.email, which 2 changes"),
        (
            (operation("add_check", check="email", name="x"), operation("add_check", check="note", name="x")),
            "1 and 2 both change public.orders.constraint x",
        ),
        ((operation("set_default", column="status", default="'x'"), DROP), "both change public.orders.status"),
        ((operation("drop_not_null", column="email"), RENAME), "both change public.orders.email"),
        ((operation("add_column", column="x", type="text", fill="email"), RENAME), "1 reads public.orders.email, which 2"),
    ],
)  # fmt: skip
def test_operations_in_each_others_way_are_named(operations: tuple[Any, ...], words: str) -> None:
    with pytest.raises(PlanRefused, match=words) as refused:
        planned(*operations)
    assert "two changes" in refused.value.next_step


@pytest.mark.parametrize("shared", [{"indexes": (SHARED_INDEX,)}, {"constraints": (SHARED_CHECK,)}])
def test_two_copies_do_not_share_an_index_or_constraint(shared: dict[str, Any]) -> None:
    """Each twin would be built over the other's old column, and be dropped with it."""
    with pytest.raises(PlanRefused, match=r"1 and 2 both change public.orders.*pair"):
        planned(RENAME, operation("rename_column", column="note", to="remark"), **shared)


def test_two_indexes_over_one_column_go_together() -> None:
    plan = planned(operation("add_index", columns=["note"]), operation("add_index", columns=["note"], name="another"))
    assert kinds(plan) == ["create_index", "create_index"]


# -- what is refused, with the way around ---------------------------------------------------------------------------


def column(name: str, **keys: Any) -> tuple[Column, ...]:
    """The table's columns with one of them changed."""
    return tuple(replace(each, **keys) if each.name == name else each for each in ORDERS.columns)


STAMP = Trigger("stamp", True, True, False, True, (), "public.stamp", False)
REFERRED = Constraint("lines_order", "f", ("email",), "FOREIGN KEY …", True, inbound=True)
EXCLUDED = Constraint("no_two", "x", ("email",), "EXCLUDE …", True)
UNIQUE = Index("one", "CREATE UNIQUE INDEX one ON public.orders (email)", ("email",), True, False, True)
IDENTITY = Index("one", "CREATE UNIQUE INDEX one ON public.orders (email)", ("email",), True, False, True, None, True)
OURS = Trigger("~orch", True, True, True, True, ("email", "status"), "orch_target.x", True)
FAR = Partition(TableName("public", "far"), "f")
OWNING = Partition(TableName("public", "near"), "r", (Own("index", "mine", ("email",)),))
UNIQUE_NOTE = operation("add_index", columns=["note"], unique=True)
INVALID = Index("broken", "CREATE INDEX broken ON public.orders (email)", ("email",), False, False, False)


@pytest.mark.parametrize(
    ("asked", "table", "words"),
    [
        (RENAME, {"kind": "v"}, "public.orders is a view"),
        (RENAME, {"kind": "m"}, "materialized view"),
        (operation("add_unique", columns=["note"]), {"kind": "p", "partitioning": Partitioning(("id",))}, "partitioned by id"),
        (RENAME, {"kind": "p", "partitioning": Partitioning(("email",))}, "partitioned by email"),
        (RENAME, {"kind": "p", "partitioning": Partitioning(("id",), False, (FAR,))}, "foreign tables: public.far"),
        (RENAME, {"kind": "p", "partitioning": Partitioning(("id",), False, (OWNING,))}, "index mine"),
        (UNIQUE_NOTE, {"kind": "p", "partitioning": Partitioning(("id",))}, "partitioned by id, which"),
        (UNIQUE_NOTE, {"kind": "p", "partitioning": Partitioning(("note",), True)}, "partitioned by an expression"),
        (RENAME, {"kind": "f"}, "foreign table"),
        (RENAME, {"partition": True}, "is a partition"),
        (RENAME, {"inherits": True}, "inheritance"),
        (RENAME, {"rules": ("no_delete",)}, r"has rules \(no_delete\)"),
        (RENAME, {"columns": column("email", identity=True)}, "identity column"),
        (RENAME, {"columns": column("email", generated=True)}, "is generated"),
        (RENAME, {"dependents": (Dependent("view", "daily", "email"),)}, "used by view daily"),
        (RENAME, {"dependents": (Dependent("publication", "all", ""),)}, "used by publication all"),
        (operation("add_column", column="x", type="int"), {"dependents": (Dependent("publication", "all", ""),)}, "published"),
        (RENAME, {"constraints": (REFERRED,)}, "foreign key lines_order of another table refers"),
        (RENAME, {"constraints": (EXCLUDED,)}, "exclusion constraint no_two"),
        (RENAME, {"indexes": (UNIQUE,)}, "unique index one"),
        (RENAME, {"indexes": (INVALID,)}, "index broken is invalid"),
        (RENAME, {"triggers": (STAMP,)}, "would fire stamp"),
        (NOT_NULL, {"triggers": (STAMP,)}, "would fire stamp"),
        (operation("rename_column", column="id", to="key"), {}, "unique index orders_pkey"),
        (operation("rename_column", column="email", to="note"), {}, "already has a column 'note'"),
        (operation("rename_column", column="emial", to="x"), {}, "no column 'emial'"),
        (operation("set_not_null", column="email"), {}, "NOT NULL already"),
        (operation("drop_column", column="email"), {}, "NOT NULL without a default"),
        (operation("drop_column", column="note", down="note"), {}, "may not read the column itself"),
        (operation("change_type", column="status", to="x", type="int"), {}, "has the default"),
        (operation("change_type", column="note", to="x", type="int", up="email"), {}, "must read the column note"),
        (operation("add_index", columns=["nope"]), {}, "no column 'nope'"),
        (operation("add_index", columns=["id"], name="orders_pkey"), {}, "index orders_pkey already"),
        (operation("add_column", column="x", type="int", default="id"), {}, "it reads id"),
        (operation("set_default", column="note", default="email"), {}, "it reads email"),
        (operation("set_default", column="email", default="''"), {"columns": column("email", identity=True)}, "an identity"),
        (operation("set_default", column="email", default="''"), {"columns": column("email", generated=True)}, "a generated"),
        (operation("set_default", column="email", default="''"), {"triggers": (OURS,)}, "kept in sync by another change"),
        (operation("set_default", column="email", default="''"), {"inherits": True}, "would go on to its children"),
        (operation("drop_default", column="note"), {}, "has no default"),
        (operation("drop_default", column="status"), {"triggers": (OURS,)}, "kept in sync by another change"),
        (operation("add_check", check="id", name="orders_pkey"), {}, "index orders_pkey already"),
        (operation("add_check", check="id"), {"inherits": True}, "would go on to its children"),
        (operation("set_comment", column="nope", comment="x"), {}, "no column 'nope'"),
        (operation("set_comment", comment="x"), {"kind": "v"}, "is not a table"),
        (operation("drop_not_null", column="note"), {}, "may hold NULL already"),
        (operation("drop_not_null", column="id"), {}, "part of the primary key"),
        (operation("drop_not_null", column="email"), {"columns": column("email", identity=True)}, "identity column"),
        (operation("drop_not_null", column="email"), {"indexes": (IDENTITY,)}, "by which subscribers are told"),
        (operation("drop_not_null", column="email"), {"triggers": (OURS,)}, "kept in sync by another change"),
    ],
)  # fmt: skip
def test_refusals_say_what_and_how_around(asked: Any, table: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanRefused, match=words) as refused:
        planned(asked, **table)
    assert refused.value.next_step
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (ExpressionFacts(("quantity",), volatility="v"), "volatile"),
        (ExpressionFacts(("quantity",), clock=True), "the clock or the user"),
        (ExpressionFacts(error="it reads other rows"), "it reads other rows"),
    ],
)
def test_what_sync_backfill_and_checks_would_not_agree_on_is_refused(fact: ExpressionFacts, words: str) -> None:
    asked = operation("change_type", column="quantity", to="amount", type="bigint", up="f(quantity)")
    with pytest.raises(PlanRefused, match=words):
        planned(asked, facts={"f(quantity)": fact})


@pytest.mark.parametrize("triggers", ["fire", "skip"])
def test_whether_the_applications_triggers_fire_is_the_changes_choice(triggers: str) -> None:
    plan = planned(RENAME, settings=replace(SETTINGS, triggers=triggers), triggers=(STAMP,))
    (fill,) = plan.backfills()
    assert isinstance(fill.step, steps.Backfill)
    assert fill.step.fire_triggers is (triggers == "fire")
    assert not plan.mirrors()[0].narrow  # another trigger may change the column unnamed (F10)


def test_our_trigger_sorts_after_every_other() -> None:
    late = replace(STAMP, name="~~zz", columns=("note",))
    plan = planned(RENAME, settings=replace(SETTINGS, triggers="fire"), triggers=(late,))
    assert plan.mirrors()[0].trigger.encode() > b"~~zz"


@pytest.mark.parametrize("name", ["x" * 64, "ü" * 32, "", "a\0b"])
def test_a_name_that_postgresql_would_cut_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        operation("rename_column", column="email", to=name)


def test_names_made_from_long_ones_are_cut_on_a_character() -> None:
    index = Index("ü" * 31, "CREATE INDEX x ON public.orders USING btree (email)", ("email",), False, False, True)
    plan = planned(RENAME, indexes=(*ORDERS.indexes, index))
    (twin,) = [each.step.name for each in plan.steps if isinstance(each.step, steps.CreateIndex)]
    assert len(twin.encode()) <= 63
    assert twin.startswith("ü" * 27)


@pytest.mark.parametrize("fact", [ExpressionFacts(("email",), volatility="v"), ExpressionFacts(("email",), clock=True)])
def test_a_check_that_means_something_else_tomorrow_is_refused(fact: ExpressionFacts) -> None:
    with pytest.raises(PlanRefused, match="check orders_email_check of"):
        planned(operation("add_check", check="f(email)"), facts={"f(email)": fact})


# -- digest and JSON -----------------------------------------------------------------------------------------------


def test_the_digest_of_a_plan_is_stable_and_knows_every_change() -> None:
    first = plan_sha256(plan_json(planned(RENAME)))
    assert plan_sha256(plan_json(planned(RENAME))) == first
    others = (
        planned(operation("rename_column", column="email", to="mail")),
        planned(RENAME, settings=replace(SETTINGS, batch_rows=10)),
        planned(RENAME, settings=replace(SETTINGS, park=1.0)),
        planned(RENAME, columns=column("email", comment="x")),
        planned(RENAME, columns=column("email", not_null=False)),
        replace(planned(RENAME), gates={"contract": GatePolicy(2)}),
        replace(planned(RENAME), verify=(Query("q", "select 1", "1"),)),
    )
    digests = {plan_sha256(plan_json(other)) for other in others}
    assert len(digests) == len(others)
    assert first not in digests


def test_what_does_not_shape_the_plan_does_not_change_its_digest() -> None:
    assert plan_sha256(plan_json(planned(RENAME, rows=10**9, bytes=10**12))) == plan_sha256(plan_json(planned(RENAME)))


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_table = st.builds(TableName, _text, _text)
_argument = st.builds(Argument, _text, _text)
_conversion = st.builds(Conversion, _text, st.none() | _text, st.tuples(_argument), _text)
for _type, _strategy in ((str, _text), (TableName, _table), (Conversion, _conversion)):
    st.register_type_strategy(_type, _strategy)
_step = st.one_of(
    [st.builds(kind, kind=st.just(kind.__dataclass_fields__["kind"].default)) for kind in steps.Step.__args__]
)


@given(st.lists(st.tuples(st.sampled_from(PHASES), _step, _text), max_size=4), st.lists(_text, max_size=2))
@settings(max_examples=60, deadline=None)
def test_every_plan_survives_the_registry(found: list[tuple[Any, steps.Step, str]], notes: list[str]) -> None:
    planned_steps = tuple(PlannedStep(phase, step, words, place) for place, (phase, step, words) in enumerate(found, 1))
    plan = Plan("change", "shop", planned_steps, 1.5, tuple(notes), (Query("q", "s", "1"),), {"expand": GatePolicy()})
    stored = json.loads(json.dumps(plan_json(plan)))
    assert parse_plan(stored) == plan
    assert plan_sha256(stored) == plan_sha256(plan_json(plan))


def test_a_default_that_comes_before_down_is_said() -> None:
    without = operation("drop_column", column="status")
    assert planned(without).notes == ()
    (note,) = planned(operation("drop_column", column="status", down="note")).notes
    assert "has the default" in note
