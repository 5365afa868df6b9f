"""The change's own signals: whatever is not one number stops."""

from __future__ import annotations

import time

import pytest

from orchestrator.core.control import OwnSignal
from orchestrator.core.throttle import Pressure
from orchestrator.signals.own import Own
from tests.pressure.conftest import Looking, On


def _seen(looking: Looking, sql: str) -> Pressure:
    return looking.one(Own(), signals=(OwnSignal("queue", sql, 200.0),))


def test_a_number_over_where_it_stops(looking: Looking) -> None:
    found = _seen(looking, "SELECT count(*) / 1000 FROM orders WHERE id <= 150000")
    assert (found.name, found.scale, found.detail) == ("own:queue", 0.75, "signal queue is 150, 200 stops")


@pytest.mark.parametrize(
    "sql",
    ["SELECT NULL", "SELECT 1 WHERE false", "SELECT 1, 2", "VALUES (1), (2)", "SELECT 'many'", "SELECT * FROM nowhere",
     "SELECT 1; SELECT 2", "DELETE FROM orders RETURNING 1"],
)  # fmt: skip
def test_what_is_not_one_number_stops(looking: Looking, shop: str, on: On, sql: str) -> None:
    found = _seen(looking, sql)
    assert found.scale is None
    assert "queue" in found.detail
    assert on("SELECT count(*) FROM orders", shop) == [(200_000,)]


def test_one_that_takes_long_is_given_up(looking: Looking) -> None:
    began = time.monotonic()
    found = _seen(looking, "SELECT 1 FROM pg_sleep(20)")
    assert (found.scale, "[57014]" in found.detail) == (None, True)
    assert time.monotonic() - began < 4


def test_names_are_those_of_the_login(looking: Looking, shop: str, on: On) -> None:
    assert _seen(looking, "SELECT max(id) FROM orders").scale == 1000.0
