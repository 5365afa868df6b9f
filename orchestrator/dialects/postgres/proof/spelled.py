"""What the grammar says of a statement in use, and the spellings in which the server can be asked about it.

Why it exists: pg_stat_statements puts ``$1`` where a constant stood, also where the grammar allows none (``interval $1``) or
where its type can no longer be told. A reader must not pass for unreadable because of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from postgast import pg_query_pb2 as nodes

from orchestrator.core.reading import Traits

_QUERIES = frozenset({"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"})
_PARAMETER = re.compile(r"\$(\d+)(?!\d)(?!::)")


@dataclass(frozen=True, slots=True)
class Spelled:
    """A statement that can be judged: its text as a query, its traits, and every identifier in it."""

    text: str
    traits: Traits
    words: frozenset[str]


def spelled(text: str) -> Spelled | None:
    """The statement as a query: what COPY, DECLARE CURSOR, EXPLAIN and the like read; None for other utility statements.

    Raises ValueError where the grammar does not take it.
    """
    try:
        tree = postgast.parse(text)
        if len(tree.stmts) != 1:
            raise ValueError("it is not one statement")
        query = _query(tree.stmts[0].stmt, text)
        if query is None:
            return None
        parsed = postgast.parse(query)
    except (postgast.PgQueryError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
    found = [node for _, node in postgast.walk(parsed)]
    return Spelled(query, _traits(found), frozenset(_words(found)))


def _query(stmt: Any, text: str) -> str | None:
    kind = stmt.WhichOneof("node")
    if kind in _QUERIES:
        into = kind == "select_stmt" and stmt.select_stmt.HasField("into_clause")
        return None if into else text.rstrip().rstrip(";")
    inner = getattr(stmt, kind) if kind else None
    if isinstance(inner, nodes.CopyStmt):
        return _copied(inner)
    if isinstance(inner, nodes.DeclareCursorStmt | nodes.ExplainStmt | nodes.CreateTableAsStmt | nodes.PrepareStmt):
        return _query(inner.query, _spell(inner.query))
    return None


def _spell(stmt: Any) -> str:
    tree = nodes.ParseResult()
    tree.stmts.add().stmt.CopyFrom(stmt)
    return str(postgast.deparse(tree))


def _copied(copy: Any) -> str | None:
    """COPY reads what a SELECT would, and writes what an INSERT would: without a list all columns, in their order."""
    if copy.HasField("query"):
        return _query(copy.query, _spell(copy.query))
    if not copy.HasField("relation"):
        return None
    name = ".".join(_quoted(part) for part in (copy.relation.schemaname, copy.relation.relname) if part)
    columns = ", ".join(_quoted(each.string.sval) for each in copy.attlist)
    return f"SELECT {columns or '*'} FROM {name}"  # noqa: S608 - quoted; it is analysed on a clone, never run


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _traits(found: list[Any]) -> Traits:
    star = positional = natural = False
    for node in found:
        if isinstance(node, nodes.ColumnRef):
            star = star or (bool(node.fields) and node.fields[-1].HasField("a_star"))
        elif isinstance(node, nodes.InsertStmt):
            positional = positional or (not node.cols and node.HasField("select_stmt"))
        elif isinstance(node, nodes.JoinExpr):
            natural = natural or bool(node.is_natural)
    return Traits(star, positional, natural)


def _words(found: list[Any]) -> Iterator[str]:
    for node in found:
        if isinstance(node, nodes.ColumnRef):
            yield from (each.string.sval for each in node.fields if each.HasField("string"))
        elif isinstance(node, nodes.RangeVar):
            yield node.relname
        elif isinstance(node, nodes.ResTarget):
            yield node.name


def spellings(text: str) -> Iterator[str]:
    """The text, then other spellings of it in which the server may understand what stood for a constant."""
    yield text
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:
        return
    for _, node in postgast.walk(tree):
        if _extracts(node):
            node.args[0].a_const.sval.sval = "epoch"
    _renumber([node for _, node in postgast.walk(tree) if isinstance(node, nodes.ParamRef)])
    plain = str(postgast.deparse(tree))
    if plain != text:
        yield plain
    for type_ in ("text", "integer"):
        yield _PARAMETER.sub(lambda found, as_=type_: f"({found[0]}::{as_})", plain)  # type: ignore[misc]


def _extracts(node: Any) -> bool:
    """Whether it is ``extract($1 FROM …)``, for which the grammar has no parameter."""
    is_call = isinstance(node, nodes.FuncCall) and node.args and node.funcname[-1].string.sval == "extract"
    return bool(is_call and node.args[0].HasField("param_ref"))


def _renumber(parameters: list[Any]) -> None:
    """The server wants a type of every number up to the highest."""
    order = {number: place for place, number in enumerate(sorted({each.number for each in parameters}), 1)}
    for each in parameters:
        each.number = order[each.number]


def with_text(text: str, number: str) -> str:
    """The text, one parameter of it said to be a text."""
    return re.sub(rf"\${number}(?!\d)(?!::)", f"(${number}::text)", text)
