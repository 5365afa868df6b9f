"""No operation holds a lock that stops readers or writers for as long as it takes to read the table.

A table of a million rows (ORCH_TEST_ROWS), every operation's first example on it, the locks sampled from outside. The bound
is half of what the server itself needs, in the same run, to read all rows once under lock. A machine that is busy
may freeze whoever holds a lock, so what is over the bound is measured again: O(rows) is over it every time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from typing import Any

import psycopg
import pytest
from psycopg import sql

from state.model import State
from tests.conformance.example import Case, cases
from tests.conformance.locks import Reads, Watch, scan_time
from tests.conformance.scene import KEYS, Scene, change_file
from tests.conformance.stage import ORDINARY, Stage
from tests.conformance.walk import FRAME
from tests.service.world import World

ROWS = int(os.environ.get("ORCH_TEST_ROWS", "1000000"))
ATTEMPTS = 3
SMALL_ONLY = ("add_exclusion",)
"""Operations that are refused on a table that is not tiny, since there is no way without a scan under lock."""
LARGE = [c for c in cases() if c.number == 0 and c.example.place().old is not None and c.operation not in SMALL_ONLY]
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), EXISTS (
           SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey::int2[]))
  FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_no_step_holds_a_strong_lock_for_as_long_as_a_scan(stage: Stage, case: Case) -> None:
    table = str(case.example.place().old)
    seen = []
    for _ in range(ATTEMPTS):
        world = stage.world(case.example)
        with psycopg.connect(world.url, autocommit=True) as link:
            _enlarge(link, table, {case.example.key, *_to_be_unique(case)})
            bound = scan_time(link, table) / 2
            before = _filenode(link, table)
        with Watch(world.url, table) as watch, psycopg.connect(world.url, autocommit=True) as link:
            reads = Reads(link, _oid(link, table))
            _whole(world, case, reads)
        assert watch.samples > 50
        assert _read_under_lock(world, reads) == {}, "rows are read while nobody else may touch the table"
        with psycopg.connect(world.url, autocommit=True) as link:
            assert _filenode(link, str(case.example.place().new)) in (before, None), "the table was rewritten"
        seen.append((watch.longest, bound))
        if max(watch.longest.values(), default=0.0) < bound:
            return
    raise AssertionError(f"(longest hold of each mode, bound), in seconds: {seen}")


def test_a_lock_held_for_a_scan_is_seen(stage: Stage) -> None:
    """The measure itself: what the test above looks for is found when it is there."""
    (case,) = [case for case in LARGE if case.operation == "set_not_null"]
    world = stage.world(case.example)
    with psycopg.connect(world.url, autocommit=True) as link:
        _enlarge(link, "customers", {"id"})
        link.execute("UPDATE customers SET phone = '' WHERE phone IS NULL")
        bound = scan_time(link, "customers") / 2
    with Watch(world.url, "customers") as watch, psycopg.connect(world.url, application_name="orch:x:1:1") as link:
        link.execute("ALTER TABLE customers ALTER phone SET NOT NULL")
    assert watch.longest["AccessExclusiveLock"] > bound


def test_rows_that_a_step_reads_are_seen(stage: Stage) -> None:
    """The other measure: VALIDATE reads every row, and is seen to; SET NOT NULL by its proof reads none."""
    (case,) = [case for case in LARGE if case.operation == "set_not_null"]
    world = stage.world(case.example)
    with psycopg.connect(world.url, autocommit=True) as link:
        (rows,) = link.execute("SELECT count(*) FROM customers").fetchone() or (0,)
        reads = Reads(link, _oid(link, "customers"))
        _whole(world, case, reads)
    kinds = {step.kind: reads.rows[step.ordinal] for step in world.service.status("large").steps}
    assert kinds["validate_constraint"] >= rows
    assert kinds["set_not_null"] == 0


def _read_under_lock(world: World, reads: Reads) -> dict[str, int]:
    """Description → rows, of Steps that take ACCESS EXCLUSIVE and read more than a tenth of the table."""
    steps = {step.ordinal: step for step in world.service.status("large").steps}
    many = {ordinal: count for ordinal, count in reads.rows.items() if count > ROWS / 10}
    return {steps[o].description: count for o, count in many.items() if steps[o].kind not in _BESIDE_WRITERS}


_BESIDE_WRITERS = {"backfill", "create_index", "create_partitioned_index", "validate_constraint", "drop_index"}
"""Kinds that read the table, and whose locks stop neither reads nor writes: ``Watch`` would see others."""


def _oid(link: psycopg.Connection[Any], table: str) -> int:
    ((found,),) = link.execute("SELECT to_regclass(quote_ident(%s))::oid", [table])
    return int(found)


def _to_be_unique(case: Case) -> Iterator[str]:
    """The columns of which the operation makes a key: rows that are there twice would stop it."""
    for operation in case.example.change["operations"]:
        for word, body in operation.items():
            if word in ("add_unique", "add_primary_key"):
                yield from body["columns"]


def _enlarge(link: psycopg.Connection[Any], table: str, keys: Set[str]) -> None:
    """Rows like those that are there; what must be, or become, unique is made so."""
    name = sql.Identifier(table)
    columns = link.execute(_COLUMNS, [name.as_string(link)]).fetchall()
    texts = [_copied(column, kind, unique or column in keys) for column, kind, unique in columns]
    (count,) = link.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() or (0,)
    query = sql.SQL(
        "INSERT INTO {t} ({names}) SELECT {texts} FROM (SELECT *, row_number() OVER () AS n FROM {t}"
        " CROSS JOIN generate_series(1, {times}) ORDER BY 1 LIMIT {rows}) r"
    )
    link.execute(
        query.format(
            t=name,
            names=sql.SQL(", ").join(sql.Identifier(column) for column, _, _ in columns),
            texts=sql.SQL(", ").join(texts),
            times=sql.Literal(ROWS // count + 1),
            rows=sql.Literal(ROWS - count),
        )
    )
    link.execute(sql.SQL("VACUUM ANALYZE {}").format(name))


def _copied(column: str, kind: str, unique: bool) -> sql.Composable:
    if not unique:
        return sql.Identifier(column)
    made = {"text": "'r' || n", "character varying": "'r' || n", "uuid": "md5(n::text)::uuid"}
    return sql.SQL(made.get(kind, "1000 + n"))


def _filenode(link: psycopg.Connection[Any], table: str) -> int | None:
    ((found,),) = link.execute("SELECT pg_relation_filenode(to_regclass(quote_ident(%s)))", [table])
    return None if found is None else int(found)


def _whole(world: World, case: Case, reads: Reads) -> None:
    frame = {**FRAME, "backfill": {"batch_rows": 10_000, "statement_time": "2s"}}
    world.service.submit(change_file(Scene(case.example, ORDINARY, KEYS[0]), "large", frame), "large.yaml")
    world.to(State.COMPLETED, "large", listen=reads.listen)
