"""The dropped foreign key of a partitioned table: what would make ADD done is absent here, and the other way round."""

from __future__ import annotations

import pytest

from orchestrator.core.partitioned import DropPartitionedForeignKey
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect
from tests.steps.test_add_partitioned_foreign_key import CASES, KIN, WHERE
from tests.steps.test_create_partitioned_index import TREE

STEP = DropPartitionedForeignKey(*WHERE)
OTHERWISE = {Seen.DONE: Seen.ABSENT, Seen.ABSENT: Seen.DONE}


@pytest.mark.parametrize("case", [(by_hand, OTHERWISE.get(seen, seen), words) for by_hand, seen, words in CASES])
def test_what_is_seen(scene: Scene, case: Case) -> None:
    scene.run(*TREE, KIN)
    expect(scene, STEP, case)
