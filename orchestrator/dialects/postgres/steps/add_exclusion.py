"""ADD CONSTRAINT … EXCLUDE, on a table so small that the build, which blocks everybody, is short; refused on any other.

There is no concurrent way: PostgreSQL makes an exclusion constraint of no index that is there. So the table is locked, its rows
are counted under the lock, and the build has a limit, at which it is taken back. Neither refusal is tried again by itself:
each try would block everybody for as long.
"""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import AddExclusion
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import alter, drop_constraint_if_exists, locked
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, constraint, missing, other_constraint
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table, text


def _render(step: AddExclusion) -> Rendered:
    limit = fill("SET LOCAL statement_timeout = {ms}", ms=literal(step.milliseconds))
    forward = (locked(step.table), limit, fill("DO {body}", body=literal(text(_body(step)))))
    lock = f"ACCESS EXCLUSIVE on {step.table} for the build: {step.rows} rows, {step.milliseconds} ms at most"
    return Rendered((forward,), lock, ((drop_constraint_if_exists(step.table, step.name),),), scans=True)


_BODY = """BEGIN
    IF (SELECT count(*) FROM (SELECT FROM {t} LIMIT {rows} + 1) s) > {rows} THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = {many};
    END IF;
    EXECUTE {statement};
EXCEPTION WHEN query_canceled THEN
    RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = {slow};
END"""


def _body(step: AddExclusion) -> Composed:
    definition = parser.constraint_definition(text(table(step.table)), step.definition, None)
    statement = alter(step.table, "ADD CONSTRAINT {k} {d}", k=name(step.name), d=raw(definition))
    return fill(
        _BODY,
        t=table(step.table),
        rows=literal(step.rows),
        many=literal(f"{step.table} has more than {step.rows} rows by now: building {step.name} would block everybody"),
        slow=literal(f"building {step.name} was taken back: it blocked everybody for {step.milliseconds} ms"),
        statement=literal(text(statement)),
    )


def _observe(look: Look, step: AddExclusion) -> Observation:
    if (wrong := missing(columns(look, step.table), step.table)) is not None:
        return wrong
    if (wrong := other_constraint(look, step.table, step.name, step.definition)) is not None:
        return wrong
    return DONE if constraint(look, step.table, step.name) is not None else ABSENT


plugin = Kind(_render, _observe)
