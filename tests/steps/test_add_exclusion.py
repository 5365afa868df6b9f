"""An exclusion constraint stands when it bears its name and says the same; it is built over few rows, or not at all."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from orchestrator.core.newtable import Bound
from orchestrator.core.ports import Seen
from orchestrator.core.step import AddExclusion
from orchestrator.core.sync import Rule
from tests.steps.scene import ORDERS, Case, Scene, expect

NAME = 'apart "%s"'
DEFINITION = 'EXCLUDE USING hash ("Odd ""name" WITH =) WHERE (\namount > 0\n)'
STEP = AddExclusion(ORDERS, NAME, DEFINITION, Bound(10, 500), Rule("exclusion"))
ADD = 'ALTER TABLE orders ADD CONSTRAINT "apart ""%s""" '


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (ADD + 'EXCLUDE USING hash ("Odd ""name" WITH =) WHERE (amount > 0)', Seen.DONE, ""),
        (ADD + 'EXCLUDE USING hash ("Odd ""name" WITH OPERATOR(pg_catalog.=)) WHERE (amount > 0)', Seen.DONE, ""),
        (ADD + 'EXCLUDE USING hash ("Odd ""name" WITH =) WHERE (amount > 1)', Seen.FOREIGN, "amount > 1"),
        (ADD + "EXCLUDE USING hash (email WITH =) WHERE (amount > 0)", Seen.FOREIGN, "email WITH ="),
        (ADD + "CHECK (amount > -9)", Seen.FOREIGN, "CHECK"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


@pytest.mark.parametrize(
    ("definition", "found", "seen"),
    [
        (
            "EXCLUDE USING gist (int4range(amount, amount + 1) WITH &&)",
            "(int4range(amount, (amount+1)) WITH &&)",
            Seen.DONE,
        ),
        (
            "EXCLUDE USING gist (int4range(amount, amount + 1) WITH &&)",
            "(int4range(amount, amount + 2) WITH &&)",
            Seen.FOREIGN,
        ),
        (
            "EXCLUDE USING gist (int4range(amount, amount + 1) WITH &&)",
            "(int4range(amount, amount + 1) WITH =)",
            Seen.FOREIGN,
        ),
    ],
)
def test_expressions_are_compared_by_what_they_mean(scene: Scene, definition: str, found: str, seen: Seen) -> None:
    scene.run("UPDATE orders SET amount = 1 WHERE amount < 0", "UPDATE orders SET amount = 5 WHERE id = 2")
    scene.run(ADD + "EXCLUDE USING gist " + found)
    assert scene.sees(replace(STEP, definition=definition)).seen is seen


@pytest.mark.parametrize(
    ("definition", "found", "seen"),
    [
        ("(email WITH =)", "(email text_pattern_ops WITH =)", Seen.FOREIGN),
        ("(email text_pattern_ops WITH =)", "(email WITH =)", Seen.FOREIGN),
        ("(email text_pattern_ops WITH =)", "(email text_pattern_ops WITH =)", Seen.DONE),
        ("(email text_ops WITH =)", "(email WITH =)", Seen.DONE),
        ("(email WITH =)", '(email COLLATE "C" WITH =)', Seen.FOREIGN),
        ('(email COLLATE "C" WITH =)', "(email WITH =)", Seen.FOREIGN),
        ('(email COLLATE "C" WITH =)', '(email COLLATE pg_catalog."C" WITH =)', Seen.DONE),
        ("(email COLLATE pg_catalog.default WITH =)", "(email WITH =)", Seen.DONE),
        ("(id WITH =, email WITH =)", "(id WITH =, email text_pattern_ops WITH =)", Seen.FOREIGN),
        ("(id WITH =, email WITH =)", "(id WITH =, email text_ops WITH =)", Seen.DONE),
    ],
)
def test_what_differs_only_in_operator_class_or_collation_is_a_stranger(
    scene: Scene, definition: str, found: str, seen: Seen
) -> None:
    """Which rows meet is decided by both: the same columns and operators do not make it the same constraint."""
    scene.run(ADD + "EXCLUDE USING btree " + found)
    assert scene.sees(replace(STEP, definition="EXCLUDE USING btree " + definition)).seen is seen


def test_there_and_back(scene: Scene) -> None:
    scene.send(STEP)
    assert scene.sees(STEP).seen is Seen.DONE
    scene.send(STEP, undo=True)
    assert scene.sees(STEP).seen is Seen.ABSENT


def test_a_table_that_grew_is_refused_and_not_tried_again(scene: Scene) -> None:
    scene.run("INSERT INTO orders SELECT i FROM generate_series(3, 11) i")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="more than 10 rows by now"):
        scene.send(STEP)


def test_a_build_that_takes_too_long_is_taken_back_and_not_tried_again(scene: Scene) -> None:
    """Cancelled as a statement_timeout, it would be tried again twenty times, blocking everybody each time."""
    scene.run(
        "CREATE FUNCTION slow(int) RETURNS int4range LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN PERFORM pg_sleep(5); RETURN int4range($1, $1 + 1); END $$"
    )
    slow = replace(STEP, definition="EXCLUDE USING gist (public.slow(amount) WITH &&)", bound=Bound(10, 100))
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="blocked everybody for 100 ms"):
        scene.send(slow)
