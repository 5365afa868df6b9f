"""Whatever a change file, a schema or a login gets wrong: a clear message, the right exit code, nothing half done."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Invalid, OrchError, PlanRefused, Unreachable
from orchestrator.service import Service
from state.model import State
from tests.support.release import Release

RENAME = "rename_column: {table: orders, column: email, to: mail}"


def _everything(release: Release) -> list[tuple[object, ...]]:
    return release.rows(
        "SELECT attrelid::regclass::text, attname, atttypid, attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND attnum > 0 ORDER BY 1, attnum"
    )


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("rename_column: {table: nope, column: email, to: mail}", "'nope' does not exist"),
        ("rename_column: {table: orders, column: emial, to: mail}", "did you mean email"),
        ("rename_column: {table: orders, column: email, to: note}", "already has a column"),
        ("rename_column: {table: orders, column: email, to: " + "x" * 64 + "}", "64 bytes"),
        ("rename_column: {table: orders, column: email, to: mail, too: x}", "too"),
        ("rename_colum: {table: orders, column: email, to: mail}", "rename_column"),
        ("change_type: {table: orders, column: note, to: n2, type: nosuch}", "nosuch"),
        ("change_type: {table: orders, column: note, to: n2, type: 'int; drop table orders'}", "does not exist"),
        ("add_column: {table: orders, column: c, type: int, not_null: true}", "needs default or fill"),
        ("add_column: {table: orders, column: c, type: int, default: '1', fill: '2'}", "exclude each other"),
        ("add_column: {table: orders, column: c, type: int, default: \"'x'\"}", "invalid input syntax"),
        (
            "add_column: {table: orders, column: c, type: int, default: lower('7')}",
            "type text, which is not assigned to integer",
        ),
        ("set_default: {table: orders, column: id, default: now()::text}", "not assigned to"),
        ("set_not_null: {table: orders, column: email}", "NOT NULL already"),
        ("drop_column: {table: orders, column: email}", "down:"),
        ("add_index: {table: orders, columns: [nope]}", "no column"),
        ("add_index: {table: orders, columns: [note], name: orders}", r"relation public\.orders already"),
        (
            "add_unique: {table: orders, columns: [note], name: orders}",
            r"relation public\.orders already",
        ),
        (
            "add_index: {table: orders, columns: [note], where: 'true); drop table orders; --'}",
            "single expression|syntax",
        ),
        ("rename_column: {table: orders, column: id, to: key}", "unique index"),
    ],
)
def test_a_wrong_change_is_exit_2_and_touches_nothing(release: Release, operation: str, words: str) -> None:
    before = _everything(release)
    with pytest.raises(Invalid, match=words) as refused:
        release.submit(operation)
    assert refused.value.exit_code == 2
    assert _everything(release) == before
    assert release.service.statuses() == []


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("CREATE VIEW v AS SELECT email FROM orders", "used by view public.v"),
        ("CREATE POLICY p ON orders USING (email <> '')", "used by policy p"),
        ("CREATE PUBLICATION pub FOR TABLE orders", "publication pub"),
        ("ALTER TABLE orders ADD COLUMN up text GENERATED ALWAYS AS (upper(email)) STORED", "used by generated column up"),
        ("CREATE TABLE child () INHERITS (orders)", "inheritance"),
        ("CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING", "rules"),
        ("ALTER TABLE orders ADD UNIQUE (email)", "unique index"),
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
         "CREATE TRIGGER g AFTER UPDATE OF email ON orders FOR EACH ROW EXECUTE FUNCTION f()", "used by trigger g"),
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
         "CREATE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION f()", "would fire stamp"),
    ],
)  # fmt: skip
def test_what_would_stop_contract_is_found_at_plan_time(release: Release, setup: str, words: str) -> None:
    release.run(setup)
    with pytest.raises(PlanRefused, match=words) as refused:
        release.submit(RENAME)
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("setup", "table", "words"),
    [
        ("CREATE VIEW w AS SELECT * FROM orders", "w", "is a view"),
        ("CREATE MATERIALIZED VIEW w AS SELECT * FROM orders", "w", "materialized view"),
        ("CREATE TABLE w (id int, email text) PARTITION BY RANGE (email)", "w", "is partitioned by email"),
        (
            "CREATE TABLE w (id int, email text) PARTITION BY RANGE (id); CREATE TABLE w1 PARTITION OF w DEFAULT",
            "w1",
            "partition",
        ),
    ],
)
def test_what_is_no_ordinary_table_is_refused(release: Release, setup: str, table: str, words: str) -> None:
    release.run(setup)
    with pytest.raises(PlanRefused, match=words):
        release.submit(f"rename_column: {{table: {table}, column: email, to: mail}}")


HOSTILE = [
    '"; DROP TABLE orders; --',
    'we"ird $orch$ $$ name',
    "Ünïcode ✔",
    "select",
    "Mixed Case",
    "a'b\\c",
    "100%",
    "{x}",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_identifiers_are_harmless(release: Release, hostile: str) -> None:
    table, column = sql.Identifier(hostile, hostile), sql.Identifier(hostile)
    with psycopg.connect(release.url, autocommit=True) as link:
        link.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(hostile)))
        create = "CREATE TABLE {t} (id int PRIMARY KEY, {c} text NOT NULL, n int, CHECK ({c} <> ''))"
        link.execute(sql.SQL(create).format(t=table, c=column))
        index = sql.Identifier(hostile + " index")
        link.execute(
            sql.SQL("CREATE INDEX {i} ON {t} (lower({c})) WHERE {c} <> 'x'").format(i=index, t=table, c=column)
        )
        link.execute(sql.SQL("INSERT INTO {t} SELECT i, 'v' || i, i FROM generate_series(1, 20) i").format(t=table))
    quoted = '"' + hostile.replace('"', '""') + '"'
    spelled = _yaml(f"{quoted}.{quoted}")
    new = hostile + " new"
    release.submit(
        f"rename_column: {{table: {spelled}, column: {_yaml(hostile)}, to: {_yaml(new)}}}\n"
        f"change_type: {{table: {spelled}, column: n, to: {_yaml(hostile + ' big')}, type: bigint}}\n"
        f"add_index: {{table: {spelled}, columns: [id], name: {_yaml(hostile + ' idx')}}}",
    )
    release.to(State.COMPLETED)
    rows = sql.SQL("SELECT count(*), count({new}), sum({big}) FROM {t}").format(
        new=sql.Identifier(new), big=sql.Identifier(hostile + " big"), t=table
    )
    assert release.rows(rows.as_string(None)) == [(20, 20, 210)]
    assert release.rows("SELECT count(*) FROM orders") == [(40,)]
    names = {
        str(name) for (name,) in release.rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisprimary")
    }
    assert any(hostile.replace('"', '""') in name for name in names)


def _yaml(text: str) -> str:
    """A YAML double-quoted scalar."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def test_a_different_change_under_an_id_that_has_begun_is_exit_4(release: Release) -> None:
    release.submit(RENAME)
    release.to(State.EXPANDED)
    with pytest.raises(OrchError) as refused:
        release.submit("rename_column: {table: orders, column: email, to: other}")
    assert refused.value.exit_code == 4
    status, changed = release.service.submit(release.service._row("change").source, "again.yaml")
    assert (status.state, changed) == (State.EXPANDED, False)


def test_a_changed_file_replaces_the_plan_while_planned(release: Release) -> None:
    release.submit(RENAME)
    release.service.approve("change")
    release.submit("rename_column: {table: orders, column: email, to: other}")
    gate = release.service.status("change").gate
    assert gate is not None
    assert not gate.ready


def test_a_plan_that_no_longer_fits_is_exit_6(release: Release) -> None:
    release.submit(RENAME)
    release.service.approve("change")
    release.run("CREATE INDEX late ON orders (email)")
    with pytest.raises(OrchError, match="no longer fits") as refused:
        release.service.advance("change")
    assert refused.value.exit_code == 6
    assert release.service.status("change").state is State.PLANNED


def test_an_unreachable_target_is_exit_2(release: Release) -> None:
    nowhere = "postgresql://someone:s3cret@127.0.0.1:1/none"
    with (
        Service(Config(registry_url=release.url, targets={"t": TargetConfig("t", nowhere)})) as service,
        pytest.raises(Unreachable) as refused,
    ):
        service.plan(f"change: c\noperations:\n  - {RENAME}\n", "c.yaml")
    assert refused.value.exit_code == 2
    assert "s3cret" not in str(refused.value)


def test_a_login_without_ownership_is_refused_with_nothing_half_done(release: Release) -> None:
    role = "orch_bad_input"
    release.run(
        f"DROP ROLE IF EXISTS {role}",
        f"CREATE ROLE {role} LOGIN",
        f"GRANT SELECT, INSERT, UPDATE ON orders TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA orch_target TO {role}",
    )
    before = _everything(release)
    weak = TargetConfig("t", make_conninfo(release.url, user=role))
    try:
        with Service(Config(registry_url=release.url, targets={"t": weak})) as service:
            limited = Release(release.url, service)
            limited.submit(RENAME)
            service.approve("change")
            with pytest.raises(OrchError, match=r"must be owner|permission denied"):
                service.advance("change")
            assert _everything(release) == before
            assert service.status("change").steps[0].error
        release.to(State.EXPANDED)
    finally:
        release.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
