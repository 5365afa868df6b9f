"""The foreign key of a partitioned table is told by the catalog alone: of the whole, of some partitions, absent, or another."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import AddPartitionedForeignKey
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect
from tests.steps.test_create_partitioned_index import TREE

KEY = "FOREIGN KEY (id) REFERENCES public.kin(id)"
WHERE = (TableName("public", "parts"), "k", KEY, TableName("public", "kin"))
STEP = AddPartitionedForeignKey(*WHERE)
KIN = "CREATE TABLE kin (id bigint PRIMARY KEY)"
PART = f"ALTER TABLE one ADD CONSTRAINT k {KEY}"
CASES: list[Case] = [
    ("", Seen.ABSENT, ""),
    (PART + " NOT VALID", Seen.PARTIAL, "0 of 2 partitions of public.parts have k"),
    (PART, Seen.PARTIAL, "1 of 2 partitions of public.parts have k"),
    (PART + ";\nALTER TABLE two ADD CONSTRAINT k " + KEY, Seen.PARTIAL, "2 of 2"),
    (PART + " ON DELETE CASCADE", Seen.FOREIGN, "ON DELETE CASCADE"),
    ("ALTER TABLE two ADD CONSTRAINT k CHECK (id > 0)", Seen.FOREIGN, "CHECK"),
    ("ALTER TABLE parts ADD CONSTRAINT k " + KEY + " ON DELETE CASCADE", Seen.FOREIGN, "ON DELETE CASCADE"),
    ("ALTER TABLE parts ADD CONSTRAINT k " + KEY, Seen.DONE, ""),
    ("DROP TABLE parts", Seen.FOREIGN, "is gone"),
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    scene.run(*TREE, KIN)
    expect(scene, STEP, case)
