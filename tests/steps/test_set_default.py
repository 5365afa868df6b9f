"""A default is compared by what it means, not by how it is spelled."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SetDefault
from tests.steps.scene import ORDERS, Case, Scene, expect


@pytest.mark.parametrize(
    ("column", "default", "case"),
    [
        ("note", "'web'", ("", Seen.ABSENT, "")),
        ("note", "'web'", ("ALTER TABLE orders ALTER note SET DEFAULT 'web'", Seen.DONE, "")),
        ("note", "lower('WEB')", ("ALTER TABLE orders ALTER note SET DEFAULT lower('WEB')", Seen.DONE, "")),
        (
            "note",
            "'web'",
            ("ALTER TABLE orders ALTER note SET DEFAULT 'shop'", Seen.FOREIGN, "is 'shop'::character varying"),
        ),
        ("amount", "1 + 1", ("ALTER TABLE orders ALTER amount SET DEFAULT (1+1)", Seen.DONE, "")),
        ("amount", "'7'", ("ALTER TABLE orders ALTER amount SET DEFAULT 7", Seen.DONE, "")),
        ("amount", "7", ("ALTER TABLE orders ALTER amount SET DEFAULT 8", Seen.FOREIGN, "is 8, expected 7")),
        ("amount", "random()", ("ALTER TABLE orders ALTER amount SET DEFAULT random()", Seen.DONE, "")),
        (
            "note",
            "now()",
            ("ALTER TABLE orders ALTER note SET DEFAULT clock_timestamp()", Seen.FOREIGN, "clock_timestamp"),
        ),
        ("note", "now()", ("ALTER TABLE orders ALTER note SET DEFAULT now()", Seen.DONE, "")),
        (
            "note",
            "label()",
            (
                "CREATE FUNCTION label() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;\n"
                "ALTER TABLE orders ALTER note SET DEFAULT public.label()",
                Seen.DONE,
                "",
            ),
        ),
        ("note", "missing()", ("ALTER TABLE orders ALTER note SET DEFAULT 'x'", Seen.FOREIGN, "expected missing()")),
        ("note", "'web'", ("ALTER TABLE orders DROP note", Seen.FOREIGN, "has no column note")),
    ],
)
def test_over_no_default(scene: Scene, column: str, default: str, case: Case) -> None:
    expect(scene, SetDefault(ORDERS, column, default), case)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ALTER email SET DEFAULT 'some'", Seen.DONE, ""),
        ("ALTER TABLE orders ALTER email DROP DEFAULT", Seen.FOREIGN, "the default of public.orders.email is none"),
    ],
)
def test_over_another_default(scene: Scene, case: Case) -> None:
    expect(scene, SetDefault(ORDERS, "email", "'some'", "'none'::text"), case)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ALTER email DROP DEFAULT", Seen.DONE, ""),
        ("ALTER TABLE orders ALTER email SET DEFAULT 'some'", Seen.FOREIGN, "is 'some'::text, expected none"),
    ],
)
def test_no_default_over_one(scene: Scene, case: Case) -> None:
    expect(scene, SetDefault(ORDERS, "email", None, "'none'::text"), case)


def test_no_default_and_back(scene: Scene) -> None:
    step = SetDefault(ORDERS, "email", None, "'none'::text")
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT


def test_there_and_back(scene: Scene) -> None:
    step = SetDefault(ORDERS, "email", "'some'", "'none'::text")
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
