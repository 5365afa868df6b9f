"""The page beside squawk says only what the server was seen to do. That it is up to date is asked by tests/docs."""

from __future__ import annotations

from tests.lint.beside_squawk import REASONS, ours, squawk
from tests.lint.table import CASES

STATEMENTS = [case.sql for case in CASES]


def test_squawk_is_run_and_hygiene_left_out() -> None:
    found = squawk(["CREATE INDEX i ON t (a)", "SELECT 1"])
    assert found == [{"require-concurrent-index-creation"}, set()]


def test_every_reason_is_needed_and_none_is_missing() -> None:
    alone = [theirs for sql, theirs in zip(STATEMENTS, squawk(STATEMENTS), strict=True) if not ours(sql)]
    assert {rule for rules in alone for rule in rules} == set(REASONS)


def test_what_is_called_a_false_alarm_rewrites_and_reads_nothing() -> None:
    for case, theirs in zip(CASES, squawk(STATEMENTS), strict=True):
        if "adding-field-with-default" in theirs and not ours(case.sql):
            assert not case.rewrites, case.sql
            assert not case.scans, case.sql
