"""What create_table refuses when planning, with the way around, and what it takes over from another table."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Invalid, PlanRefused
from state.model import State
from tests.service.world import World, source

ID = "columns: [{name: id, type: bigint}, {name: at, type: int}]"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (f"table: orders, {ID}", "public.orders already"),
        (f"table: orders_email_idx, {ID}", "public.orders_email_idx already"),
        (f"table: nowhere.bills, {ID}", "no schema in which 'nowhere.bills'"),
        ("table: bills, columns: [{name: id, type: serial}]", "type 'serial' does not exist"),
        ("table: bills, columns: [{name: id, type: int, default: 'now()'}]", "default of id of bills"),
        ("table: bills, columns: [{name: id, type: int, default: '\"at\"'}, {name: at, type: int}]", "does not exist"),
        ("table: bills, columns: [{name: id, type: 'int); DROP TABLE orders; --', default: '1'}]", "is no type"),
        (f"table: bills, {ID}, checks: {{c: 'nosuch > 0'}}", "check c of bills"),
        (f"table: bills, {ID}, checks: {{c: '(SELECT true)'}}", "reads other rows"),
        (f"table: bills, {ID}, foreign_keys: {{f: {{columns: [id], references: nosuch}}}}", "'nosuch' does not exist"),
        (f"table: bills, {ID}, foreign_keys: {{f: {{columns: [id, at], references: orders}}}}", "2 columns refer to 1"),
        (f"table: bills, {ID}, foreign_keys: {{f: {{columns: [id], references: orders, to: [ticket]}}}}", "no unique index"),
    ],
)  # fmt: skip
def test_what_the_server_would_refuse_is_refused_when_planning(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        module_world.service.plan(source(f"create_table: {{{asked}}}"), "c.yaml")
    assert words in refused.value.message
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("columns: [{name: id, type: int}, {name: id, type: int}]", "id is there twice"),
        (f"{ID}, primary_key: [nosuch]", "no column nosuch"),
        (f"{ID}, unique: {{x: [at]}}, indexes: {{x: [at]}}", "two things are called x"),
        ("columns: [{name: id, type: int, default: '1', identity: true}]", "exclude each other"),
    ],
)
def test_what_contradicts_itself_is_invalid(module_world: World, asked: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        module_world.service.plan(source(f"create_table: {{table: bills, {asked}}}"), "c.yaml")


def test_nothing_else_of_the_change_touches_the_table(module_world: World) -> None:
    one = f"create_table: {{table: bills, {ID}}}"
    with pytest.raises(PlanRefused, match=r"operations 1 and 2 both change public\.bills"):
        module_world.service.plan(source(one, one), "c.yaml")


def test_a_foreign_key_says_what_it_forbids_old_versions(module_world: World) -> None:
    plan = f"create_table: {{table: bills, {ID}, foreign_keys: {{f: {{columns: [id], references: orders}}}}}}"
    notes = module_world.service.plan(source(plan), "c.yaml").notes
    assert any("deleting a row of orders to which public.bills refers fails (23503, f)" in note for note in notes)
    gentle = plan.replace("references: orders", "references: orders, on_delete: cascade")
    assert not any("23503" in note for note in module_world.service.plan(source(gentle), "c.yaml").notes)


def test_access_is_taken_over_from_another_table(world: World) -> None:
    world.run("GRANT SELECT ON orders TO PUBLIC", "GRANT INSERT ON orders TO pg_monitor WITH GRANT OPTION")
    world.submit(f"create_table: {{table: bills, {ID}, access_like: orders}}")
    world.to(State.COMPLETED)
    query = "SELECT relowner, ARRAY(SELECT g::text FROM unnest(relacl) g ORDER BY 1) FROM pg_class WHERE oid = '{}'::regclass"
    assert world.rows(query.format("bills")) == world.rows(query.format("orders"))
