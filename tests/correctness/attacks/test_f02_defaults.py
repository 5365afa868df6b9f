"""F2: a new version inserts into the new column only, and the old column's default fills in for "not given".

In the field the sync took that default for a value the writer had chosen, kept both, and the shapes disagreed for ever. The
rule: on INSERT the old value counts as not given when it is NULL or what the default yields *in the writer's own session*,
always when the default is volatile; then the new value wins. Working out the default must never fail a write.
"""

from __future__ import annotations

from state.model import State
from tests.support.changes import Bench

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
DEFAULTS = ("now()", "LOCALTIMESTAMP", "CURRENT_DATE", "'2020-02-03'")
UUID = "00000000-0000-4000-8000-000000000001"
WINS = (
    ("text DEFAULT 'pending'", "shipped", "shipped"),
    ("text DEFAULT 'pending'", "pending", "pending"),
    ("text DEFAULT 'pending'", None, "pending"),
    ("text NOT NULL DEFAULT 'pending'", "shipped", "shipped"),
    ("numeric DEFAULT 1.0", "1.00", "1.00"),
    ("uuid DEFAULT gen_random_uuid()", UUID, UUID),
    ("json DEFAULT '{}'", '{"k":1}', '{"k":1}'),
)
"""Column, what the new version gives, what both sides must hold then."""


def test_a_default_is_recognised_in_the_time_zone_of_its_writer(bench: Bench) -> None:
    for place, default in enumerate(DEFAULTS):
        bench.run(f"CREATE TABLE t{place} (id serial PRIMARY KEY, at timestamp NOT NULL DEFAULT {default})")
    renames = (f"rename_column: {{table: TABLEt{place}, column: at, to: placed}}" for place in range(len(DEFAULTS)))
    bench.submit(*renames).to(State.EXPANDED)
    for zone in ZONES:
        bench.run(f"SET TimeZone = '{zone}'")
        for place in range(len(DEFAULTS)):
            bench.run(
                f"INSERT INTO t{place} (placed) VALUES ('1999-01-01 10:00')", f"INSERT INTO t{place} DEFAULT VALUES"
            )
    for place in range(len(DEFAULTS)):
        assert bench.rows(f"SELECT count(*) FROM t{place} WHERE at = placed") == [(2 * len(ZONES),)]
        assert bench.rows(f"SELECT count(*) FROM t{place} WHERE at = '1999-01-01 10:00'") == [(len(ZONES),)]


def test_a_default_that_raises_fails_no_writer_that_gives_the_value(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, tenant text DEFAULT current_setting('shop.tenant'))")
    bench.submit("rename_column: {table: TABLEt, column: tenant, to: owner}").to(State.EXPANDED)
    bench.run(
        "INSERT INTO t (id, tenant) VALUES (1, 'old')",
        "INSERT INTO t (id, tenant, owner) VALUES (2, 'both', 'both kept')",
        "SET shop.tenant = 'acme'",
        "INSERT INTO t (id, owner) VALUES (3, 'new')",
        "INSERT INTO t (id) VALUES (4)",
    )
    assert bench.rows("SELECT tenant, owner FROM t ORDER BY id") == [
        ("old", "old"),
        ("both", "both kept"),
        ("new", "new"),
        ("acme", "acme"),
    ]


def test_the_new_value_wins_over_the_default_however_it_is_inserted(bench: Bench) -> None:
    for place, (column, _, _) in enumerate(WINS):
        bench.run(f"CREATE TABLE t{place} (id int PRIMARY KEY, st {column})")
    renames = (f"rename_column: {{table: TABLEt{place}, column: st, to: fresh}}" for place in range(len(WINS)))
    bench.submit(*renames).to(State.EXPANDED)
    link = bench.connect()
    for place, (_, given, expected) in enumerate(WINS):
        link.execute(f"INSERT INTO t{place} (id, fresh) VALUES (1, %s)".encode(), [given])
        merge = (
            f"MERGE INTO t{place} t USING (SELECT 2 AS id) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, fresh)"
        )
        link.execute(f"{merge} VALUES (2, %s)".encode(), [given])
        with link.cursor().copy(f"COPY t{place} (id, fresh) FROM STDIN".encode()) as copy:
            copy.write_row((3, given))
        held = bench.rows(f"SELECT st::text, fresh::text FROM t{place}")
        assert held == [(expected, expected)] * 3, WINS[place]


def test_a_sequence_is_a_default_that_is_never_given(bench: Bench) -> None:
    bench.run("CREATE TABLE t (id int PRIMARY KEY, number serial)")
    bench.submit("rename_column: {table: TABLEt, column: number, to: place}").to(State.EXPANDED)
    bench.run("INSERT INTO t (id, place) VALUES (1, 77)", "INSERT INTO t (id) VALUES (2)")
    assert bench.rows("SELECT number = place, place FROM t ORDER BY id") == [(True, 77), (True, 2)]
