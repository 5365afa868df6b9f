"""Functions of the database whose statements depend on what goes: each statement in them is analysed by the server.

Why it exists: no catalog says what a body reads, and a body that names a dropped column fails only when it is called (F17).
Variables and rows of the body become parameters, so the server resolves its statements as it would there. What cannot be
analysed so (dynamic SQL, records of no known shape) is read as a text, and is suspicious where it names what goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import postgast
import psycopg
from postgast.plpgsql import check_error, lib

from orchestrator.core.reading import Body, Going, Meaning
from orchestrator.dialects.postgres.proof.resolve import Resolver, Typed

_FUNCTIONS = """
SELECT p.oid::regprocedure::text, l.lanname, p.prosrc, pg_catalog.pg_get_functiondef(p.oid),
       pg_catalog.pg_get_function_identity_arguments(p.oid), p.prorettype = 'trigger'::regtype,
       ARRAY(SELECT t.tgrelid::regclass::text FROM pg_catalog.pg_trigger t
              WHERE t.tgfoid = p.oid AND NOT t.tgisinternal AND t.tgparentid = 0),
       ARRAY(SELECT pg_catalog.substr(c, 13) FROM unnest(p.proconfig) c WHERE c LIKE 'search\\_path=%%')
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target', 'orch_proof')
   AND l.lanname NOT IN ('c', 'internal') AND p.prokind IN ('f', 'p') AND p.prosqlbody IS NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
   AND (EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid = ANY (%(tables)s))
        OR EXISTS (SELECT FROM unnest(%(names)s::text[]) t(name)
                    WHERE pg_catalog.strpos(pg_catalog.lower(p.prosrc), t.name) > 0))
 ORDER BY 1
"""
_BROKEN = re.compile(r"(?<=[\[,])\{\}\}")
"""How the parser prints what a trigger function is given: one brace too many."""
_WORD = re.compile(r"--[^\n]*|/\*.*?\*/|\"((?:[^\"]|\"\")+)\"|([^\W\d][\w$]*)", re.DOTALL)
_ASSIGNED = re.compile(r":=|(?<![<>!=:])=(?!=)")
_GIVEN = (
    "found boolean, tg_op text, tg_name text, tg_when text, tg_level text, tg_relid oid, tg_relname text, tg_table_name text,"
    " tg_table_schema text, tg_nargs integer, tg_argv text[]"
)
_RUN = (
    ("PLpgSQL_stmt_dynexecute", "query"),
    ("PLpgSQL_stmt_dynfors", "query"),
    ("PLpgSQL_stmt_return_query", "dynquery"),
    ("PLpgSQL_stmt_open", "dynquery"),
)
"""The statements of a body that run a text, and where they have it."""
_KNOWN = frozenset(word.split()[0] for word in _GIVEN.split(", "))


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    language: str
    source: str
    definition: str
    arguments: str
    trigger: bool
    tables: tuple[str, ...]
    paths: tuple[str, ...]


def bodies(
    resolver: Resolver, going: Going, tables: tuple[int, ...], names: tuple[str, ...], path: str
) -> tuple[int, tuple[Body, ...]]:
    """How many functions were read, and those that depend on what goes. ``tables`` are by their numbers, ``names`` folded."""
    resolver.look_in("pg_catalog")
    asked = {"tables": list(tables), "names": list(names)}
    functions = [_Function(*row) for row in resolver.link.execute(_FUNCTIONS, asked).fetchall()]
    found = []
    for each in functions:
        resolver.look_in(each.paths[0] if each.paths else path)
        body = _judged(resolver, each, going)
        found += [body] if body is not None else []
    return len(functions), tuple(found)


def _judged(resolver: Resolver, function: _Function, going: Going) -> Body | None:
    label = f"function {function.name}"
    suspicious = next(filter(None, (_mentioned(text, going) for text in _dynamic(function))), "")
    for text, parameters in _statements(function):
        found = _analysed(resolver, text, parameters)
        if found is None:
            suspicious = suspicious or _mentioned(text, going)
        elif touched := going.touched(found.columns):
            return Body(label, going.named(touched), sure=True)
        elif going.whole(found.columns):
            return Body(label, "whole rows of it", sure=True)
    return Body(label, suspicious, sure=False) if suspicious else None


def _analysed(resolver: Resolver, text: str, parameters: str) -> Meaning | None:
    """What one statement of a body means; None where the server does not take it out of the body."""
    try:
        return resolver.meaning(Typed(text, (parameters,) if parameters else ()))
    except psycopg.Error:
        return None


def _statements(function: _Function) -> Iterator[tuple[str, str]]:
    """Each statement with its parameters, for each table whose row a trigger is given."""
    if function.language == "sql":
        try:
            yield from ((text, function.arguments) for text in postgast.split(function.source))
        except postgast.PgQueryError:
            yield function.source, function.arguments
        return
    parsed = _parsed(function.definition) if function.language == "plpgsql" else None
    if parsed is None:
        yield function.source, ""
        return
    variables = _variables(parsed)
    for row in function.tables or ("",):
        given = [f"new {row}", f"old {row}"] if row and function.trigger else []
        parameters = ", ".join([*given, _GIVEN, *(f"{name} {kind}" for name, kind in variables.items())])
        for text in _expressions(parsed):
            yield text, parameters


def _dynamic(function: _Function) -> Iterator[str]:
    """What a body puts together and runs: as a value it reads nothing, and what it will be is not known."""
    parsed = _parsed(function.definition) if function.language == "plpgsql" else None
    for kind, part in _RUN:
        for node in _all(parsed, kind):
            yield from _expressions(node.get(part))


def _parsed(definition: str) -> Any:
    result = lib.pg_query_parse_plpgsql(definition.encode())
    try:
        check_error(result)
        text = result.plpgsql_funcs.decode()
    except postgast.PgQueryError:
        return None
    finally:
        lib.pg_query_free_plpgsql_parse_result(result)
    for spelling in (text, _BROKEN.sub("{}", text)):
        try:
            return json.loads(spelling)
        except json.JSONDecodeError:
            continue
    return None


def _variables(parsed: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for node in _all(parsed, "PLpgSQL_var"):
        kind = node.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "")
        name = str(node.get("refname", ""))
        if kind and name and name not in _KNOWN and name.isidentifier() and kind != "UNKNOWN":
            found.setdefault(_quoted(name), kind)
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _expressions(parsed: Any) -> Iterator[str]:
    for node in _all(parsed, "PLpgSQL_expr"):
        query, mode = str(node.get("query", "")), node.get("parseMode", 0)
        if mode == 0:
            yield query
        elif mode == 2:
            yield f"SELECT {query}"
        else:
            yield f"SELECT {_ASSIGNED.sub(',', query, count=1)}"


def _all(value: Any, kind: str) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _all(each, kind)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == kind:
                yield each
            yield from _all(each, kind)


def _mentioned(text: str, going: Going) -> str:
    """The first of what goes that a text names."""
    words = {(found[1] or found[2] or "").replace('""', '"') for found in _WORD.finditer(text)}
    words |= {word.lower() for word in words}
    return next((f"it names {gone}" for gone in going.columns.values() if gone.column in words), "")
