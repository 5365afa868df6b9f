"""Definitions taken apart, so that two spellings of one can be told from two definitions.

Why it exists: what the server says of an index, a constraint or a trigger is its own spelling of what was once sent. The
frame (keys, order, method, options) is compared by the grammar; the expressions in it are compared by what they mean, which
only the server knows (see ``steps/_same.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import postgast
from postgast import pg_query_pb2 as nodes


class Unreadable(Exception):
    """The grammar of this parser does not know the text."""


@dataclass(frozen=True, slots=True)
class Definition:
    """``frame`` has NULL in place of each expression.

    ``chosen`` is (collation, operator class) of each key of an index, or of an exclusion constraint.
    """

    frame: str
    expressions: tuple[str, ...] = ()
    chosen: tuple[tuple[str, str], ...] = field(default=())


def normal(expression: str) -> str:
    """An expression as the grammar alone spells it: parentheses and spaces do not count."""
    return _text(_parsed(f"SELECT (\n{expression}\n)"))


def index(statement: str) -> Definition:
    """CREATE INDEX, whatever its name, its table's name and whether concurrently. Raises Unreadable."""
    tree = _parsed(statement)
    found = tree.stmts[0].stmt.index_stmt
    found.idxname, found.concurrent, found.if_not_exists, found.table_space = "i", False, False, ""
    found.relation.CopyFrom(nodes.RangeVar(relname="t", inh=True, relpersistence="p"))
    elements = [param.index_elem for param in found.index_params]
    taken = [_taken(element, "expr") for element in elements if element.HasField("expr")]
    if found.HasField("where_clause"):
        taken.append(_taken(found, "where_clause"))
    chosen = tuple(_chosen(element) for element in elements)
    for element in elements:
        _plain(element)
    return Definition(_text(tree), tuple(taken), chosen)


def constraint(definition: str) -> Definition:
    """What follows ADD CONSTRAINT name, whether validated or not. Raises Unreadable."""
    tree = _parsed(f"ALTER TABLE t ADD CONSTRAINT k {definition}")
    command = tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd
    found = getattr(command, "def").constraint
    found.skip_validation, found.initially_valid = False, True
    chosen = tuple(_chosen(each.list.items[0].index_elem) for each in found.exclusions)
    taken = [*_elements(found), *([_taken(found, "raw_expr")] if found.HasField("raw_expr") else ())]
    if found.HasField("where_clause"):
        taken.append(_taken(found, "where_clause"))
    return Definition(_text(tree), tuple(taken), chosen)


def _elements(exclusion: Any) -> Iterator[str]:
    """The expressions of an exclusion constraint; of its operators the name counts, which their rows' types choose."""
    for each in exclusion.exclusions:
        element, operator = each.list.items[0].index_elem, each.list.items[1].list
        if element.HasField("expr"):
            yield _taken(element, "expr")
        _plain(element)
        del operator.items[:-1]


def trigger(statement: str) -> Definition:
    """CREATE TRIGGER, whatever its name and its table's. Raises Unreadable."""
    tree = _parsed(statement)
    found = tree.stmts[0].stmt.create_trig_stmt
    found.replace, found.trigname = False, "g"
    found.relation.CopyFrom(nodes.RangeVar(relname="t", inh=True, relpersistence="p"))
    columns = sorted(column.string.sval for column in found.columns)
    del found.columns[:]
    for column in columns:
        found.columns.add().string.sval = column
    taken = (_taken(found, "when_clause"),) if found.HasField("when_clause") else ()
    return Definition(_text(tree), taken)


def _parsed(text: str) -> Any:
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as error:
        raise Unreadable(str(error).splitlines()[0]) from None


def _taken(parent: Any, place: str) -> str:
    """Put NULL in the place of an expression, and return the expression."""
    expression = nodes.Node()
    expression.CopyFrom(getattr(parent, place))
    getattr(parent, place).CopyFrom(nodes.Node(a_const=nodes.A_Const(isnull=True)))
    select = postgast.parse("SELECT 1")
    select.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(expression)
    return _text(select).removeprefix("SELECT ")


def _plain(element: Any) -> None:
    """Spell what the server leaves out; collation and operator class are compared apart."""
    del element.collation[:], element.opclass[:]
    if element.ordering == nodes.SORTBY_DEFAULT:
        element.ordering = nodes.SORTBY_ASC
    if element.nulls_ordering == nodes.SORTBY_NULLS_DEFAULT:
        first = element.ordering == nodes.SORTBY_DESC
        element.nulls_ordering = nodes.SORTBY_NULLS_FIRST if first else nodes.SORTBY_NULLS_LAST


def _chosen(element: Any) -> tuple[str, str]:
    return _last(element.collation), _last(element.opclass)


def _last(name: Any) -> str:
    return str(name[-1].string.sval) if name else ""


def _text(tree: Any) -> str:
    return str(postgast.deparse(tree))
