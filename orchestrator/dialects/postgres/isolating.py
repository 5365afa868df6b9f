"""A batch that is refused because of some of its rows: they are looked for, recorded, and left; the others are filled.

Why it exists: one row in a hundred million that does not convert, or that a CHECK or a trigger of the table refuses, must not
end the backfill; and without its key and the server's words nobody could repair it. The search halves the rows until single
ones are refused, within one statement, so that rows, cursor and fence check stay one transaction.
"""

from __future__ import annotations

from psycopg.sql import Composable, Composed

from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches
from orchestrator.dialects.postgres.text import fill, literal, raw, table, text

_BODY = """
DECLARE
    found pg_catalog.tid[] := ARRAY(SELECT ctid FROM {t} WHERE {where} AND {open});
    low int[] := ARRAY[1];
    high int[] := ARRAY[pg_catalog.cardinality(found)];
    a int;
    b int;
    n bigint;
    filled bigint := 0;
    state text;
    words text;
BEGIN
    WHILE pg_catalog.cardinality(low) > 0 LOOP
        a := low[pg_catalog.cardinality(low)];
        b := high[pg_catalog.cardinality(high)];
        low := low[1:pg_catalog.cardinality(low) - 1];
        high := high[1:pg_catalog.cardinality(high) - 1];
        CONTINUE WHEN a > b;
        BEGIN
            {update};
            GET DIAGNOSTICS n = ROW_COUNT;
            filled := filled + n;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
            IF a < b THEN
                low := low || ARRAY[a, (a + b) / 2 + 1];
                high := high || ARRAY[(a + b) / 2, b];
            ELSE
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, words = MESSAGE_TEXT;
                {forget};
                {record};
            END IF;
        END;
    END LOOP;
    PERFORM pg_catalog.set_config('orch.filled', filled::text, true);
END"""
_FORGET = """
DELETE FROM orch_target.rejected_row r USING {t} t
 WHERE t.ctid = found[a] AND r.sync_id = {sync} AND r.key = {key}"""
_RECORD = """
INSERT INTO orch_target.rejected_row (change_id, sync_id, direction, key, sqlstate, message)
SELECT {change}, {sync}, 'up', {key}, state, words FROM {t} t WHERE t.ctid = found[a]"""


def is_possible(step: Backfill) -> bool:
    """A row that does not convert is told by that; any other must have a key by which the mop-up knows it again."""
    return step.value is not None or bool(step.key)


def isolated(step: Backfill, where: Composable, change_id: str) -> Composed:
    """Fill what can be filled of the rows, record the others, and answer how many were filled."""
    key = batches.key(step, "t.")
    parts = {"t": table(step.table), "sync": literal(step.sync_id), "key": key}
    body = fill(
        _BODY,
        t=table(step.table),
        where=where,
        open=batches.empty(step),
        update=batches.update(step, raw("ctid = ANY (found[a:b])")),
        forget=fill(_FORGET, **parts),
        record=fill(_RECORD, change=literal(change_id), **parts),
    )
    return fill("DO {body}; SELECT pg_catalog.current_setting('orch.filled')::bigint", body=literal(text(body)))
