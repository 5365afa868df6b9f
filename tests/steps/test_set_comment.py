"""A comment is told from none, and from another one; quotes and column names are no trouble."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SetComment
from tests.steps.scene import ORDERS, Case, Scene, expect

ODD = 'Odd "name'


@pytest.mark.parametrize(
    ("step", "case"),
    [
        (SetComment(ORDERS, "note", "it's"), ("", Seen.ABSENT, "")),
        (SetComment(ORDERS, "note", "it's"), ("COMMENT ON COLUMN orders.note IS 'it''s'", Seen.DONE, "")),
        (SetComment(ORDERS, "note", "b", "a"), ("COMMENT ON COLUMN orders.note IS 'a'", Seen.ABSENT, "")),
        (SetComment(ORDERS, "note", "b", "a"), ("COMMENT ON COLUMN orders.note IS 'c'", Seen.FOREIGN, "is 'c', expected 'b'")),
        (SetComment(ORDERS, "note", "b", "a"), ("", Seen.FOREIGN, "is None")),
        (SetComment(ORDERS, "note", None, "a"), ("", Seen.DONE, "")),
        (SetComment(ORDERS, "note", "b"), ("COMMENT ON TABLE orders IS 'b'", Seen.ABSENT, "")),
        (SetComment(ORDERS, None, "b"), ("COMMENT ON TABLE orders IS 'b'", Seen.DONE, "")),
        (SetComment(ORDERS, None, "b"), ("COMMENT ON TABLE orders IS 'c'", Seen.FOREIGN, "public.orders is 'c'")),
        (SetComment(ORDERS, "note", "b"), ("ALTER TABLE orders DROP note", Seen.FOREIGN, "has no column note")),
        (SetComment(ORDERS, None, "b"), ("DROP TABLE orders", Seen.FOREIGN, "is gone")),
    ],
)  # fmt: skip
def test_what_is_seen(scene: Scene, step: SetComment, case: Case) -> None:
    expect(scene, step, case)


@pytest.mark.parametrize("column", [None, "note", ODD])
def test_there_and_back(scene: Scene, column: str | None) -> None:
    scene.run("COMMENT ON TABLE orders IS 'old'")
    step = SetComment(ORDERS, column, "a 'new' one; %s {}", "old" if column is None else None)
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
