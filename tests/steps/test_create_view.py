"""A second name stands when an updatable view of all the columns, read as its invoker, bears it."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import Access, TableName
from orchestrator.core.ports import Seen
from orchestrator.core.step import CreateView
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
