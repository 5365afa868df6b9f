"""A dropped index is done when it is gone, and absent only while the very one stands, whole."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import IndexExtras
from orchestrator.core.ports import Seen
from orchestrator.core.step import DropIndex
from tests.steps.scene import ORDERS, Case, Scene, expect

DEFINITION = "CREATE INDEX by_note ON public.orders USING btree (lower((note)::text), amount DESC) WHERE (amount > 0)"
STEP = DropIndex(ORDERS, "by_note", DEFINITION, IndexExtras("it's", None, ((1, 300),)))
MAKE = "CREATE INDEX by_note ON orders (lower(note), amount DESC) WHERE amount > 0"
SAID = "COMMENT ON INDEX by_note IS 'it''s'"
INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_note'::regclass"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        (f"{MAKE};\n{SAID}", Seen.ABSENT, ""),
        (MAKE, Seen.PARTIAL, "has no comment yet"),
        (f"{MAKE};\n{SAID};\n{INVALID}", Seen.PARTIAL, "is invalid"),
        ("CREATE INDEX by_note ON orders (lower(note), amount) WHERE amount > 0", Seen.FOREIGN, "another index"),
        ("CREATE INDEX by_note ON orders (lower(note), amount DESC)", Seen.FOREIGN, "another index"),
        ("CREATE UNIQUE INDEX by_note ON orders (lower(note), amount DESC) WHERE amount > 0", Seen.FOREIGN, "another"),
        ("CREATE TABLE by_note ()", Seen.FOREIGN, "is a relation, but no index"),
        ("DROP TABLE orders", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, STEP, case)
