"""What is refused before anything is touched: expressions that break out, columns that cannot move, logins that may not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from orchestrator.core.errors import Invalid, OrchError, PlanRefused
from state.model import State
from tests.service.world import QUICK, World, service_at, source

# -- expressions ---------------------------------------------------------------------------------------------------

BREAKING_OUT = (
    "1); DROP TABLE orders; --",
    "1)); DROP TABLE orders; --",
    "quantity) FROM orders; DROP TABLE orders; SELECT (1",
    "quantity), (1",
    "quantity) ORDER BY (1",
    "quantity AS other",
    "$orch$",
    "quantity /*",
    "quantity $$",
    "quantity; SELECT 1",
    "'",
    "(SELECT max(quantity) FROM orders)",
    "EXISTS (SELECT 1)::int",
    "orders.quantity",
    "orders.*",
    "quantity + ticket",
    "ticket",
    "5",
    "random()::int + quantity",
    "quantity + nextval('orders_id_seq')",
    "quantity + extract(epoch from now())::int",
    "quantity + length(current_user)",
    "quantity + current_setting('x.y')::int",
    "nosuch(quantity)",
    "count(*) + quantity",
    "sum(quantity)",
    "quantity + generate_series(1, 2)",
    "rank() OVER (ORDER BY quantity)",
    "",
    " ",
    "-- nothing",
)


def _yaml(text: str) -> str:
    """A YAML single-quoted scalar."""
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("text", BREAKING_OUT)
@pytest.mark.parametrize("word", ["up", "down"])
def test_a_conversion_is_one_expression_over_its_column(module_world: World, word: str, text: str) -> None:
    other = text.replace("quantity", "amount") if word == "down" else text
    asked = f"change_type: {{table: orders, column: quantity, to: amount, type: bigint, {word}: {_yaml(other)}}}"
    with pytest.raises(Invalid) as refused:
        module_world.service.plan(source(asked), "c.yaml")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "asked",
    [
        "set_not_null: {{table: orders, column: note, fill: {}}}",
        "add_column: {{table: orders, column: extra, type: text, fill: {}}}",
        "add_column: {{table: orders, column: extra, type: text, default: {}}}",
        "drop_column: {{table: orders, column: quantity, down: {}}}",
        "add_index: {{table: orders, columns: [note], where: {}}}",
    ],
)
@pytest.mark.parametrize(
    "text",
    ["1); DROP TABLE orders; --", "'x') , ('y'", "email /*", "(SELECT email FROM orders LIMIT 1)", "nosuch", "max(email)",
     "generate_series(1, 2)"],
)  # fmt: skip
def test_every_other_expression_is_held_to_the_same(module_world: World, asked: str, text: str) -> None:
    with pytest.raises(Invalid):
        module_world.service.plan(source(asked.format(_yaml(text))), "c.yaml")


@pytest.mark.parametrize(
    "type_", ["int); DROP TABLE orders; --", "int) --", "int /*", "int DEFAULT 5", "int, x int", "nosuch", ""]
)
def test_a_type_is_a_type_and_nothing_else(module_world: World, type_: str) -> None:
    with pytest.raises(PlanRefused, match="does not exist on the target"):
        module_world.service.plan(
            source(f"add_column: {{table: orders, column: extra, type: {_yaml(type_)}}}"), "c.yaml"
        )


def test_an_access_method_that_does_not_exist_is_refused_before_anything_runs(world: World) -> None:
    before = world.seen()
    world.submit("add_index: {table: orders, columns: [note], method: 'btree (note); DROP TABLE orders; --'}")
    with pytest.raises(OrchError) as refused:
        world.step()
    assert refused.value.exit_code in (2, 4)
    assert world.seen() == before


# -- what the application's triggers see (F4) ------------------------------------------------------------------------

_STAMP = (
    "CREATE TABLE log (id bigint)",
    "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN INSERT INTO log VALUES (NEW.id); NEW.ticket := NEW.ticket + 1000; RETURN NEW; END$$",
    "CREATE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
)


@pytest.mark.parametrize(("choice", "fired"), [("fire", 300), ("skip", 0)])
def test_the_backfill_fires_the_applications_triggers_or_not_as_chosen(world: World, choice: str, fired: int) -> None:
    world.run(*_STAMP)
    world.submit("rename_column: {table: orders, column: email, to: mail}", more=QUICK + f"triggers: {choice}\n")
    world.to(State.BACKFILLED)
    assert world.rows("SELECT count(*), count(DISTINCT id) FROM log") == [(fired, fired)]
    assert world.rows("SELECT count(*) FROM orders WHERE ticket > 1000") == [(fired,)]
    world.run(
        "UPDATE orders SET email = 'new@x.com' WHERE id = 3", "UPDATE orders SET mail = 'newer@x.com' WHERE id = 4"
    )
    assert world.rows("SELECT count(*) FROM log") == [(fired + 2,)]  # what the application writes fires them always
    world.to(State.COMPLETED)
    assert world.rows("SELECT mail FROM orders WHERE id IN (3, 4) ORDER BY id") == [("new@x.com",), ("newer@x.com",)]


# -- hostile names, all the way --------------------------------------------------------------------------------------

HOSTILE = ('"; DROP TABLE orders; --', 'we"ird $orch$ name', "Ünïcode ✔ %s {x}", "select", "found")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_operation_survives_hostile_names_and_touches_nothing_else(world: World, hostile: str) -> None:
    table, column = sql.Identifier(hostile), sql.Identifier(hostile)
    other = [sql.Identifier(f"{hostile} {number}") for number in range(3)]
    create = (
        "CREATE TABLE {t} (id int PRIMARY KEY, {c} int NOT NULL DEFAULT 3, {a} text, {b} text NOT NULL, CHECK ({c} > 0));"
        " INSERT INTO {t} SELECT i, i, NULL, i::text FROM generate_series(1, 20) i; CREATE INDEX {i} ON {t} ({c}) WHERE {c} > 1"
    )
    with psycopg.connect(world.url, autocommit=True) as link:
        link.execute(
            sql.SQL(create).format(t=table, c=column, a=other[0], b=other[1], i=sql.Identifier("ix " + hostile))
        )
    orders = world.seen()
    spelled = _yaml(table.as_string(None))
    quoted = [_yaml(each.as_string(None)) for each in (column, *other)]
    names = [_yaml(name) for name in (hostile, *(f"{hostile} {number}" for number in range(3)))]
    up, down = quoted[0][:-1] + " + 0'", _yaml(sql.Identifier(hostile + " new").as_string(None) + "::int")
    world.submit(
        f"change_type: {{table: {spelled}, column: {names[0]}, to: {_yaml(hostile + ' new')}, type: bigint,"
        f" up: {up}, down: {down}, default: '3'}}",
        f"set_not_null: {{table: {spelled}, column: {names[1]}, fill: {quoted[2]}}}",
        f"add_column: {{table: {spelled}, column: {names[3]}, type: text, fill: {quoted[2]}, not_null: true}}",
    )
    world.to(State.COMPLETED)
    query = sql.SQL("SELECT count(*), sum({n}), count({a}), count({c}) FROM {t}").format(
        n=sql.Identifier(hostile + " new"), a=other[0], c=other[2], t=table
    )
    assert world.rows(query.as_string(None)) == [(20, 210, 20, 20)]
    world.submit(f"drop_column: {{table: {spelled}, column: {names[2]}, down: {quoted[1]}}}", change="drop")
    world.to(State.COMPLETED, "drop")
    assert world.seen() == orders
    assert world.service.audit_verify() == []


# -- columns that cannot move ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "asked", "words"),
    [
        ((), "rename_column: {table: orders, column: id, to: key}", "identity"),
        (("CREATE TABLE p (a int PRIMARY KEY)",), "rename_column: {table: p, column: a, to: b}", "unique index p_pkey"),
        (
            (
                "ALTER TABLE orders ADD UNIQUE (ticket)",
                "CREATE TABLE l (o int CONSTRAINT of_order REFERENCES orders (ticket))",
            ),
            "change_type: {table: orders, column: ticket, to: t2, type: bigint, default: '0'}",
            "foreign key of_order",
        ),
        (
            ("ALTER TABLE orders ADD g text GENERATED ALWAYS AS (lower(email)) STORED",),
            "rename_column: {table: orders, column: g, to: h}",
            "is generated",
        ),
        (
            ("CREATE MATERIALIZED VIEW daily AS SELECT email FROM orders",),
            "drop_column: {table: orders, column: email, down: status}",
            "daily",
        ),
        (
            ("CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(email) FROM orders; END",),
            "rename_column: {table: orders, column: email, to: mail}",
            "function public.f()",
        ),
        (
            ("CREATE STATISTICS joint ON email, status FROM orders",),
            "rename_column: {table: orders, column: email, to: mail}",
            "extended statistics",
        ),
        (
            ("CREATE PUBLICATION all_of_it FOR ALL TABLES",),
            "add_column: {table: orders, column: x, type: int}",
            "all_of_it",
        ),
        (
            ("CREATE TABLE kid () INHERITS (orders)",),
            "set_not_null: {table: kid, column: note, fill: email}",
            "inheritance",
        ),
    ],
)
def test_what_cannot_move_is_named(world: World, before: tuple[str, ...], asked: str, words: str) -> None:
    world.run(*before)
    with pytest.raises(PlanRefused) as refused:
        world.submit(asked)
    assert words in refused.value.message
    assert refused.value.next_step


# -- logins that may not ---------------------------------------------------------------------------------------------


@pytest.fixture
def weak(world: World) -> Iterator[str]:
    """The world's URL for a login that may nothing."""
    name = "weak_" + world.url.split("/")[-1].split("?")[0]
    world.run(f"CREATE ROLE {name} LOGIN")
    yield world.url.replace("postgres@", f"{name}@")
    world.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_login_that_may_nothing_on_the_target_is_told_so_with_exit_2(world: World, weak: str) -> None:
    before = world.seen()
    with service_at(world.url, weak) as service:
        limited = World(world.url, service)
        limited.submit("rename_column: {table: orders, column: email, to: mail}")
        with pytest.raises(OrchError, match="permission denied") as refused:
            service.advance("change")
        assert refused.value.exit_code == 2
        assert refused.value.next_step
    assert world.seen() == before
    assert world.service.status("change").lease is None
    assert world.to(State.EXPANDED).state is State.EXPANDED  # by a login that may


def test_a_login_that_does_not_own_the_table_is_told_so_with_exit_2(world: World, weak: str) -> None:
    name = weak.split("//")[1].split("@")[0]
    world.run(
        f"GRANT ALL ON ALL TABLES IN SCHEMA orch_target TO {name}",
        f"GRANT ALL ON SCHEMA orch_target TO {name}",
        f"GRANT SELECT, UPDATE ON orders TO {name}",
    )
    before = world.seen()
    with service_at(world.url, weak) as service:
        World(world.url, service).submit("rename_column: {table: orders, column: email, to: mail}")
        with pytest.raises(OrchError, match="must be owner of table orders") as refused:
            service.advance("change")
    assert refused.value.exit_code == 2
    assert world.seen() == before
    assert world.service.status("change").attention.value == "FAILED"
    assert world.abort().state is State.ABORTED


def test_a_registry_that_lets_nobody_in_is_exit_2(world: World, weak: str) -> None:
    with service_at(weak, world.url) as service, pytest.raises(OrchError) as refused:
        service.statuses()
    assert refused.value.exit_code == 2
