"""Registry and Target fall back to any two moments of a release: every pair comes to a right end.

Before and after every ``advance`` applications write through each shape that is there; such a write may fail only because its
column is not there at all. What comes out is compared with plain DDL.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.embedded import Server
from tests.support.moments import WAYS, Recorded, fault_of, recorded

SHARES = 24
"""Parts into which the pairs are cut, for a test each."""


@pytest.fixture(scope="module", params=list(WAYS))
def recording(
    request: pytest.FixtureRequest,
    server: Server,
    maintenance: psycopg.Connection[object],
    template: str,
    worker_id: str,
) -> Iterator[Recorded]:
    with recorded(server, maintenance, template, worker_id, request.param) as made:
        yield made


@pytest.mark.parametrize("share", range(SHARES))
def test_every_pair_of_moments_comes_to_a_right_end(recording: Recorded, share: int) -> None:
    faults = [fault for pair in recording.pairs()[share::SHARES] if (fault := fault_of(recording, *pair)) is not None]
    assert not faults, "\n".join([str(len(faults)), *faults])
