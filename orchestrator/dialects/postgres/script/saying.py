"""The grammar's tree as SQL again: an expression, a type, one command of many; and whether two texts say the same.

Why it exists: what is turned into something else must be turned whole. A statement is cut into parts that are said one by one,
and a text counts as the same only if the grammar reads the same tree in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as nodes

_UNREADABLE = (postgast.PgQueryError, DecodeError, RecursionError, UnicodeEncodeError)

_PLACES = frozenset(
    {
        "location",
        "stmt_location",
        "stmt_len",
        "name_location",
        "rexpr_list_start",
        "rexpr_list_end",
        "list_start",
        "list_end",
    }
)


def expression_said(node: Any) -> str:
    """One expression as SQL; empty where the parser's library cannot say it."""
    tree = nodes.ParseResult()
    select = tree.stmts.add().stmt.select_stmt
    select.limit_option, select.op = nodes.LIMIT_OPTION_DEFAULT, nodes.SETOP_NONE
    select.target_list.add().res_target.val.CopyFrom(node)
    try:
        return str(postgast.deparse(tree)).removeprefix("SELECT ")
    except postgast.PgQueryError:
        return ""


def type_said(node: Any) -> str:
    """One TypeName as SQL."""
    cast = nodes.Node()
    cast.type_cast.arg.a_const.isnull = True
    cast.type_cast.type_name.CopyFrom(node)
    return expression_said(cast).removeprefix("NULL::")


def parts(text: str) -> tuple[str, ...]:
    """One statement as many as it has commands or objects; the text itself where it cannot be divided, or not be read."""
    try:
        divided = list(_divided(postgast.parse(text)))
        said = [str(postgast.deparse(tree)) for tree in divided]
        faithful = all(
            _placeless(tree) == _placeless(postgast.parse(each)) for tree, each in zip(divided, said, strict=True)
        )
    except _UNREADABLE:
        return (text,)
    return tuple(said) if len(said) > 1 and faithful else (text,)


def _divided(tree: Any) -> Iterator[Any]:
    statement = tree.stmts[0].stmt if len(tree.stmts) == 1 else nodes.Node()
    kind = str(statement.WhichOneof("node"))
    many = {"alter_table_stmt": "cmds", "drop_stmt": "objects"}.get(kind)
    if many is None:
        return
    for each in getattr(getattr(statement, kind), many):
        one = nodes.ParseResult()
        one.CopyFrom(tree)
        left = getattr(getattr(one.stmts[0].stmt, kind), many)
        del left[:]
        left.add().CopyFrom(each)
        yield one


def same(one: str, other: str) -> bool:
    """Whether the grammar reads the same in both, wherever it stands and in whichever order a column's properties are."""
    try:
        return bool(_placeless(postgast.parse(one)) == _placeless(postgast.parse(other)))
    except _UNREADABLE:
        return False


def _placeless(tree: Any) -> Any:
    for _, node in postgast.walk(tree):
        for name in _PLACES.intersection(node.DESCRIPTOR.fields_by_name.keys()):
            node.ClearField(name)
    for _, node in postgast.walk(tree):
        if isinstance(node, nodes.ColumnDef):
            ordered = sorted(node.constraints, key=lambda each: bytes(each.SerializeToString(deterministic=True)))
            del node.constraints[:]
            node.constraints.extend(ordered)
    return [each.stmt for each in tree.stmts]


def names(text: str) -> frozenset[str]:
    """Every name in a text: of tables, columns, functions, types and whatever else; empty where it cannot be read."""
    try:
        tree = postgast.parse(text)
    except _UNREADABLE:
        return frozenset()
    found: set[str] = set()
    for _, node in postgast.walk(tree):
        for field, value in node.ListFields():
            if field.type == field.TYPE_STRING and isinstance(value, str):
                found.add(value)
    return frozenset(found)
