"""A new key is claimed before it is written, so that upserts of two versions do not collide (F19).

Why it exists: while a key goes over to another column, either column has a unique index. ON CONFLICT waits for whoever is
writing the same key by the one index that it names, and fails (23505) at the other one: 114 of 132,000 statements (m: 8 clients,
20 keys, 8 s, a third of them deletes). So whoever writes a key that is not there yet waits for its turn here, before the server
looks for a conflict at all: 8 of 104,000 with the deletes, none without them. What is left: two upserts of one key that both wait
for its deletion to commit.

A DEFERRABLE index instead, which is not asked until the statement ends, was tried: the server then refuses every ON CONFLICT
without a column list (55000).
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Mirror
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw, table

LIMIT = 32
"""Keys claimed by one transaction: half of what max_locks_per_transaction (64) allots to one, so that whoever writes many rows
does not use up the locks of the others. Later rows are written unclaimed."""


DECLARED = "\n    claims text;\n    keyed boolean;\n    standing boolean;"


def claimed(sync: Mirror) -> Composed:
    """The end of the trigger's body.

    Where the row is there the server waits for its lock, which the claim must not come before: who updates a row and then upserts
    it would deadlock with another who upserts it. The row is looked for by the primary key, whichever it is just now: before and
    after both have an index there is nothing to collide with, and nothing to look for rows by. Who may not read the key cannot
    name it in ON CONFLICT.
    """
    old = [name(column) for column in sync.claims]
    new = [name(sync.new if column == sync.old else column) for column in sync.claims]
    return fill(
        """
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR pg_catalog.record_image_ne(ROW({before}), ROW({now})) THEN
        claims := pg_catalog.current_setting('orch.claims', true);
        claims := CASE WHEN pg_catalog.length(claims) OPERATOR(pg_catalog.>) 0 THEN claims ELSE '0' END;
        IF claims::integer OPERATOR(pg_catalog.<) {limit} AND {may} THEN
            keyed := ({keyed});
            IF keyed THEN
                standing := EXISTS (SELECT FROM {t} AS there WHERE {by_old});
            ELSIF NOT keyed THEN
                standing := EXISTS (SELECT FROM {t} AS there WHERE {by_new});
            END IF;
            IF NOT standing THEN
                PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(ROW(TG_RELID, {now})::text, 0));
                PERFORM pg_catalog.set_config('orch.claims', (claims::integer OPERATOR(pg_catalog.+) 1)::text, true);
            END IF;
        END IF;
    END IF;""",
        before=joined(", ", [fill("OLD.{c}", c=key) for key in old]),
        now=joined(", ", [fill("NEW.{c}", c=key) for key in old]),
        limit=raw(str(LIMIT)),
        may=joined(" AND ", [_may_read(column) for column in sync.claims]),
        keyed=_keyed(sync),
        t=table(sync.table),
        by_old=_same(old),
        by_new=_same(new),
    )


def _same(columns: Iterable[Composable]) -> Composed:
    return joined(" AND ", [fill("there.{c} OPERATOR(pg_catalog.=) NEW.{c}", c=column) for column in columns])


def _keyed(sync: Mirror) -> Composed:
    """Whether a unique index over the old column is the primary key; NULL where there is none, as in contract."""
    return fill(
        """SELECT pg_catalog.bool_or(i.indisprimary) FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a
                ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey::int2[])
                WHERE i.indrelid OPERATOR(pg_catalog.=) TG_RELID AND i.indisunique AND a.attname OPERATOR(pg_catalog.=) {o}""",
        o=literal(sync.old),
    )


def _may_read(column: str) -> Composed:
    return fill("pg_catalog.has_column_privilege(TG_RELID, {c}, 'SELECT')", c=literal(column))
