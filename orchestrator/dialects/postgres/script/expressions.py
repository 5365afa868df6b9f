"""Names, types, expressions and conditions of the grammar's tree, as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import postgast
from postgast import pg_query_pb2 as nodes

from orchestrator.dialects.postgres.script.parts import Expr, Key, Name, Type
from orchestrator.dialects.postgres.script.saying import expression_said, type_said

SERIAL = frozenset({"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"})


def relation(node: Any) -> Name:
    """A RangeVar."""
    return Name(str(node.schemaname), str(node.relname))


def words(items: Iterable[Any]) -> list[str]:
    """A list of String nodes."""
    return [str(item.string.sval) for item in items if item.HasField("string")]


def dotted(items: Iterable[Any]) -> Name:
    """A qualified name given as a list of String nodes."""
    parts = words(items)
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def type_of(node: Any) -> Type:
    """A TypeName; what lies in pg_catalog is shown without it."""
    name = dotted(node.names)
    schema = "" if name.schema == "pg_catalog" else name.schema
    modifiers = tuple(_constant(each) for each in node.typmods)
    return Type(name.name, schema, modifiers, len(node.array_bounds) > 0, partial(type_said, node))


def _constant(node: Any) -> str:
    if not node.HasField("a_const"):
        return "?"
    value = node.a_const
    kind = value.WhichOneof("val")
    if kind == "ival":
        return str(value.ival.ival)
    return str(getattr(getattr(value, kind), kind)) if kind in ("sval", "fval") else "?"


def text_of(node: Any) -> str | None:
    """A constant as text; None for anything else."""
    if node.HasField("type_cast"):
        return text_of(node.type_cast.arg)
    return _constant(node) if node.HasField("a_const") and node.a_const.WhichOneof("val") else None


def below(node: Any) -> Iterator[Any]:
    """Every message below a node, itself included."""
    for _, found in postgast.walk(node):
        yield found


def expression(node: Any) -> Expr:
    """An expression; its text is made when it is asked for, but for constants, which a message may want to show."""
    said = partial(expression_said, node)
    if node.HasField("a_const"):
        return Expr(_constant(node), literal=True, null=bool(node.a_const.isnull), said=said)
    columns: dict[str, None] = {}
    functions: dict[tuple[str, ...], None] = {}
    for found in below(node):
        if isinstance(found, nodes.ColumnRef):
            columns[column_ref(found)] = None
        elif isinstance(found, nodes.FuncCall):
            functions[tuple(words(found.funcname))] = None
    return Expr("", False, tuple(columns), tuple(functions), null=_casts_null(node), said=said)


def _casts_null(node: Any) -> bool:
    return bool(
        node.HasField("type_cast") and node.type_cast.arg.HasField("a_const") and node.type_cast.arg.a_const.isnull
    )


def column_ref(node: Any) -> str:
    """The column's name without its table; ``*`` for a star."""
    last = node.fields[-1]
    return str(last.string.sval) if last.HasField("string") else "*"


def key(node: Any, operator: Iterable[Any] = ()) -> Key:
    """An IndexElem, with the operator of an exclusion constraint."""
    orders = {nodes.SORTBY_ASC: "asc", nodes.SORTBY_DESC: "desc"}
    nulls = {nodes.SORTBY_NULLS_FIRST: "first", nodes.SORTBY_NULLS_LAST: "last"}
    return Key(
        str(node.name),
        expression(node.expr) if node.HasField("expr") else None,
        ".".join(words(node.collation)),
        ".".join(words(node.opclass)),
        orders.get(node.ordering, ""),
        nulls.get(node.nulls_ordering, ""),
        ".".join(words(operator)),
        str(node.name) or _called(node.expr),
    )


def _called(node: Any) -> str:
    """The name of an index's key that is an expression, as FigureIndexColname of PostgreSQL has it for the common ones."""
    if node.HasField("func_call"):
        return words(node.func_call.funcname)[-1]
    return "expr" if node.WhichOneof("node") in ("a_expr", "bool_expr", "null_test") else ""


def is_null(node: Any) -> str:
    """The column of which a condition says that it is NULL, and nothing else; empty for any other condition."""
    test = node.null_test if node.HasField("null_test") else None
    if test is None or test.nulltesttype != nodes.IS_NULL or not test.arg.HasField("column_ref"):
        return ""
    return column_ref(test.arg.column_ref)


def conjuncts(node: Any) -> Iterator[Any]:
    """What AND joins."""
    if node.HasField("bool_expr") and node.bool_expr.boolop == nodes.AND_EXPR:
        for each in node.bool_expr.args:
            yield from conjuncts(each)
    else:
        yield node


def proven(condition: Any) -> tuple[str, ...]:
    """The columns that cannot be NULL where the condition is true, as PostgreSQL itself proves it for SET NOT NULL."""
    found = []
    for each in conjuncts(condition):
        test = each.null_test if each.HasField("null_test") else None
        if test is not None and test.nulltesttype == nodes.IS_NOT_NULL and test.arg.HasField("column_ref"):
            found.append(column_ref(test.arg.column_ref))
    return tuple(found)


def compared(where: Any) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Columns that WHERE compares with values by ``=`` or IN; those it bounds on both sides; whether a LIMIT stands below."""
    equal: list[str] = []
    lower: set[str] = set()
    upper: set[str] = set()
    for each in conjuncts(where):
        if each.HasField("a_expr"):
            _compare(each.a_expr, equal, lower, upper)
        elif each.HasField("sub_link") and each.sub_link.testexpr.HasField("column_ref") and _limited(each.sub_link):
            return tuple(equal), tuple(lower & upper), True
    return tuple(equal), tuple(lower & upper), False


def _compare(expr: Any, equal: list[str], lower: set[str], upper: set[str]) -> None:
    if not expr.lexpr.HasField("column_ref") or any(isinstance(n, nodes.ColumnRef) for n in below(expr.rexpr)):
        return
    column, operator = column_ref(expr.lexpr.column_ref), words(expr.name)[-1]
    if expr.kind == nodes.AEXPR_BETWEEN:
        lower.add(column)
        upper.add(column)
    elif operator == "=" and expr.kind in (nodes.AEXPR_OP, nodes.AEXPR_IN, nodes.AEXPR_OP_ANY):
        equal.append(column)
    elif expr.kind == nodes.AEXPR_OP and operator in (">", ">="):
        lower.add(column)
    elif expr.kind == nodes.AEXPR_OP and operator in ("<", "<="):
        upper.add(column)


def _limited(node: Any) -> bool:
    return any(isinstance(found, nodes.SelectStmt) and found.HasField("limit_count") for found in below(node))
