"""ADD COLUMN is told from a column that only bears the name."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.newtable import Bound, Computed
from orchestrator.core.ports import Seen
from orchestrator.core.step import AddColumn
from tests.steps.scene import ORDERS, Case, Scene, expect

PLAIN = AddColumn(ORDERS, "fresh", "character varying(20)")
COLLATED = AddColumn(ORDERS, "fresh", "text", collation='pg_catalog."C"')
FILLED = AddColumn(ORDERS, "fresh", "numeric(10,2)", default="0", not_null=True)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ADD fresh varchar(20)", Seen.DONE, ""),
        ("ALTER TABLE orders ADD fresh varchar(20) DEFAULT 'later' NOT NULL", Seen.DONE, ""),
        (
            "ALTER TABLE orders ADD fresh varchar(21)",
            Seen.FOREIGN,
            "is character varying(21), expected character varying(20)",
        ),
        ("ALTER TABLE orders ADD fresh text", Seen.FOREIGN, "public.orders.fresh is text, expected"),
        (
            'ALTER TABLE orders ADD fresh varchar(20) COLLATE "C"',
            Seen.FOREIGN,
            'has collation "C", expected that of its type',
        ),
        (
            "ALTER TABLE orders ADD fresh varchar(20) GENERATED ALWAYS AS ('x') STORED",
            Seen.FOREIGN,
            "is generated, expected a plain column",
        ),
        ("DROP TABLE orders", Seen.FOREIGN, "table public.orders is gone"),
    ],
)
def test_plain(scene: Scene, case: Case) -> None:
    expect(scene, PLAIN, case)


@pytest.mark.parametrize(
    "case",
    [
        ('ALTER TABLE orders ADD fresh text COLLATE "C"', Seen.DONE, ""),
        ("ALTER TABLE orders ADD fresh text", Seen.FOREIGN, 'expected pg_catalog."C"'),
        ('ALTER TABLE orders ADD fresh text COLLATE "POSIX"', Seen.FOREIGN, 'has collation "POSIX"'),
    ],
)
def test_collated(scene: Scene, case: Case) -> None:
    expect(scene, COLLATED, case)


@pytest.mark.parametrize(
    "case",
    [
        (
            "ALTER TABLE orders ADD fresh numeric(10,2) DEFAULT 0.5 NOT NULL",
            Seen.FOREIGN,
            "has the default 0.5, expected 0",
        ),
        ("ALTER TABLE orders ADD fresh numeric(10,2) DEFAULT 0 NOT NULL", Seen.DONE, ""),
        ("ALTER TABLE orders ADD fresh numeric(10,2) DEFAULT (0) NOT NULL", Seen.DONE, ""),
        ("ALTER TABLE orders ADD fresh numeric(10,2) DEFAULT 0", Seen.FOREIGN, "may be NULL, expected NOT NULL"),
        (
            "ALTER TABLE orders ADD fresh numeric(10,2);\nUPDATE orders SET fresh = 0;\n"
            "ALTER TABLE orders ALTER fresh SET NOT NULL",
            Seen.FOREIGN,
            "has the default none, expected 0",
        ),
        ("ALTER TABLE orders ADD fresh bigint GENERATED ALWAYS AS IDENTITY", Seen.FOREIGN, "is bigint"),
    ],
)
def test_with_a_default_and_not_null(scene: Scene, case: Case) -> None:
    expect(scene, FILLED, case)


def test_an_identity_is_no_plain_column(scene: Scene) -> None:
    step = AddColumn(ORDERS, "fresh", "bigint")
    expect(
        scene, step, ("ALTER TABLE orders ADD fresh bigint GENERATED ALWAYS AS IDENTITY", Seen.FOREIGN, "an identity")
    )


@pytest.mark.parametrize("step", [PLAIN, COLLATED, FILLED])
def test_what_orch_sends_is_seen_as_done_and_its_undo_as_absent(scene: Scene, step: AddColumn) -> None:
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT


STORED = AddColumn(ORDERS, "fresh", "text", computed=Computed("note || 'x'", Bound(10, 500)))
VIRTUAL = AddColumn(ORDERS, "fresh", "text", computed=Computed("note || 'x'"))
KEPT = "ALTER TABLE orders ADD fresh text GENERATED ALWAYS AS (note || 'x') STORED"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (KEPT, Seen.DONE, ""),
        (KEPT.replace("'x'", "'y'"), Seen.FOREIGN, "is computed as"),
        ("ALTER TABLE orders ADD fresh text", Seen.FOREIGN, "is computed otherwise"),
        ("ALTER TABLE orders ADD fresh text DEFAULT 'x'", Seen.FOREIGN, "is computed otherwise"),
    ],
)
def test_stored(scene: Scene, case: Case) -> None:
    expect(scene, STORED, case)


def test_a_stored_one_is_added_to_few_rows_only(scene: Scene) -> None:
    scene.send(STORED)
    assert scene.sees(STORED).seen is Seen.DONE
    scene.send(STORED, undo=True)
    assert scene.sees(STORED).seen is Seen.ABSENT
    scene.run("INSERT INTO orders SELECT i FROM generate_series(3, 11) i")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="more than 10 rows by now"):
        scene.send(STORED)


def test_a_virtual_one_is_no_stored_one(scene: Scene) -> None:
    if scene.link.info.server_version < 180000:
        pytest.skip("no generated column is virtual before PostgreSQL 18")
    scene.send(VIRTUAL)
    assert scene.sees(VIRTUAL).seen is Seen.DONE
    assert scene.sees(STORED).seen is Seen.FOREIGN
    scene.send(VIRTUAL, undo=True)
    assert scene.sees(VIRTUAL).seen is Seen.ABSENT


def test_an_identity_is_what_a_numbered_column_becomes(scene: Scene) -> None:
    step = AddColumn(ORDERS, "fresh", "bigint", numbered=True)
    expect(scene, step, ("ALTER TABLE orders ADD fresh bigint GENERATED ALWAYS AS IDENTITY", Seen.DONE, ""))
