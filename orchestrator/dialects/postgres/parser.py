"""The one place that knows the SQL parser (postgast, the real PostgreSQL grammar).

Why it exists: expressions of change files must be exactly one expression, and copied definitions must name the new column.
Both are questions for a parser, never for regular expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import postgast
from postgast import pg_query_pb2 as nodes

CLOCK = frozenset(
    {
        "clock_timestamp",
        "current_setting",
        "inet_client_addr",
        "inet_client_port",
        "now",
        "pg_backend_pid",
        "pg_current_xact_id",
        "statement_timestamp",
        "timeofday",
        "transaction_timestamp",
        "txid_current",
    }
)
"""Functions whose value depends on when or by whom they are called, beyond their volatility."""


class NotAnExpression(Exception):
    """The text is not one SQL expression; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What the grammar alone says of an expression. ``functions`` are names as written, schema first if given."""

    columns: tuple[str, ...]
    functions: tuple[tuple[str, ...], ...]
    clock: bool
    casts: bool
    reads_tables: bool
    literal: bool = False


def expression(text: str) -> Expression:
    """Parse one expression. Raises NotAnExpression for anything else, also for SQL that closes the parenthesis."""
    try:
        tree = postgast.parse(f"SELECT (\n{text}\n)")
    except postgast.PgQueryError as error:
        raise NotAnExpression(str(error).splitlines()[0]) from None
    _only_one(tree)
    columns: dict[str, None] = {}
    functions: dict[tuple[str, ...], None] = {}
    clock = casts = reads = False
    for _, node in postgast.walk(tree):
        if isinstance(node, nodes.ColumnRef):
            columns[_column(node)] = None
        elif isinstance(node, nodes.FuncCall):
            name = tuple(part.string.sval for part in node.funcname)
            functions[name] = None
            clock = clock or name[-1] in CLOCK
        elif isinstance(node, nodes.SQLValueFunction):
            clock = True
        elif isinstance(node, nodes.SubLink):
            reads = True
        elif isinstance(node, nodes.TypeCast):
            casts = True
    return Expression(tuple(columns), tuple(functions), clock, casts, reads, _is_literal(tree))


def _is_literal(tree: Any) -> bool:
    """Whether the expression is one constant: such a text has no type until it is given one."""
    return bool(tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.HasField("a_const"))


@dataclass(frozen=True, slots=True)
class NullUse:
    """How a condition treats NULL. ``seen`` are columns below a construct that makes something definite of NULL; each of
    ``calls`` is a function or operator (its name, whether it is an operator) with the columns below it.
    """

    seen: frozenset[str]
    calls: tuple[tuple[str, bool, frozenset[str]], ...]


def null_use(condition: str) -> NullUse:
    """Whatever is built of AND, OR, NOT, casts and calls that yield NULL for NULL never turns false by a NULL.

    Everything else (IS NULL, IS DISTINCT FROM, coalesce, CASE, arrays, rows, …) might. Raises NotAnExpression.
    """
    expression(condition)
    tree = postgast.parse(f"SELECT (\n{condition}\n)")
    seen: set[str] = set()
    calls: list[tuple[str, bool, frozenset[str]]] = []
    _null_use(tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val, seen, calls)
    return NullUse(frozenset(seen), tuple(calls))


def _null_use(node: Any, seen: set[str], calls: list[tuple[str, bool, frozenset[str]]]) -> None:
    kind = node.WhichOneof("node")
    if kind is None:
        return
    inner = getattr(node, kind)
    if kind == "func_call":
        calls.append((inner.funcname[-1].string.sval, False, _columns_below(inner)))
    elif kind == "a_expr" and inner.kind in (nodes.AEXPR_OP, nodes.AEXPR_OP_ANY, nodes.AEXPR_OP_ALL):
        calls.append((inner.name[-1].string.sval, True, _columns_below(inner)))
    elif kind not in ("bool_expr", "type_cast", "collate_clause", "column_ref"):
        seen.update(_columns_below(inner))
        return
    for each in _operands(kind, inner):
        _null_use(each, seen, calls)


def _operands(kind: str, inner: Any) -> list[Any]:
    if kind == "column_ref":
        return []
    if kind == "a_expr":
        return [inner.lexpr, inner.rexpr]
    return list(inner.args) if kind in ("bool_expr", "func_call") else [inner.arg]


def _columns_below(node: Any) -> frozenset[str]:
    return frozenset(_column(found) for _, found in postgast.walk(node) if isinstance(found, nodes.ColumnRef))


def _only_one(tree: Any) -> None:
    if len(tree.stmts) == 1 and tree.stmts[0].stmt.HasField("select_stmt"):
        select = tree.stmts[0].stmt.select_stmt
        bare = not select.from_clause and not select.HasField("where_clause") and select.op == nodes.SETOP_NONE
        if bare and len(select.target_list) == 1 and not select.target_list[0].res_target.name:
            return
    raise NotAnExpression("it is not a single expression")


def _column(node: Any) -> str:
    if len(node.fields) != 1 or not node.fields[0].HasField("string"):
        raise NotAnExpression("name columns without their table, and no *")
    return str(node.fields[0].string.sval)


def retarget(statement: str, old: str, new: str) -> str:
    """A copied index or constraint definition, naming ``new`` wherever it named the column ``old``."""
    tree = postgast.parse(statement)
    for _, node in postgast.walk(tree):
        if isinstance(node, nodes.ColumnRef):
            last = node.fields[-1]
            if last.HasField("string") and last.string.sval == old:
                last.string.sval = new
        elif isinstance(node, nodes.IndexElem) and node.name == old:
            node.name = new
        elif isinstance(node, nodes.Constraint):
            for attribute in (*node.keys, *node.fk_attrs, *node.fk_del_set_cols):
                if attribute.string.sval == old:
                    attribute.string.sval = new
    return str(postgast.deparse(tree))


def index_statement(
    definition: str, name: str, renamed: tuple[str, str] | None = None, tablespace: str | None = None
) -> str:
    """CREATE INDEX CONCURRENTLY of a copied definition under another name, in a tablespace if not the default one."""
    text = retarget(definition, *renamed) if renamed else definition
    tree = postgast.parse(text)
    statement = tree.stmts[0].stmt.index_stmt
    statement.idxname = name
    statement.concurrent = True
    statement.table_space = tablespace or ""
    return str(postgast.deparse(tree))


def partition_index_statement(definition: str, name: str, schema: str, table: str, *, only: bool) -> str:
    """CREATE INDEX of a copied definition on another table: concurrently, or without its partitions (ON ONLY)."""
    tree = postgast.parse(definition)
    statement = tree.stmts[0].stmt.index_stmt
    statement.idxname = name
    statement.concurrent = not only
    statement.relation.inh = not only
    statement.relation.schemaname, statement.relation.relname = schema, table
    return str(postgast.deparse(tree))


def constraint_definition(
    table: str, definition: str, renamed: tuple[str, str] | None, referred: tuple[str, str] | None = None
) -> str:
    """The part after ADD CONSTRAINT name, retargeted, without NOT VALID. ``table`` is quoted already.

    ``referred`` (column, its copy) is of the table that a foreign key refers to.
    """
    head = f"ALTER TABLE {table} ADD CONSTRAINT orch_name "
    text = definition.removesuffix(" NOT VALID")
    statement = head + text
    if renamed is not None:
        statement = retarget(statement, *renamed)
    if referred is not None:
        statement = _referring(statement, *referred)
    return statement[statement.index(" ADD CONSTRAINT orch_name ") + len(" ADD CONSTRAINT orch_name ") :]


def _referring(statement: str, old: str, new: str) -> str:
    tree = postgast.parse(statement)
    for _, node in postgast.walk(tree):
        if isinstance(node, nodes.Constraint):
            for attribute in node.pk_attrs:
                if attribute.string.sval == old:
                    attribute.string.sval = new
    return str(postgast.deparse(tree))


def is_type(text_: str) -> bool:
    """Whether the text is one type name and nothing else: no comment either, which could hide what follows it."""
    return all(_is_cast(f"SELECT CAST(NULL AS {text_}{end}") for end in (")", "\n)"))


def _is_cast(statement: str) -> bool:
    try:
        tree = postgast.parse(statement)
    except postgast.PgQueryError:
        return False
    select = tree.stmts[0].stmt.select_stmt if len(tree.stmts) == 1 else None
    if select is None or len(select.target_list) != 1 or select.from_clause or select.HasField("where_clause"):
        return False
    value = select.target_list[0].res_target.val
    return bool(value.HasField("type_cast") and value.type_cast.arg.HasField("a_const"))


def is_one_statement(text: str) -> bool:
    """Whether the text is one statement."""
    try:
        return len(postgast.parse(text).stmts) == 1
    except postgast.PgQueryError:
        return False


def view_columns(definition: str) -> tuple[str, ...]:
    """The columns that a view of one table shows as they are, in order; empty when it shows anything else."""
    try:
        tree = postgast.parse(definition)
    except postgast.PgQueryError:
        return ()
    targets = [target.res_target.val for target in tree.stmts[0].stmt.select_stmt.target_list]
    if not all(target.HasField("column_ref") for target in targets):
        return ()
    return tuple(str(target.column_ref.fields[-1].string.sval) for target in targets)


def is_one_addition(action: str) -> bool:
    """Whether the text is one ADD COLUMN or ADD CONSTRAINT of ALTER TABLE, and nothing besides."""
    try:
        tree = postgast.parse(f"ALTER TABLE t {action}")
    except postgast.PgQueryError:
        return False
    if len(tree.stmts) != 1 or not tree.stmts[0].stmt.HasField("alter_table_stmt"):
        return False
    commands = [each.alter_table_cmd.subtype for each in tree.stmts[0].stmt.alter_table_stmt.cmds]
    return len(commands) == 1 and commands[0] in (nodes.AT_AddColumn, nodes.AT_AddConstraint)
