"""UPDATE of a column that the same file adds → the operation's ``fill``; of one that it makes NOT NULL, too.

Why it exists: an UPDATE of all rows in one transaction is the part of a migration that hurts most, and the only one of which a
change file can say what is meant: the value of one column, computed from its row.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.converting._model import Part, Place, Request, Unclear, at, place, quoted, relation, said, spelled
from orchestrator.dialects.postgres.parser import NotAnExpression, expression
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.parts import Expr
from orchestrator.dialects.postgres.script.saying import same


def filled(requests: list[Request], act: acts.Modify, part: Part, number: int) -> list[Request]:
    """The Requests with what an UPDATE fills. Raises Unclear where it is another UPDATE than that."""
    if act.verb != "update":
        raise Unclear(f"{act.verb.upper()} changes rows that are there: run it in batches, beside the change")
    _only_rows(act, part)
    for column, value in act.sets:
        requests = _column(requests, act, column, value, number)
    return requests


def _only_rows(act: acts.Modify, part: Part) -> None:
    """See that each value is an expression over the row, and that nothing else is said. Raises Unclear."""
    sets = ", ".join(f"{quoted(column)} = {value.said()}" for column, value in act.sets)
    where = f"WHERE {act.condition.said()}" if act.condition is not None else ""
    if not act.sets or not same(part.sql, said("UPDATE", relation(act.table), "SET", sets, where)):
        raise Unclear("fill is an expression over one row: write the UPDATE without alias, FROM, WITH and RETURNING")
    for text in (*(value.said() for _, value in act.sets), *([act.condition.said()] if act.condition else [])):
        try:
            reads = expression(text).reads_tables
        except NotAnExpression:
            reads = True
        if reads:
            raise Unclear("fill is an expression over one row: it cannot read other tables")


def _column(requests: list[Request], act: acts.Modify, column: str, value: Expr, number: int) -> list[Request]:
    here: Place = (place(act.table), column)
    found = last(requests, here)
    if found is None or requests[found].word != "add_column":
        return [*requests, _waiting(act, column, value, number, free=found is None)]
    adds = requests[found]
    if adds.body.keys() & {"fill", "generated", "identity"}:
        raise Unclear(f"{column} is filled already; say it in one UPDATE")
    default = adds.body.get("default")
    body = {word: each for word, each in adds.body.items() if word != "default"} | {
        "fill": _value(act, column, value, default)
    }
    reads = adds.reads | at(act.table, *value.columns, *(act.condition.columns if act.condition else ()))
    made = replace(adds, body=body, reads=reads - {here}, lacks="", parts=(*adds.parts, number))
    rest = [*requests[:found], *requests[found + 1 :], made]
    if default is not None:
        again = {"table": adds.body["table"], "column": column, "default": default}
        rest.append(Request("set_default", again, frozenset({here}), parts=adds.parts))
    return rest


def last(requests: list[Request], here: Place) -> int | None:
    """The last Request that has to do with a column."""
    table, _ = here
    for number in reversed(range(len(requests))):
        if {here, (table, "*")} & (requests[number].touches | requests[number].reads):
            return number
    return None


def _value(act: acts.Modify, column: str, value: Expr, default: str | None) -> str:
    """What a row gets that the UPDATE meets, and one that it does not."""
    if column in value.columns:
        raise Unclear(f"{column} is computed from itself, and it is empty")
    if act.condition is None or (act.empty == column and default is None):
        return value.said()
    if column in act.condition.columns:
        raise Unclear(f"WHERE asks for {column}, which this file adds: say the rows by other columns")
    return said(f"CASE WHEN {act.condition.said()} THEN {value.said()}", f"ELSE {default}" if default else "", "END")


def _waiting(act: acts.Modify, column: str, value: Expr, number: int, *, free: bool) -> Request:
    """A fill of a column that is there, which is an operation only if SET NOT NULL follows. Raises Unclear."""
    why = (
        f"orch fills a column that the same file adds, or makes NOT NULL (SET {column} … WHERE {column} IS NULL): run it in"
        " batches, beside the change"
    )
    if not free or act.empty != column or len(act.sets) != 1 or column in value.columns:
        raise Unclear(why)
    body = {"table": spelled(act.table), "column": column, "fill": value.said()}
    return Request(
        "set_not_null", body, at(act.table, column), at(act.table, *value.columns), lacks=why, parts=(number,)
    )
