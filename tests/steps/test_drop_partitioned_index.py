"""The dropped index of a partitioned table: what would make CREATE done is absent here, and the other way round."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import DropPartitionedIndex
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect
from tests.steps.test_create_partitioned_index import ONLY, TREE

STEP = DropPartitionedIndex(
    TableName("public", "parts"), "i", "CREATE INDEX i ON ONLY public.parts USING btree (lower(note))"
)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.DONE, ""),
        (ONLY, Seen.PARTIAL, "0 of 3 partitions"),
        ("CREATE INDEX one_i ON one (lower(note))", Seen.PARTIAL, "there is only one_i"),
        ("CREATE INDEX i ON parts (lower(note))", Seen.ABSENT, ""),
        ("CREATE INDEX i ON parts (note)", Seen.FOREIGN, "another index"),
        ("DROP TABLE parts", Seen.FOREIGN, "is gone"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    scene.run(*TREE)
    expect(scene, STEP, case)
