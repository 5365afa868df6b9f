"""A default or an identity is found at whichever column is filled by itself; its numbers go on, there and back."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from orchestrator.core.catalog import Sequence, TableName
from orchestrator.core.keys import MoveDefault
from orchestrator.core.ports import Seen
from tests.steps.scene import ORDERS, Case, Scene, expect

EMAIL = MoveDefault(ORDERS, "email", "note", "'none'::text", "'none'::text")
NUMBERS = Sequence(
    TableName("public", "numbers"), "integer", 5, 2, 1, 2**31 - 1, 3, False, "it's", (("USAGE", "", False),)
)
T = TableName("public", "t")
SERIAL = MoveDefault(T, "a", "b", "nextval('public.numbers')", "nextval('public.numbers')", None, NUMBERS, "bigint")
IDENTITY = MoveDefault(T, "a", "b", identity="ALWAYS", sequence=NUMBERS, numbers="bigint")
_OPTIONS = "START 5 INCREMENT 2 CACHE 3"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ALTER email DROP DEFAULT, ALTER note SET DEFAULT 'x'", Seen.DONE, ""),
        ("ALTER TABLE orders RENAME email TO parked;\nALTER TABLE orders ALTER note SET DEFAULT 'x'", Seen.DONE, ""),
        ("ALTER TABLE orders ALTER email DROP DEFAULT", Seen.FOREIGN, "nothing fills"),
        ("ALTER TABLE orders DROP note", Seen.FOREIGN, "has no column note"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, EMAIL, case)


def _made(scene: Scene, step: MoveDefault) -> None:
    if step.identity:
        scene.run(
            f"CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.numbers {_OPTIONS}), b bigint NOT NULL)"
        )
    else:
        scene.run(
            f"CREATE SEQUENCE numbers AS int {_OPTIONS}",
            "CREATE TABLE t (a int DEFAULT nextval('numbers'), b bigint NOT NULL)",
            "ALTER SEQUENCE numbers OWNED BY t.a",
        )
    scene.run("COMMENT ON SEQUENCE numbers IS 'it''s'", "GRANT USAGE ON SEQUENCE numbers TO PUBLIC")


def _sequence(scene: Scene) -> tuple[Any, ...]:
    query = """
        SELECT q.data_type::text, q.start_value, q.increment_by, q.min_value, q.max_value, q.cache_size, q.cycle,
               obj_description('public.numbers'::regclass), (SELECT relacl::text FROM pg_class WHERE relname = 'numbers'),
               (SELECT a.attname::text FROM pg_depend d
                  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                 WHERE d.objid = 'public.numbers'::regclass AND d.deptype IN ('a', 'i'))
          FROM pg_sequences q WHERE q.sequencename = 'numbers'"""
    (row,) = scene.link.execute(query.encode()).fetchall()
    return tuple(row)


def _next(scene: Scene) -> int:
    row = scene.link.execute("SELECT nextval('public.numbers')").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("step", [SERIAL, IDENTITY], ids=["default", "identity"])
def test_the_numbers_go_on_there_and_back(scene: Scene, step: MoveDefault) -> None:
    _made(scene, step)
    before = _sequence(scene)
    given = [_next(scene)]
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    after = _sequence(scene)
    assert after == ("bigint", *before[1:4], 2**63 - 1, *before[5:9], "b")
    given.append(_next(scene))
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
    assert _sequence(scene) == before
    given.append(_next(scene))
    assert given == sorted(set(given))


@pytest.mark.parametrize("step", [SERIAL, IDENTITY], ids=["default", "identity"])
def test_a_sequence_that_was_never_asked_starts_where_it_would_have(scene: Scene, step: MoveDefault) -> None:
    _made(scene, step)
    scene.send(step)
    assert _next(scene) == 5


@pytest.mark.parametrize("step", [SERIAL, IDENTITY], ids=["default", "identity"])
def test_numbers_beyond_the_old_type_are_not_given_twice_either(scene: Scene, step: MoveDefault) -> None:
    """An owned sequence stays as wide as it became; an identity's has come to its end."""
    _made(scene, step)
    scene.send(step)
    scene.run("SELECT setval('numbers', 3000000000)")
    scene.send(step, undo=True)
    if step.identity is None:
        assert _next(scene) == 3_000_000_002
        return
    with pytest.raises(psycopg.errors.SequenceGeneratorLimitExceeded):
        _next(scene)
