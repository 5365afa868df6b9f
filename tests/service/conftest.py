"""A small shop, and a release over it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.release import Release, at


@pytest.fixture
def release(ready: str) -> Iterator[Release]:
    with psycopg.connect(ready, autocommit=True) as link:
        link.execute("CREATE TABLE orders (id bigint PRIMARY KEY, email text NOT NULL, note text, quantity int)")
        link.execute("INSERT INTO orders SELECT i, 'e' || i, NULL, i FROM generate_series(1, 40) i")
    found = at(ready)
    with found.service:
        yield found
