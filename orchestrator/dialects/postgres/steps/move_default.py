"""A default or an identity goes over to another column, and its sequence with it, in one short transaction."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import Composable, Composed

from orchestrator.core.catalog import Sequence, TableName
from orchestrator.core.keys import MoveDefault
from orchestrator.core.ports import Observation
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._alter import alter, default, exclusive, locked
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, missing
from orchestrator.dialects.postgres.text import fill, literal, name, raw, table

_MAXIMUM = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


def _render(step: MoveDefault) -> Rendered:
    forward, undo = (tuple(_moved(step, back=back)) for back in (False, True))
    return Rendered((forward,), exclusive(step.table), (undo,))


def _moved(step: MoveDefault, *, back: bool) -> Iterator[Composed]:
    source, into = (step.to, step.column) if back else (step.column, step.to)
    yield locked(step.table)
    if step.identity is not None and step.sequence is not None:
        yield from _identity(step, step.sequence, source, into, back=back)
        return
    yield default(step.table, into, step.previous if back else step.default)
    yield default(step.table, source, None)
    if step.sequence is not None:
        yield from _owned(step, step.sequence, into, back=back)


def _owned(step: MoveDefault, sequence: Sequence, into: str, *, back: bool) -> Iterator[Composed]:
    """The sequence itself stays: what sessions hold of it in advance stays good."""
    known = table(sequence.name)
    if step.numbers not in (None, sequence.type):
        yield _narrowed(sequence) if back else fill("ALTER SEQUENCE {s} AS {n}", s=known, n=raw(str(step.numbers)))
    yield fill("ALTER SEQUENCE {s} OWNED BY {t}.{c}", s=known, t=table(step.table), c=name(into))


def _narrowed(sequence: Sequence) -> Composed:
    """Where it has gone beyond the narrower type it stays as it is: its next number is refused, and none is given twice."""
    body = fill(
        "BEGIN IF (SELECT s.last_value FROM {s} AS s) <= {most} THEN ALTER SEQUENCE {s} AS {n}; END IF; END",
        s=table(sequence.name),
        most=raw(str(_MAXIMUM[sequence.type])),
        n=raw(sequence.type),
    )
    return fill("DO {b}", b=literal(body.as_string(None)))


def _identity(step: MoveDefault, sequence: Sequence, source: str, into: str, *, back: bool) -> Iterator[Composed]:
    """An identity's sequence cannot change hands, so another one takes its place where it stands, and its name.

    ALTER SEQUENCE locks out nextval until the end, so no number is given between the look at it and its end.
    """
    known, coming = sequence.name, TableName(sequence.name.schema, "_orch_coming")
    yield fill("ALTER SEQUENCE {s} CACHE {n}", s=table(known), n=raw(str(sequence.cache)))
    options = _options(sequence, back or step.numbers == sequence.type)
    yield alter(
        step.table,
        "ALTER COLUMN {c} ADD GENERATED {a} AS IDENTITY (SEQUENCE NAME {s}{options})",
        c=name(into),
        a=raw(str(step.identity)),
        s=table(coming),
        options=options,
    )
    yield _goes_on(sequence, coming)
    yield alter(step.table, "ALTER COLUMN {c} DROP IDENTITY", c=name(source))
    yield fill("ALTER SEQUENCE {s} RENAME TO {n}", s=table(coming), n=name(known.name))
    yield from _as_before(sequence)


def _options(sequence: Sequence, bounded: bool) -> Composed:
    """A limit that is the type's own is left to the new type."""
    options = f" INCREMENT BY {sequence.increment} START WITH {sequence.start} CACHE {sequence.cache}"
    most = _MAXIMUM[sequence.type]
    if bounded or sequence.maximum != most:
        options += f" MAXVALUE {sequence.maximum}"
    if bounded or sequence.minimum != -most - 1:
        options += f" MINVALUE {sequence.minimum}"
    return fill("{o}", o=raw(options + (" CYCLE" if sequence.cycle else "")))


def _goes_on(sequence: Sequence, coming: TableName) -> Composed:
    """Where the old one stands, or at its limit, past which the new one gives nothing."""
    return fill(
        "SELECT pg_catalog.setval({c}::pg_catalog.regclass, least(greatest(s.last_value, q.seqmin), q.seqmax),"
        " s.is_called OR s.last_value NOT BETWEEN q.seqmin AND q.seqmax)"
        " FROM {s} AS s, pg_catalog.pg_sequence AS q WHERE q.seqrelid = {c}::pg_catalog.regclass",
        c=literal(quoted_name(coming)),
        s=table(sequence.name),
    )


def _as_before(sequence: Sequence) -> Iterator[Composed]:
    known: Composable = table(sequence.name)
    if sequence.comment is not None:
        yield fill("COMMENT ON SEQUENCE {s} IS {x}", s=known, x=literal(sequence.comment))
    for privilege, grantee, grantable in sequence.grants:
        yield fill(
            "GRANT {p} ON SEQUENCE {s} TO {who}{option}",
            p=raw(privilege),
            s=known,
            who=name(grantee) if grantee else raw("PUBLIC"),
            option=raw(" WITH GRANT OPTION" if grantable else ""),
        )


_FILLED = """
SELECT a.attname::text, a.attidentity <> '' OR d.adbin IS NOT NULL FROM pg_catalog.pg_attribute a
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


def _observe(look: Look, step: MoveDefault) -> Observation:
    """By which of the two columns is filled by itself; how may be changed again by anybody."""
    filled = dict(look.rows(_FILLED, quoted_name(step.table)))
    if (wrong := missing(filled, step.table, step.to)) is not None:
        return wrong
    if filled[step.to]:
        return DONE
    if filled.get(step.column):
        return ABSENT
    return foreign(f"nothing fills {step.table}.{step.column}, nor {step.to}", "one of them")


plugin = Kind(_render, _observe)
