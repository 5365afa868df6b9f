"""The Meaning of an analysed query: its tree without spelling, and the columns in it.

Why it exists: two analyses of one statement differ in much that is no difference: places in the text, names that were given
on the way, lists of all columns of whatever is joined. What is left once these are gone is equal where the meaning is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.reading import ColumnId, Meaning
from orchestrator.dialects.postgres.proof.nodetree import Node, parse

Views = Mapping[int, tuple[int, Mapping[int, int]]]
"""Views that stand for a table: by the view, the table and which attribute of it each of the view's is."""

_SPELLING = frozenset(
    """
    location stmt_location stmt_len querySource eref alias varnosyn varattnosyn resname resorigtbl resorigcol
    selectedCols insertedCols updatedCols extraUpdatedCols requiredPerms checkAsUser perminfoindex rteperminfos
    rellockmode relkind inh joinaliasvars joinleftcols joinrightcols join_using_alias joinmergedcols
    constraintDeps exclRelTlist constraint utilityStmt ctecolnames colnames list_start list_end
    """.split()  # noqa: SIM905 - a list of this length would fill the page
)
"""Fields that say how a query was written, or repeat what others say."""
_RELATION, _JOIN = "0", "2"
_UPDATE, _INSERT, _SELECT = "2", "3", "1"
_EXISTS = "0"


@dataclass(slots=True)
class _Walk:
    views: Views
    rowtypes: Mapping[int, int]
    columns: set[ColumnId] = field(default_factory=set)
    targets: set[ColumnId] = field(default_factory=set)
    queries: list[Node] = field(default_factory=list)


def meaning(text: str, views: Views, rowtypes: Mapping[int, int]) -> Meaning:
    """The Meaning of one or more analysed queries. ``rowtypes`` are tables by their row type, for parameters that are rows."""
    tree = parse(text)
    walk = _Walk(views, rowtypes)
    return Meaning(_same(tree, walk), frozenset(walk.columns), frozenset(walk.targets), _results(tree))


def _results(tree: Any) -> tuple[str, ...]:
    """The names of what the last query returns."""
    while isinstance(tree, list) and tree:
        tree = tree[-1]
    if not isinstance(tree, dict):
        return ()
    entries = tree.get("targetList" if tree.get("commandType") == _SELECT else "returningList", ())
    return tuple(str(each["resname"]) for each in entries if isinstance(each, dict) and each.get("resjunk") == "false")


def _same(value: Any, walk: _Walk) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_same(each, walk) for each in value)
    if not isinstance(value, dict):
        return value
    special = _SPECIAL.get(value[""])
    return special(value, walk) if special else _fields(value, walk)


def _fields(node: Node, walk: _Walk) -> Any:
    return tuple((name, _same(each, walk)) for name, each in node.items() if name not in _SPELLING)


def _query(node: Node, walk: _Walk) -> Any:
    walk.queries.append(node)
    try:
        if node.get("commandType") in (_UPDATE, _INSERT):
            _written(node.get("targetList"), node, walk)
        for action in node.get("mergeActionList", ()):
            if isinstance(action, dict) and action.get("commandType") in (_UPDATE, _INSERT):
                _written(action.get("targetList"), node, walk)
        conflict = node.get("onConflict")
        if isinstance(conflict, dict):
            _written(conflict.get("onConflictSet"), node, walk)
        return _fields(node, walk)
    finally:
        walk.queries.pop()


def _written(entries: Any, query: Node, walk: _Walk) -> None:
    relation = _entry(query, query.get("resultRelation", "0"))
    if relation is None or not isinstance(entries, list):
        return
    for each in entries:
        if isinstance(each, dict) and each.get("resjunk") == "false":
            found = _column(relation, int(each["resno"]), walk)
            walk.columns.add(found)
            walk.targets.add(found)


def _entry(query: Node, number: str) -> Node | None:
    entries = query.get("rtable")
    place = int(number) - 1
    if not isinstance(entries, list) or not 0 <= place < len(entries):
        return None
    found = entries[place]
    return found if isinstance(found, dict) else None


def _column(relation: Node, attribute: int, walk: _Walk) -> ColumnId:
    table = int(relation["relid"])
    if table in walk.views:
        table, names = walk.views[table]
        attribute = names.get(attribute, attribute)
    return table, attribute


def _range(node: Node, walk: _Walk) -> Any:
    """A table is its number; what a join merely lists is left out."""
    if node.get("rtekind") != _RELATION:
        return _fields(node, walk)
    table, _ = _column(node, 0, walk)
    return "relation", table, _same(node.get("tablesample"), walk)


def _var(node: Node, walk: _Walk) -> Any:
    up, attribute = int(node["varlevelsup"]), int(node["varattno"])
    query = walk.queries[-1 - up] if up < len(walk.queries) else None
    relation = _entry(query, node["varno"]) if query is not None and node["varno"].isdigit() else None
    if relation is None or query is None:
        return _fields(node, walk)
    if relation.get("rtekind") == _RELATION:
        found = _column(relation, attribute, walk)
        walk.columns.add(found)
        return "column", node["varno"], up, found[1], node.get("vartype"), node.get("varreturningtype")
    if relation.get("rtekind") == _JOIN:
        return _joined(relation, attribute, up, walk)
    return _fields(node, walk)


def _joined(join: Node, attribute: int, up: int, walk: _Walk) -> Any:
    """A column of a join is the column that was joined, seen from the query of the join; all of them for its whole row."""
    listed = join.get("joinaliasvars")
    behind = listed if isinstance(listed, list) else []
    chosen = behind if attribute == 0 else behind[attribute - 1 : attribute]
    kept, walk.queries = walk.queries, walk.queries[: len(walk.queries) - up]
    try:
        return "joined", up, tuple(_same(each, walk) for each in chosen)
    finally:
        walk.queries = kept


def _field(node: Node, walk: _Walk) -> Any:
    """One field of a whole row, of a table or of a parameter that is a row, is that column and no other."""
    row = node.get("arg")
    number = int(node["fieldnum"])
    if isinstance(row, dict) and row[""] == "PARAM" and int(row["paramtype"]) in walk.rowtypes:
        walk.columns.add((walk.rowtypes[int(row["paramtype"])], number))
    elif isinstance(row, dict) and row[""] == "VAR" and row.get("varattno") == "0":
        return _var({**row, "varattno": str(number)}, walk)
    return _fields(node, walk)


def _link(node: Node, walk: _Walk) -> Any:
    """What EXISTS would return is nobody's business."""
    inner = node.get("subselect")
    if node.get("subLinkType") == _EXISTS and isinstance(inner, dict) and inner.get("setOperations") == "<>":
        node = {**node, "subselect": {**inner, "targetList": ()} if not _sorted(inner) else inner}
    return _fields(node, walk)


def _sorted(query: Node) -> bool:
    """Whether the rows depend on what they show."""
    clauses = ("groupClause", "distinctClause", "sortClause", "windowClause")
    return any(query.get(clause) not in (None, "<>") for clause in clauses) or query.get("hasAggs") == "true"


_SPECIAL = {
    "QUERY": _query,
    "RANGETBLENTRY": _range,
    "RTE": _range,
    "VAR": _var,
    "FIELDSELECT": _field,
    "SUBLINK": _link,
}
