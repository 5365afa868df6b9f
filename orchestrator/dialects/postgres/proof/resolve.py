"""Asks the server, on a clone, what a statement means: analysed and stored as the body of a function, then planned.

Why it exists: a function whose body is written as BEGIN ATOMIC (14 and later) is stored as the analysed query, parameters
included, and the clone's catalog gives it back. Planning alone finds what analysis does not: an ON CONFLICT without its index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import ExecStatus

from orchestrator.core.reading import Answer, Meaning, Refused
from orchestrator.dialects.postgres.proof.meaning import Views, meaning
from orchestrator.dialects.postgres.proof.spelled import spellings, with_text
from orchestrator.dialects.postgres.text import fill, joined, name, raw

_UNTYPED = re.compile(r"parameter \$(\d+)")
_TRIES = 40
_TYPE = """
SELECT n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = %s
"""
_ROWTYPES = (
    "SELECT c.reltype::bigint, c.oid::bigint FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A statement in the spelling that the server understood, with the types of its parameters."""

    text: str
    types: tuple[str, ...]


@dataclass(slots=True)
class Resolver:
    """One session in a clone. ``views`` are those that stand for a table."""

    link: psycopg.Connection
    views: Views = field(default_factory=dict)
    _types: dict[int, str] = field(default_factory=dict)
    _rowtypes: Mapping[int, int] = field(default_factory=dict)
    _path: str | None = None

    def begin(self) -> None:
        """Prepare the session."""
        self.link.execute("CREATE SCHEMA IF NOT EXISTS orch_proof")
        self.link.execute(
            "SET plan_cache_mode = force_generic_plan; SET jit = off; SET synchronous_commit = off;"
            " SET statement_timeout = '10s'; SET client_min_messages = error; SET check_function_bodies = on"
        )
        self._rowtypes = dict(self.link.execute(_ROWTYPES).fetchall())

    def look_in(self, path: str) -> None:
        """Names are looked up by this search_path from here on."""
        if path == self._path:
            return
        self._path = path
        self.link.execute("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))

    def understood(self, text: str) -> tuple[Typed, Meaning] | Refused:
        """The first spelling of a statement that the server understands, with the types of its parameters and its meaning."""
        refusals: list[Refused] = []
        for spelling in spellings(text):
            typed = self._typed(spelling)
            found = self.answer(typed) if isinstance(typed, Typed) else typed
            if isinstance(typed, Typed) and isinstance(found, Meaning):
                return typed, found
            if isinstance(found, Refused):
                refusals.append(found)
                if found.sqlstate in _NAMES:  # no other spelling has other names
                    return found
        return refusals[0]

    def _typed(self, text: str) -> Typed | Refused:
        for _ in range(_TRIES):
            answer = self.link.pgconn.prepare(b"", text.encode())
            if answer.status == ExecStatus.COMMAND_OK:
                described = self.link.pgconn.describe_prepared(b"")
                oids = [described.param_type(place) for place in range(described.nparams)]
                return Typed(text, tuple(map(self._type, oids)))
            refused = _refused(answer)
            untyped = _UNTYPED.search(refused.message) if refused.sqlstate in ("42P18", "42P08") else None
            if untyped is None or (said := with_text(text, untyped[1])) == text:
                return refused
            text = said
        return refused

    def _type(self, oid: int) -> str:
        if oid not in self._types:
            (row,) = self.link.execute(_TYPE, (oid,)).fetchall()
            self._types[oid] = fill("{s}.{t}", s=name(row[0]), t=name(row[1])).as_string(None)
        return self._types[oid]

    def answer(self, typed: Typed) -> Answer:
        """What the statement means, once it was planned, too."""
        try:
            found = self.meaning(typed)
            self._planned(typed)
        except psycopg.Error as error:
            return Refused(error.sqlstate or "", error.diag.message_primary or type(error).__name__)
        return found

    def meaning(self, typed: Typed) -> Meaning:
        """What the statement means; it is not planned. Raises psycopg's errors."""
        return meaning(self._analysed(typed), self.views, self._rowtypes)

    def _analysed(self, typed: Typed) -> str:
        create = fill(
            "CREATE FUNCTION orch_proof.f({types}) RETURNS void LANGUAGE sql BEGIN ATOMIC {text}\n; END",
            types=raw(", ".join(typed.types)),
            text=raw(typed.text),
        )
        message = joined(
            ";\n",
            [
                create,
                raw("SELECT prosqlbody::text FROM pg_catalog.pg_proc WHERE oid = 'orch_proof.f'::regproc"),
                raw("DROP FUNCTION orch_proof.f"),
            ],
        )
        with self.link.cursor() as cursor:
            cursor.execute(message)
            cursor.nextset()
            row = cursor.fetchone()
        return str(row[0]) if row else ""

    def _planned(self, typed: Typed) -> None:
        if not typed.types:
            self.link.execute(fill("EXPLAIN (COSTS off) {q}", q=raw(typed.text)))
            return
        message = joined(
            ";\n",
            [
                fill("PREPARE orch_proof ({types}) AS {q}", types=raw(", ".join(typed.types)), q=raw(typed.text)),
                fill("EXPLAIN (COSTS off) EXECUTE orch_proof ({n})", n=raw(", ".join(["NULL"] * len(typed.types)))),
                raw("DEALLOCATE orch_proof"),
            ],
        )
        try:
            self.link.execute(message)
        except psycopg.Error:
            self.link.execute("DEALLOCATE ALL")
            raise


_NAMES = frozenset({"42P01", "42703", "42702", "3F000", "42501"})
"""Names that lead nowhere, or to two places; rights that are lacking."""


def _refused(answer: psycopg.pq.abc.PGresult) -> Refused:
    state = answer.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b""
    message = answer.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY) or b""
    return Refused(state.decode(), message.decode(errors="replace"))
