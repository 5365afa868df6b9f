"""An index is told from another one under its name, and a broken build from a finished one."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import CreateIndex
from tests.steps.scene import ORDERS, Case, Scene, expect

NEW = CreateIndex(
    ORDERS,
    "i",
    definition='CREATE INDEX i ON public.orders (email, "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
)
CARRYING = CreateIndex(ORDERS, "i", ("email", 'Odd "name'), ("amount",))
UNIQUE = CreateIndex(ORDERS, "i", ("id", "email"), unique=True)
COPY = CreateIndex(
    ORDERS,
    "i",
    definition='CREATE INDEX old ON public.orders USING btree (lower((note)::text) DESC, note COLLATE "C"'
    " varchar_pattern_ops) WITH (fillfactor='70') WHERE ((note)::text <> ''::text)",
    renamed=("note", "email"),
)
INVALID = "UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'public.i'::regclass"


def test_one_that_carries_a_column_along(scene: Scene) -> None:
    expect(scene, CARRYING, ('CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount)', Seen.DONE, ""))


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (
            'CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
            Seen.DONE,
            "",
        ),
        (
            'CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\';\n'
            + INVALID,
            Seen.PARTIAL,
            "is invalid",
        ),
        (
            'CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount) WHERE amount > 1 AND email <> \'\'',
            Seen.FOREIGN,
            "> 1",
        ),
        ('CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount)', Seen.FOREIGN, "WHERE"),
        (
            'CREATE INDEX i ON orders ("Odd ""name", email) INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
            Seen.FOREIGN,
            "i ON",
        ),
        (
            'CREATE INDEX i ON orders (email, "Odd ""name", amount) WHERE amount > 0 AND email <> \'\'',
            Seen.FOREIGN,
            "INCLUDE",
        ),
        (
            'CREATE INDEX i ON orders (email DESC, "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
            Seen.FOREIGN,
            "DESC",
        ),
        (
            'CREATE INDEX i ON orders (email text_pattern_ops, "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
            Seen.FOREIGN,
            "text_pattern_ops",
        ),
        (
            'CREATE INDEX i ON orders (email COLLATE "C", "Odd ""name") INCLUDE (amount) WHERE amount > 0 AND email <> \'\'',
            Seen.FOREIGN,
            "COLLATE",
        ),
        (
            'CREATE INDEX i ON orders (email, "Odd ""name") INCLUDE (amount) WITH (fillfactor = 50)'
            " WHERE amount > 0 AND email <> ''",
            Seen.FOREIGN,
            "fillfactor",
        ),
        ("CREATE INDEX i ON orders (email);\n" + INVALID, Seen.FOREIGN, "another index than the one planned"),
        ("CREATE TABLE other (x int);\nCREATE INDEX i ON other (x)", Seen.FOREIGN, "another index"),
        ("CREATE TABLE i (x int)", Seen.FOREIGN, "is a relation, but no index"),
    ],
)
def test_written_anew(scene: Scene, case: Case) -> None:
    expect(scene, NEW, case)


@pytest.mark.parametrize(
    "case",
    [
        ("CREATE UNIQUE INDEX i ON orders (id, email)", Seen.DONE, ""),
        ("CREATE INDEX i ON orders (id, email)", Seen.FOREIGN, "expected CREATE UNIQUE INDEX"),
        ("CREATE UNIQUE INDEX i ON orders (id, email);\n" + INVALID, Seen.PARTIAL, "is invalid"),
        ("CREATE UNIQUE INDEX i ON orders USING btree (id int8_ops, email text_ops)", Seen.DONE, ""),
        ("CREATE UNIQUE INDEX i ON orders (id, lower(email))", Seen.FOREIGN, "lower"),
    ],
)
def test_unique(scene: Scene, case: Case) -> None:
    expect(scene, UNIQUE, case)


@pytest.mark.parametrize(
    "case",
    [
        (
            'CREATE INDEX i ON orders (lower(email) DESC, email COLLATE "C" text_pattern_ops) WITH (fillfactor=70)'
            " WHERE email <> ''",
            Seen.FOREIGN,
            "text_pattern_ops",
        ),
        (
            'CREATE INDEX i ON orders (lower(email::text) DESC, email COLLATE "C" varchar_pattern_ops)'
            " WITH (fillfactor=70) WHERE email <> ''",
            Seen.DONE,
            "",
        ),
        (
            'CREATE INDEX i ON orders (upper(email) DESC, email COLLATE "C" varchar_pattern_ops) WITH (fillfactor=70)'
            " WHERE email <> ''",
            Seen.FOREIGN,
            "upper",
        ),
    ],
)
def test_copied_to_a_column_of_another_type(scene: Scene, case: Case) -> None:
    """The server leaves out the casts that the copy no longer needs."""
    expect(scene, COPY, case)
