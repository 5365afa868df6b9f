"""The first example of every operation, aborted once and then walked to the end. ``test_matrix`` does the rest."""

from __future__ import annotations

import pytest

from tests.conformance.example import Case, cases
from tests.conformance.stage import Stage
from tests.conformance.walk import RESTS

FIRST = [case for case in cases() if case.number == 0]


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_an_operation_keeps_its_promises(stage: Stage, case: Case) -> None:
    stage.walk(case.example).through(RESTS[FIRST.index(case) % len(RESTS)])
