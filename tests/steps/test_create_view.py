"""A second name stands when an updatable view of all the columns, read as its invoker, bears it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.catalog import Access, TableName
from orchestrator.core.ports import Seen
from orchestrator.core.viewstep import CreateView
from tests.steps.scene import ORDERS, Case, Scene, expect

NAMES = ("id", "email", "amount", "note", 'Odd "name')
VIEW = CreateView(TableName("public", 'Second "x"'), ORDERS, NAMES, Access("postgres"))
HEAD = 'CREATE VIEW "Second ""x"""'
ALL = 'SELECT id, email, amount, note, "Odd ""name" FROM orders'
INVOKER = " WITH (security_invoker = true) AS "


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (HEAD + INVOKER + ALL, Seen.DONE, ""),
        (HEAD + " AS " + ALL, Seen.FOREIGN, "read as its invoker"),
        (HEAD + INVOKER + ALL + " LIMIT 5", Seen.FOREIGN, "is another relation"),
        (HEAD + INVOKER + ALL.replace("note, ", ""), Seen.FOREIGN, "is another relation"),
        ("CREATE TABLE other AS TABLE orders;\n" + HEAD + INVOKER + ALL.replace("orders", "other"), Seen.FOREIGN, "another"),
        ('CREATE TABLE "Second ""x""" (id int)', Seen.FOREIGN, "is another relation"),
        ("DROP TABLE orders", Seen.FOREIGN, "table public.orders is gone"),
    ],
)  # fmt: skip
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, VIEW, case)


def test_there_and_back(scene: Scene) -> None:
    scene.send(VIEW)
    assert scene.sees(VIEW).seen is Seen.DONE
    scene.send(VIEW, undo=True)
    assert scene.sees(VIEW).seen is Seen.ABSENT


SHOWN = replace(VIEW, shown=("id", "address", "amount", "remark", 'Odd "name'))
AS = ALL.replace("email,", "email AS address,").replace("note,", "note AS remark,")


@pytest.mark.parametrize(
    "case",
    [
        (HEAD + INVOKER + AS, Seen.DONE, ""),
        (HEAD + INVOKER + AS + ";\nALTER TABLE orders RENAME email TO address", Seen.DONE, ""),
        (HEAD + INVOKER + ALL, Seen.FOREIGN, "is another relation"),
        (
            HEAD + INVOKER + AS.replace("email AS address", "email || '' AS address"),
            Seen.FOREIGN,
            "is another relation",
        ),
        (
            HEAD + INVOKER + AS.replace("email AS", "note AS").replace("note AS r", "email AS r"),
            Seen.FOREIGN,
            "another",
        ),
    ],
)
def test_a_column_is_shown_under_another_name(scene: Scene, case: Case) -> None:
    expect(scene, SHOWN, case)


def test_without_an_owner_it_stays_the_logins(scene: Scene) -> None:
    """Who needs it is given it, by the names that it shows."""
    scene.run("GRANT SELECT (email) ON orders TO pg_monitor")
    grants = (("email", (("SELECT", "pg_monitor", False),)),)
    scene.send(replace(SHOWN, access=Access("", (("INSERT", "pg_monitor", True),)), column_grants=grants))
    assert scene.sees(SHOWN).seen is Seen.DONE
    may = "SELECT has_column_privilege('pg_monitor', c.oid, 'address', 'SELECT') FROM pg_class c WHERE relname = 'Second \"x\"'"
    assert scene.link.execute(may.encode()).fetchone() == (True,)
