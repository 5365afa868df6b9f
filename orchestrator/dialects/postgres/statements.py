"""What a statement written by a person is, locks and breaks, as far as the grammar tells.

Why it exists: a change may bring statements of its own, and what such a statement does to running applications must be known
before it is approved. Only kinds that are known to be short are let through; the others are refused with the way around.
Locks: PostgreSQL manual, section 13.3, and measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import postgast
import psycopg
from postgast import pg_query_pb2 as nodes

from orchestrator.core.catalog import StatementFacts, TableName

_WRITES = frozenset({"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"})
_OPAQUE = frozenset({"do_stmt", "call_stmt", "select_stmt"})
_BREAKING = frozenset({"drop_stmt", "rename_stmt", "truncate_stmt", "alter_object_schema_stmt", "drop_owned_stmt"})
_SHORT = """alter_collation alter_default_privileges alter_enum alter_extension alter_function alter_object_depends alter_owner
    alter_policy alter_publication alter_seq alter_stats alter_tsconfiguration alter_tsdictionary comment composite_type
    create_cast create_domain create_enum create_event_trig create_extension create_fdw create_foreign_server
    create_foreign_table create_function create_policy create_publication create_range create_schema create_seq create_stats
    create create_trig create_user_mapping define grant notify replica_identity sec_label view"""
"""Kinds of statements that read no rows: without ``_stmt``, as the grammar calls them."""
_COMMANDS = """AT_ColumnDefault AT_DropNotNull AT_SetStatistics AT_SetOptions AT_ResetOptions AT_SetStorage AT_SetCompression
    AT_DropConstraint AT_DropColumn AT_ChangeOwner AT_EnableTrig AT_EnableAlwaysTrig AT_EnableReplicaTrig AT_DisableTrig
    AT_EnableTrigAll AT_DisableTrigAll AT_EnableTrigUser AT_DisableTrigUser AT_SetRelOptions AT_ResetRelOptions
    AT_ReplicaIdentity AT_EnableRowSecurity AT_DisableRowSecurity AT_ForceRowSecurity AT_NoForceRowSecurity
    AT_AddIdentity AT_SetIdentity AT_DropIdentity AT_DropExpression"""
"""Forms of ALTER TABLE that change the catalog only."""
_OPERATIONS = (
    "use the operation made for it (add_column, change_type, set_not_null, add_index, …), which does it in steps"
)
_TABLES = (
    "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
)


def read(connection: psycopg.Connection, text: str) -> StatementFacts:
    """What a statement is. Names are looked up as for the login."""
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError as error:
        return StatementFacts(error=str(error).splitlines()[0], way="correct it")
    if len(tree.stmts) != 1:
        return StatementFacts(error="it is not one statement", way="one step per statement")
    statement = tree.stmts[0].stmt
    kind = str(statement.WhichOneof("node"))
    refused = _refused(kind, getattr(statement, kind))
    if refused is not None:
        return StatementFacts(error=refused[0], way=refused[1])
    tables = tuple(_tables(connection, tree))
    writes = kind in _WRITES or any(isinstance(node, _WRITING) for _, node in postgast.walk(tree))
    lock = _lock(kind, writes=writes, parent=bool(statement.create_stmt.inh_relations), tables=tables)
    return StatementFacts(lock=lock, tables=tables, **_said(kind, statement, writes))


_TAKING = (nodes.AT_DropColumn, nodes.AT_EnableRowSecurity, nodes.AT_ForceRowSecurity)
_WRITING = (nodes.InsertStmt, nodes.UpdateStmt, nodes.DeleteStmt, nodes.MergeStmt)


def is_query(text: str) -> bool:
    """Whether the text is one SELECT that locks no row and makes no table."""
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:
        return False
    if len(tree.stmts) != 1 or not tree.stmts[0].stmt.HasField("select_stmt"):
        return False
    return not any(
        isinstance(node, (nodes.IntoClause, nodes.LockingClause, *_WRITING)) for _, node in postgast.walk(tree)
    )


def _refused(kind: str, node: Any) -> tuple[str, str] | None:
    """Why a statement is not let through, and the way around."""
    if kind == "transaction_stmt":
        return "it begins or ends a transaction", "leave it out: every step is a transaction of its own"
    if getattr(node, "concurrent", False) or kind == "index_stmt":
        return (
            "it builds without a transaction, or blocks writes while it does",
            "use add_index, or drop it in contract plainly",
        )
    if kind == "alter_table_stmt":
        return next(filter(None, (_refused_command(each.alter_table_cmd) for each in node.cmds)), None)
    if kind in _WRITES | _OPAQUE | _BREAKING or kind.removesuffix("_stmt") in _SHORT.split():
        return None
    return f"{kind.removesuffix('_stmt').replace('_', ' ')} is not a statement that is known to be short", _OPERATIONS


def _refused_command(command: Any) -> tuple[str, str] | None:
    subtype = nodes.AlterTableType.Name(command.subtype)
    if subtype == "AT_AddConstraint" and getattr(command, "def").constraint.skip_validation:
        return None
    if subtype in _COMMANDS.split():
        return None
    return f"{subtype.removeprefix('AT_')} may read or rewrite the whole table under ACCESS EXCLUSIVE", _OPERATIONS


def _said(kind: str, statement: Any, writes: bool) -> dict[str, Any]:
    """What the operator must know of it."""
    drops = kind == "alter_table_stmt" and any(
        each.alter_table_cmd.subtype in _TAKING for each in statement.alter_table_stmt.cmds
    )
    revokes = kind == "grant_stmt" and not statement.grant_stmt.is_grant
    if kind in _BREAKING or drops or revokes:
        return {"breaks": True, "warning": "critical: it breaks whatever still uses what it takes away"}
    if kind in ("do_stmt", "call_stmt") or (kind == "select_stmt" and not writes):
        return {"warning": "major: what it does and locks cannot be told from its text"}
    if writes:
        return {
            "warning": "major: one transaction over every row it matches, whose locks it holds to the end; 10 s at most"
        }
    return {}


def _lock(kind: str, *, writes: bool, parent: bool, tables: tuple[TableName, ...]) -> str:
    mode = {
        "alter_table_stmt": "ACCESS EXCLUSIVE",
        "drop_stmt": "ACCESS EXCLUSIVE",
        "rename_stmt": "ACCESS EXCLUSIVE",
        "truncate_stmt": "ACCESS EXCLUSIVE",
        "alter_object_schema_stmt": "ACCESS EXCLUSIVE",
        "rule_stmt": "ACCESS EXCLUSIVE",
        "create_policy_stmt": "ACCESS EXCLUSIVE",
        "create_trig_stmt": "SHARE ROW EXCLUSIVE",
        "create_stmt": "SHARE ROW EXCLUSIVE",
    }.get(kind, "ROW EXCLUSIVE" if writes else "")
    if kind == "create_stmt" and parent:
        mode = "ACCESS EXCLUSIVE"
    if not mode or not tables:
        return "not known from its text"
    return f"{mode} on {', '.join(map(str, tables))}" + (", row locks" if writes else "")


def _tables(connection: psycopg.Connection, tree: Any) -> Iterator[TableName]:
    """The tables that it names and that are there."""
    named = [(node.schemaname, node.relname) for _, node in postgast.walk(tree) if isinstance(node, nodes.RangeVar)]
    drop = tree.stmts[0].stmt.drop_stmt if tree.stmts[0].stmt.HasField("drop_stmt") else None
    for each in drop.objects if drop is not None and drop.remove_type == nodes.OBJECT_TABLE else ():
        parts = [part.string.sval for part in each.list.items]
        named.append((parts[-2] if len(parts) > 1 else "", parts[-1]))
    for schema, name in dict.fromkeys(named):
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL search_path TO DEFAULT")
            where = " WHERE c.oid = pg_catalog.to_regclass(%s)"
            spelled = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name) if part)
            row = connection.execute((_TABLES + where).encode(), (spelled,)).fetchone()
        if row is not None:
            yield TableName(*row)
