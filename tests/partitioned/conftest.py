"""A world whose table is partitioned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.partitioned.trees import TREE
from tests.service.world import World, service_at


@pytest.fixture
def tree(ready: str) -> Iterator[World]:
    """A database with a partitioned table, ready for changes."""
    with service_at(ready) as service:
        world = World(ready, service)
        world.run(TREE)
        yield world
