"""Whether a statement in use names a column of a table, by what the grammar shows.

Why it exists: a linter has no clone to ask the server on. Where a name could be that of another table's column too, it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as nodes

from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.splitting import comments


def reads(text: str, table: Name, column: str) -> bool:
    """Whether the statement reads or writes the column. A star is no reader: it goes on without the column."""
    folded = text.lower()
    if table.name.lower() not in folded or column.lower() not in folded:
        return False
    try:
        found = [node for _, node in postgast.walk(postgast.parse(text))]
    except (postgast.PgQueryError, DecodeError, RecursionError):
        return names(text, table, column)
    known = {each for node in found if isinstance(node, nodes.RangeVar) for each in _known_as(node)}
    mine = {
        alias for alias, schema, relation in known if relation == table.name and schema in ("", table.schema or schema)
    }
    mine |= {"excluded" for node in found if isinstance(node, nodes.InsertStmt) and node.relation.relname == table.name}
    return bool(mine) and any(_names(node, mine, column) for node in found)


def _known_as(node: Any) -> Iterator[tuple[str, str, str]]:
    alias = node.alias.aliasname if node.HasField("alias") else node.relname
    yield str(alias), str(node.schemaname), str(node.relname)


def _names(node: Any, aliases: set[str], column: str) -> bool:
    if isinstance(node, nodes.ColumnRef):
        words = [str(each.string.sval) for each in node.fields if each.HasField("string")]
        return bool(words) and words[-1] == column and (len(words) == 1 or words[-2] in aliases)
    if isinstance(node, nodes.InsertStmt | nodes.UpdateStmt):
        targets = (
            [*node.cols, *node.on_conflict_clause.target_list]
            if isinstance(node, nodes.InsertStmt)
            else node.target_list
        )
        ((target, _, _),) = _known_as(node.relation)
        return target in aliases and any(each.res_target.name == column for each in targets)
    if isinstance(node, nodes.CopyStmt):
        return node.relation.relname in aliases and any(each.string.sval == column for each in node.attlist)
    return False


def names(text: str, table: Name, column: str) -> bool:
    """Whether both names stand in a text outside its comments, as in the body of a function."""
    parts, at = [], 0
    for start, end in comments(text):
        parts.append(text[at:start])
        at = end
    code = " ".join([*parts, text[at:]])
    return all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", code, re.IGNORECASE) for word in (table.name, column))
