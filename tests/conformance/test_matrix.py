"""Every example of every operation, aborted from every rest and walked to the end."""

from __future__ import annotations

import pytest

from tests.conformance.example import Case, cases
from tests.conformance.stage import Stage
from tests.conformance.walk import RESTS


@pytest.mark.parametrize("case", cases(), ids=str)
def test_an_operation_keeps_its_promises(stage: Stage, case: Case) -> None:
    stage.walk(case.example).through(*RESTS)
