"""A new key is claimed before it is written, so that upserts of two versions do not collide (F19).

Why it exists: while a key goes over to another column, either column has a unique index. ON CONFLICT looks for the key in the one
index that it names; when another session comes between that look and the insertion, it starts again, but the other index fails it
(23505). So whoever inserts a key waits for its turn before the server looks. 8 clients, old and new version, 8 s (m): upserts of
keys that none has yet, 120 failures of 92,000 statements, claimed 0 of 59,000; upserts and deletes of 20 keys, 28 of 74,000,
claimed 0 of 85,000. Tried and left: claims until the row is visible (8 of 104,000: an update of the row or its deletion may come
between, too), blocking claims (who updates a row and then upserts it deadlocks with another upsert).

A DEFERRABLE index instead, which is not asked until the statement ends, was tried: the server then refuses every ON CONFLICT
without a column list (55000).
"""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.sync import Mirror
from orchestrator.dialects.postgres.text import fill, joined, name, raw

LIMIT = 32
"""Keys claimed by one transaction: half of what max_locks_per_transaction (64) allots to one, so that whoever writes many rows
does not use up the locks of the others. Later rows are written unclaimed."""
ATTEMPTS = 100
"""Every 2 ms: who got as far as here is in both indexes long before the last one, unless its machine stands still."""
DECLARED = ("claims text;", "claim bigint;")


def claimed(sync: Mirror) -> Composed:
    """The end of the trigger's body.

    What must not be done by two at once is the way from here into both indexes: from then on the server makes others wait by
    itself. So a claim that is held by somebody is waited for no longer than that may take, and nobody can deadlock over it.
    """
    now, before = (
        joined(", ", [fill("{r}.{c}", r=raw(row), c=name(c)) for c in sync.claims]) for row in ("NEW", "OLD")
    )
    return fill(
        """
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR pg_catalog.record_image_ne(ROW({before}), ROW({now})) THEN
        claims := pg_catalog.current_setting('orch.claims', true);
        claims := CASE WHEN pg_catalog.length(claims) OPERATOR(pg_catalog.>) 0 THEN claims ELSE '0' END;
        IF claims::integer OPERATOR(pg_catalog.<) {limit} THEN
            PERFORM pg_catalog.set_config('orch.claims', (claims::integer OPERATOR(pg_catalog.+) 1)::text, true);
            claim := pg_catalog.hashtextextended(ROW(TG_RELID, {now})::text, 0);
            FOR attempt IN 1 .. {attempts} LOOP
                EXIT WHEN pg_catalog.pg_try_advisory_xact_lock(claim);
                PERFORM pg_catalog.pg_sleep(0.002);
            END LOOP;
        END IF;
    END IF;""",
        before=before,
        now=now,
        limit=raw(str(LIMIT)),
        attempts=raw(str(ATTEMPTS)),
    )
