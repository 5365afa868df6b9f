"""A short run of what ``make fuzz`` does for longer, and that it finds what it is for."""

from __future__ import annotations

from random import Random

import pytest

from orchestrator.dialects.postgres.script.reading import read
from tests.lint import fuzz


def test_nothing_is_too_much_for_reader_and_rules() -> None:
    assert fuzz.run(2, seed=1) > 50


def test_a_place_outside_the_script_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "read", lambda text: read(text + " ; SELECT 1"))
    with pytest.raises(AssertionError):
        fuzz.tried("SELECT 2")


def test_scripts_are_of_many_kinds() -> None:
    random = Random(7)
    scripts = [fuzz.script(random) for _ in range(300)]
    broken = sum(any(each.error for each in read(text)) for text in scripts)
    assert 60 < broken < 290
