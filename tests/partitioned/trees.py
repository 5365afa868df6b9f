"""A partitioned table under a release: range over hash, a default partition, and one in another schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from orchestrator.dialects.postgres import kinds
from orchestrator.dialects.postgres.session import PostgresSession
from tests.service.world import World

TREE = """
CREATE SCHEMA old;
CREATE TABLE tree (
    id bigint NOT NULL,
    place int NOT NULL,
    note text,
    amount int NOT NULL DEFAULT 1,
    CONSTRAINT tree_pkey PRIMARY KEY (id, place)
) PARTITION BY RANGE (place);
CREATE TABLE low PARTITION OF tree FOR VALUES FROM (0) TO (10);
CREATE TABLE "Mid" PARTITION OF tree FOR VALUES FROM (10) TO (20) PARTITION BY HASH (id);
CREATE TABLE "mid 0" PARTITION OF "Mid" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE old."mid ""1"" b" PARTITION OF "Mid" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE rest PARTITION OF tree DEFAULT;
INSERT INTO tree SELECT i, i % 30, 'n' || i, i % 7 FROM generate_series(1, 300) i;
"""
INDEX = "add_index: {table: tree, columns: [note], name: by_note}"
INDEXES = """
SELECT i.indrelid::regclass::text, c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid IN (SELECT relid FROM pg_partition_tree('tree')) ORDER BY 1, 2
"""


def valid(world: World, name: str = "by_note") -> bool:
    """Whether an index of the tree is valid and every partition has its part of it."""
    rows = world.rows(
        f"SELECT bool_and(i.indisvalid AND i.indisready), (SELECT count(*) FROM pg_partition_tree('tree'))"
        f" = (SELECT count(*) FROM pg_partition_tree('{name}')) FROM pg_index i"
        f" WHERE i.indexrelid IN (SELECT relid FROM pg_partition_tree('{name}'))"
    )
    return rows == [(True, True)]


class Died(Exception):
    """A worker's end between two messages."""


@contextmanager
def dying_before(number: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever sends message by message dies before the message of that number."""
    asked = PostgresSession._asked
    sent = 0

    def counted(self: PostgresSession, *arguments: Any) -> kinds.Move | None:
        nonlocal sent
        move = asked(self, *arguments)
        if move is not None:
            sent += 1
            if sent > number:
                raise Died
        return move

    with patch.context() as patched:
        patched.setattr(PostgresSession, "_asked", counted)
        yield


@contextmanager
def meanwhile(patch: pytest.MonkeyPatch, url: str, happens: dict[int, str]) -> Iterator[None]:
    """Before the messages of these numbers somebody else sends a statement."""
    asked = PostgresSession._asked
    sent = 0

    def counted(self: PostgresSession, *arguments: Any) -> kinds.Move | None:
        nonlocal sent
        sent += 1
        if sent in happens:
            with psycopg.connect(url, autocommit=True) as link:
                link.execute(happens[sent].encode())
        return asked(self, *arguments)

    with patch.context() as patched:
        patched.setattr(PostgresSession, "_asked", counted)
        yield
