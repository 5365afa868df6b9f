"""A copy that somebody restored, at an address of theirs: whether it may be rehearsed on, and how it is made ready.

Why it exists: the worst that a rehearsal could do is to run on production. So an address is not compared as a text: a server is
known by when it was started and by its system identifier, and a database by its number there, however it is reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from orchestrator.config import Config
from orchestrator.core.catalog import TableName
from orchestrator.core.errors import Invalid
from orchestrator.dialects.postgres import connection
from orchestrator.rehearsal.copy import After, Copy, Say, synthetic
from orchestrator.rehearsal.statistics import facts

_WHO = """
SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_catalog.pg_postmaster_start_time(),
       (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
_REGISTRY = (
    "SELECT pg_catalog.to_regclass('orch.event') IS NOT NULL OR pg_catalog.to_regclass('orch_target.fence') IS NOT NULL"
)
_CLEAN = "DROP SCHEMA IF EXISTS orch, orch_target CASCADE"
_LITTLE = 0.0001


@contextmanager
def restored(config: Config, url: str, copy_of: str | None, say: Say, after: After | None) -> Iterator[Copy]:
    """The copy at a URL, with a little synthetic one beside it for trials. Raises Invalid for whatever is not surely a copy."""
    with connection.connect(url, "orch-rehearsal") as link:
        _refuse_targets(config, link)
        _refuse_registry(config, link, copy_of)
        link.execute(_CLEAN)
        link.execute("SET statement_timeout = 0; ANALYZE")
        found = facts(link)
        version = link.info.parameter_status("server_version") or ""
    with synthetic(url, _LITTLE, say, after) as little:
        rows = _counts(little, found.rows)
        total = sum(rows.values())
        yield replace(
            little, given=url, version=version, values=replace(little.values, counts=rows), rows=total, lacks=()
        )


def _counts(little: Copy, rows: Mapping[TableName, int]) -> dict[TableName, int]:
    return {
        place: sum(rows.get(each, 0) for each in ([leaf.table for leaf in table.leaves] or [place]))
        for place, table in little.tables.items()
    }


def _refuse_targets(config: Config, link: psycopg.Connection) -> None:
    here = _who(link)
    places = {"the registry": config.registry_url, **{f"target {t.name}": t.url for t in config.targets.values()}}
    for title, url in places.items():
        with connection.connect(url, "orch-rehearsal") as other:
            if _who(other) == here:
                raise Invalid(
                    f"that is the database of {title} itself, and no copy", "give --on the URL of a restored copy"
                )


def _refuse_registry(config: Config, link: psycopg.Connection, copy_of: str | None) -> None:
    """A Registry in it would go on with production's changes: it is dropped, but only when its origin is named."""
    if copy_of is not None:
        config.target(copy_of)
    row = link.execute(_REGISTRY).fetchone()
    if row and row[0] and copy_of is None:
        raise Invalid(
            "the database of --on holds a registry of orch's, so it may be somebody's target",
            "if it is a copy of a target, name that with --copy-of NAME; its schemas orch and orch_target are then dropped",
        )


def _who(link: psycopg.Connection) -> tuple[object, ...]:
    return tuple(link.execute(_WHO).fetchall()[0])


def clean(url: str) -> None:
    """Take away what an earlier run left for orch itself; the tables are as that run left them."""
    with psycopg.connect(url, autocommit=True, application_name="orch-rehearsal") as link:
        link.execute("SET client_min_messages = error")
        link.execute(_CLEAN)
