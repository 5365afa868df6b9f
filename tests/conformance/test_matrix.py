"""Every example of every operation on every point of the axes, aborted from every rest and walked to the end.

The axes: names (ordinary in ``public``, hostile in a schema with a hostile name) and kinds of key. Later examples differ from
the first in what hangs on the columns, not in how rows are found: they are walked with their own key only; so is a table that
the operation makes, to which no other key can be given before. What an operation refuses when planning is as good as walked
where ``REFUSED`` or ``BY_AGE`` says why, and is listed at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.conformance.example import Case, cases
from tests.conformance.scene import KEYS, Key
from tests.conformance.stage import HOSTILE, ORDINARY, Stage
from tests.conformance.walk import RESTS

Record = Callable[[str, object], None]
Refused = Callable[..., bool]
REFUSED = {
    "add_exclusion": "partitioned table",
    "add_unique": "is partitioned by",
    "change_primary_key_type": "partitioned table",
}
"""Operation → what the reason names for which it refuses partitioned tables when planning."""
BY_AGE = "before PostgreSQL 15 a view is read with its owner's rights"
"""The reason for which servers of the best effort are refused, on every point."""


def points() -> Iterator[tuple[Case, str, Key]]:
    """Every example and the points on which it is walked."""
    for case in cases():
        yield case, ORDINARY, KEYS[0]
        yield case, HOSTILE, KEYS[0]
        if case.number == 0 and not case.example.own_key and case.example.place().old is not None:
            for key in KEYS[1:]:
                yield case, HOSTILE if key.columns else ORDINARY, key


def _id(value: object) -> str:
    if isinstance(value, Key):
        return value.name
    return {ORDINARY: "ordinary", HOSTILE: "hostile"}.get(str(value), str(value))


@pytest.fixture
def refused(stage: Stage, maintenance: psycopg.Connection[Any], record_property: Record) -> Refused:
    """Whether the operation refuses the example on a point when planning, for a reason that it may have there."""

    def on(case: Case, schema: str = ORDINARY, key: Key = KEYS[0]) -> bool:
        why = stage.refusal(case.example, schema, key)
        if why is None:
            return False
        if maintenance.info.server_version >= 150000 or BY_AGE not in why:
            assert key.partitioned, why
            assert REFUSED[case.operation] in why
        record_property("refused when planning", f"{case} {key.name}: {why}")
        return True

    return on


@pytest.mark.parametrize(("case", "schema", "key"), tuple(points()), ids=_id)
def test_an_operation_keeps_its_promises(stage: Stage, refused: Refused, case: Case, schema: str, key: Key) -> None:
    if not refused(case, schema, key):
        assert not key.partitioned or case.operation not in REFUSED
        stage.walk(case.example, schema, key).through(*RESTS)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_with_park_0_contract_leaves_nothing_to_purge(stage: Stage, refused: Refused, case: Case) -> None:
    if not refused(case):
        assert "purge.started" not in stage.walk(case.example).at_once()
