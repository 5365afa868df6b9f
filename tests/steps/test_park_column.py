"""A column is parked when it bears only the parked name, and is the column it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.parkstep import ParkColumn, Parked
from orchestrator.core.ports import Seen
from orchestrator.core.sync import Conversion, Fill
from tests.steps.scene import ORDERS, Case, Scene, expect

STEP = ParkColumn(
    ORDERS, "email", "parked", Fill("s1", "c", ORDERS, "email", "text", (), "~t", Conversion("f", "1", (), "text"))
)
RENAMED = "ALTER TABLE orders RENAME email TO parked"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (RENAMED, Seen.DONE, ""),
        (RENAMED + ";\nALTER TABLE orders ALTER parked DROP DEFAULT", Seen.DONE, ""),
        (
            RENAMED + ";\nALTER TABLE orders ADD email text",
            Seen.FOREIGN,
            "has both email and parked, expected one of them",
        ),
        ("ALTER TABLE orders RENAME note TO parked", Seen.FOREIGN, "has both"),
        (
            "ALTER TABLE orders DROP email;\nALTER TABLE orders ADD parked int",
            Seen.FOREIGN,
            "parked is integer, expected text",
        ),
        (
            "ALTER TABLE orders DROP email;\nALTER TABLE orders ADD email int",
            Seen.FOREIGN,
            "email is integer, expected text",
        ),
        ("ALTER TABLE orders DROP email", Seen.FOREIGN, "has neither email nor parked"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)


def test_after_the_purge_the_park_counts_as_done(scene: Scene) -> None:
    scene.mark()
    expect(scene, STEP, ("ALTER TABLE orders DROP email", Seen.DONE, ""))


def test_there_and_back(scene: Scene) -> None:
    step = replace(STEP, sync=None)
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT


def test_undo_gives_the_old_column_its_own_default_back(scene: Scene) -> None:
    """The new column's may be of another type: it would be refused there."""
    scene.run("ALTER TABLE orders ADD fresh int")
    step = replace(STEP, sync=None, new="fresh", default="7", previous="'none'")
    defaults = "SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.orders'::regclass"
    before = scene.link.execute(defaults).fetchall()
    scene.send(step)
    assert scene.link.execute(defaults).fetchall() == [(6, "7")]
    scene.send(step, undo=True)
    assert scene.link.execute(defaults).fetchall() == before


BOTH = ParkColumn(ORDERS, "email", "parked", also=(Parked("note", "parked too"),), defaults=(("amount", "7"),))
SECOND = 'ALTER TABLE orders RENAME note TO "parked too"'


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (f"{RENAMED};\n{SECOND}", Seen.DONE, ""),
        (RENAMED, Seen.FOREIGN, "has note, parked, expected"),
        ("ALTER TABLE orders DROP note", Seen.FOREIGN, "has email, expected"),
        ("ALTER TABLE orders DROP note, DROP email", Seen.FOREIGN, "has neither email nor parked"),
    ],
)
def test_a_shape_of_several_columns_is_parked_whole(scene: Scene, case: Case) -> None:
    expect(scene, BOTH, case)


def test_there_and_back_with_several_columns(scene: Scene) -> None:
    defaults = (
        "SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.orders'::regclass ORDER BY 1"
    )
    before = scene.link.execute(defaults).fetchall()
    scene.send(BOTH)
    assert scene.sees(BOTH).seen is Seen.DONE
    assert scene.link.execute(defaults).fetchall() == [*before, (3, "7")]
    scene.send(BOTH, undo=True)
    assert scene.sees(BOTH).seen is Seen.ABSENT
    assert scene.link.execute(defaults).fetchall() == before
