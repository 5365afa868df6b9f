"""A view under which a table is read and written by another name, and how it is recognised."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.viewstep import CreateView
from orchestrator.dialects.postgres import parser
from orchestrator.dialects.postgres.kinds import Look
from orchestrator.dialects.postgres.snapshot import quoted_name
from orchestrator.dialects.postgres.steps._access import given
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign
from orchestrator.dialects.postgres.text import fill, joined, literal, name, table


def created(view: CreateView) -> Iterator[Composed]:
    """The view, with the table's owner, privileges and comment. Rows are read and written as the invoker, under its policies."""
    yield fill(
        "CREATE VIEW {v} WITH (security_invoker = true) AS SELECT {c} FROM {t}",
        v=table(view.view),
        c=joined(", ", (_shown(*pair) for pair in zip(view.columns, view.names, strict=True))),
        t=table(view.table),
    )
    named = dict(zip(view.columns, view.names, strict=True))
    yield from given(view.view, view.access, tuple((named[column], grants) for column, grants in view.column_grants))
    if view.comment is not None:
        yield fill("COMMENT ON VIEW {v} IS {x}", v=table(view.view), x=literal(view.comment))


def _shown(column: str, shown: str) -> Composed:
    return fill("{c}", c=name(column)) if column == shown else fill("{c} AS {s}", c=name(column), s=name(shown))


_VIEW = """
SELECT c.relkind::text, 'security_invoker=true' = ANY (coalesce(c.reloptions, '{}')),
       pg_catalog.pg_relation_is_updatable(c.oid, false) & 28 = 28,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT DISTINCT d.refobjid::regclass::text FROM pg_catalog.pg_rewrite r
               JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE r.ev_class = c.oid)
       = ARRAY[pg_catalog.to_regclass(%s)::text], pg_catalog.pg_get_viewdef(c.oid)
  FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%s)
"""


def view_state(look: Look, view: CreateView) -> Observation:
    """By what it shows of which table, as whom, and whether it can be written. Its privileges may be changed by anybody."""
    row = look.row(_VIEW, quoted_name(view.table), quoted_name(view.view))
    if row is None:
        return ABSENT
    kind, invoker, updatable, columns, of_table, definition = row
    if kind != "v" or not invoker or not updatable or not of_table or columns != list(view.names):
        return foreign(f"{view.view} is another relation", f"an updatable view of {view.table}, read as its invoker")
    if not _same_columns(view, parser.view_columns(definition)):
        return foreign(f"{view.view} is another relation", f"an updatable view of {view.table}, read as its invoker")
    return DONE


def _same_columns(view: CreateView, sources: tuple[str, ...]) -> bool:
    """Whether each name shows the column it is to show, which bears that name itself once contract renamed it."""
    wanted = zip(view.columns, view.names, strict=True)
    return len(sources) == len(view.columns) and all(
        source in pair for source, pair in zip(sources, wanted, strict=True)
    )
