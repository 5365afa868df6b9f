"""A worker stops inside a transaction on the Registry and holds its rows: others wait a little, or are told, never more."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from state import connect, lease
from state.errors import Occupied, RegistryError
from state.store import Registry
from tests.support.release import released


@pytest.fixture
def registry(database: str) -> Iterator[Registry]:
    with psycopg.connect(database) as link:
        link.execute("CREATE TABLE things (id bigint PRIMARY KEY, fact text)")
    with released(database).service as service:
        service.submit("change: change\noperations:\n  - add_column: {table: things, column: more, type: text}\n", "c")
    with Registry(database) as found:
        yield found


def test_whoever_is_frozen_is_cut_off_before_the_next_one_gives_up(registry: Registry, database: str) -> None:
    began = time.monotonic()
    with pytest.raises(RegistryError), Registry(database) as frozen, frozen._writing() as connection:
        lease.acquire(connection, "change", "frozen", 0.1)
        assert registry.acquire("change", "heir", 30.0) == 1
        assert time.monotonic() - began < 9
        lease.release(connection, "change", 1)


def test_a_row_held_by_somebody_else_is_a_refusal_in_words(
    registry: Registry, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_VALUES", ["100ms" if word == "10s" else word for word in connect._VALUES])
    with psycopg.connect(database) as other, pytest.raises(Occupied, match="run the same command again"):
        other.execute("SELECT FROM orch.lease FOR UPDATE")
        registry.acquire("change", "late", 30.0)
