"""A synthetic copy obeys every constraint of the schema and holds nothing of the target. The server judges, not the generator."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Invalid, PlanRefused
from orchestrator.dialects.postgres.proof.dump import program
from orchestrator.rehearsal.copy import BASE, Copy, synthetic
from orchestrator.rehearsal.structure import Table
from tests.rehearsal.schema import ENTITIES, schema

WANTED = 1_000_000


def unheard(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def copied() -> Iterator[Copy]:
    """A copy of a million rows; how long it takes is measured by ``make bench``."""
    with embedded.running() as server:
        url = embedded.create_database(server, "canaries")
        with psycopg.connect(url, autocommit=True) as link:
            link.execute(schema().encode())
        with synthetic(url, 60.0, unheard) as copy:
            yield copy


def rows(copy: Copy, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(copy.server.url(BASE)) as link:
        return link.execute(query.encode()).fetchall()


def test_it_has_a_million_rows(copied: Copy) -> None:
    counts = rows(copied, "SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname IN ('public', 'sales')")
    assert sum(int(str(n)) for _, n in counts) >= WANTED, counts


def test_nothing_is_lacking(copied: Copy) -> None:
    assert copied.lacks == ()


def test_every_table_has_rows(copied: Copy) -> None:
    tables = rows(
        copied,
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace IN ('public'::regnamespace, 'sales'::regnamespace)",
    )
    assert len(tables) == 10 + ENTITIES
    empty = [name for (name,) in tables if not rows(copied, f"SELECT 1 FROM {name} LIMIT 1")]
    assert empty == []


def test_every_constraint_is_there_and_valid(copied: Copy) -> None:
    """The constraints are those of the schema, and the server has validated each against all rows."""
    query = "SELECT conrelid::regclass::text, conname, convalidated FROM pg_constraint WHERE contype IN ('f', 'c', 'p', 'u', 'x')"
    there = set(rows(copied, query + " AND conrelid <> 0"))
    with psycopg.connect(copied.server.url("shape")) as link:
        wanted = set(link.execute((query + " AND conrelid <> 0").encode()).fetchall())
    assert there == wanted
    assert all(valid for _, _, valid in there)


def test_references_lead_to_rows(copied: Copy) -> None:
    """Asked by joins, since a constraint that was added wrongly would be believed."""
    lost = "SELECT count(*) FROM {} a WHERE NOT EXISTS (SELECT FROM {} b WHERE {})"
    for here, there, joined in (
        ("sales.orders", "customers", "b.tenant = a.tenant AND b.id = a.customer"),
        ("lines", "sales.orders", 'b.id = a."order"'),
        ("profiles", "customers", "b.tenant = a.tenant AND b.id = a.customer"),
    ):
        assert rows(copied, lost.format(here, there, joined)) == [(0,)]


def test_partitions_share_the_rows(copied: Copy) -> None:
    for table in ("events_1", "events_2", "regions_eu", "regions_us", "hashed_0", "hashed_1"):
        assert rows(copied, f"SELECT count(*) > 100 FROM {table}") == [(True,)], table


def test_nulls_are_as_frequent_as_in_the_target(copied: Copy) -> None:
    assert rows(copied, "SELECT count(score) FROM customers") == [(0,)]
    assert rows(copied, "SELECT count(*) FROM sales.orders WHERE begins IS NULL") == [(0,)]


def test_no_value_comes_from_the_target(copied: Copy) -> None:
    copy = copied
    with psycopg.connect(copy.server.url(BASE)) as link:
        version = link.info.server_version // 10000
    dump = subprocess.run(
        [program(version), "--data-only", copy.server.url(BASE)], capture_output=True, text=True, check=True
    ).stdout
    assert len(dump) > 10_000_000
    assert "canary" not in dump


def test_a_run_takes_its_own_database_and_drops_it(copied: Copy) -> None:
    copy = copied
    with copy.fresh("mine") as url, psycopg.connect(url) as link:
        assert link.execute("SELECT count(*) > 0 FROM tenants").fetchone() == (True,)
    with psycopg.connect(copy.server.url()) as link:
        assert link.execute("SELECT count(*) FROM pg_database WHERE datname = 'mine'").fetchone() == (0,)


def test_the_copy_is_of_the_targets_version_where_there_is_one() -> None:
    place = Path("/usr/lib/postgresql/15/bin")
    if not (place / "initdb").exists():
        pytest.skip("no PostgreSQL 15 on this machine: apt-get install postgresql-15")
    with embedded.running(bin_dir=place) as server, synthetic(server.url(), 1.0, unheard) as copy:
        assert (copy.version.split(".")[0], copy.target_version) == ("15", 15)


def test_a_change_that_the_copy_cannot_take_names_what_the_copy_lacks(database: str) -> None:
    def refuses(_: str) -> dict[TableName, Table]:
        raise PlanRefused("no table odd", "make it")

    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE t (id int)")
    with pytest.raises(PlanRefused, match="no table odd"), synthetic(database, 1.0, unheard, refuses):
        pass
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nobody")
    named = r"lacks 2 things .*FOREIGN DATA WRAPPER nobody.*no table odd"
    with pytest.raises(Invalid, match=named), synthetic(database, 1.0, unheard, refuses):
        pass


def test_a_check_that_no_value_is_found_for_is_told(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("CREATE TABLE odd (id int PRIMARY KEY, code text NOT NULL CHECK (code ~ '^[A-F]{2}-q[0-9]{7}$'))")
        link.execute("INSERT INTO odd SELECT i, 'AB-q' || lpad(i::text, 7, '0') FROM generate_series(1, 50) i")
        link.execute("ANALYZE")
    with synthetic(database, 1.0, unheard) as copy:
        assert rows(copy, "SELECT count(*) FROM odd") == [(50,)]
        assert [line for line in copy.lacks if "odd_code_check" in line]
