"""A batch that is refused because of some of its rows: they are looked for, recorded, and left; the others are filled.

Why it exists: one row in a hundred million that does not convert, or that a CHECK or a trigger of the table refuses, must not
end the backfill; and without its key and the server's words nobody could repair it. The search halves the rows until single
ones are refused, within one statement, so that rows, cursor and fence check stay one transaction.
"""

from __future__ import annotations

from psycopg.sql import Composable, Composed

from orchestrator.core.ports import TargetError, ValueRefused
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches
from orchestrator.dialects.postgres.text import fill, literal, raw, table, text

_BODY = """
DECLARE
    orch_found pg_catalog.tid[] := ARRAY(SELECT /* orch */ ctid FROM {t} WHERE {where} AND {open});
    orch_low int[] := ARRAY[1];
    orch_high int[] := ARRAY[pg_catalog.cardinality(orch_found)];
    orch_a int;
    orch_b int;
    orch_n bigint;
    orch_filled bigint := 0;
    orch_state text;
    orch_words text;
BEGIN
    WHILE pg_catalog.cardinality(orch_low) > 0 LOOP
        orch_a := orch_low[pg_catalog.cardinality(orch_low)];
        orch_b := orch_high[pg_catalog.cardinality(orch_high)];
        orch_low := orch_low[1:pg_catalog.cardinality(orch_low) - 1];
        orch_high := orch_high[1:pg_catalog.cardinality(orch_high) - 1];
        CONTINUE WHEN orch_a > orch_b;
        BEGIN
            {update};
            GET DIAGNOSTICS orch_n = ROW_COUNT;
            orch_filled := orch_filled + orch_n;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception THEN
            IF orch_a < orch_b THEN
                orch_low := orch_low || ARRAY[orch_a, (orch_a + orch_b) / 2 + 1];
                orch_high := orch_high || ARRAY[(orch_a + orch_b) / 2, orch_b];
            ELSE
                GET STACKED DIAGNOSTICS orch_state = RETURNED_SQLSTATE, orch_words = MESSAGE_TEXT;
                {forget};
                {record};
            END IF;
        END;
    END LOOP;
    PERFORM pg_catalog.set_config('orch.filled', orch_filled::text, true);
END"""
_FORGET = """
DELETE FROM orch_target.rejected_row r USING {t} t
 WHERE t.ctid = orch_found[orch_a] AND r.sync_id = {sync} AND r.key = {key}"""
_RECORD = """
INSERT INTO orch_target.rejected_row (change_id, sync_id, direction, key, sqlstate, message)
SELECT {change}, {sync}, 'up', {key}, orch_state, orch_words FROM {t} t WHERE t.ctid = orch_found[orch_a]"""


RAISED = "P0001"
"""What a trigger raises that will not have a row changed."""


def may_help(step: Backfill, error: TargetError) -> bool:
    """Whether it was single rows that were refused, and they can be left.

    A row that does not convert is told by that; any other must have a key by which the mop-up knows it again.
    """
    return (isinstance(error, ValueRefused) or error.sqlstate == RAISED) and (step.value is not None or bool(step.key))


def isolated(step: Backfill, where: Composable, change_id: str) -> Composed:
    """Fill what can be filled of the rows, record the others, and answer how many were filled."""
    key = batches.key(step, "t.")
    parts = {"t": table(step.table), "sync": literal(step.sync_id), "key": key}
    body = fill(
        _BODY,
        t=table(step.table),
        where=where,
        open=batches.empty(step),
        update=batches.update(step, raw("ctid = ANY (orch_found[orch_a:orch_b])")),
        forget=fill(_FORGET, **parts),
        record=fill(_RECORD, change=literal(change_id), **parts),
    )
    return fill("DO {body}; SELECT pg_catalog.current_setting('orch.filled')::bigint", body=literal(text(body)))
