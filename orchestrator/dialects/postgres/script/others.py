"""Every statement but CREATE TABLE and ALTER TABLE as Acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from postgast import pg_query_pb2 as nodes

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.expressions import (
    below,
    compared,
    dotted,
    expression,
    is_null,
    key,
    relation,
    text_of,
    words,
)
from orchestrator.dialects.postgres.script.parts import Expr, Name

_LOCKS = (
    "",
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
_ON_TABLE = ("trigger", "policy", "rule")
_DOMAIN_ACTIONS = {
    "T": "set default",
    "N": "drop not null",
    "O": "set not null",
    "C": "add constraint",
    "X": "drop constraint",
    "V": "validate constraint",
}


def kind_of(number: int) -> str:
    """An ObjectType in words: OBJECT_MATVIEW is ``materialized view``."""
    word = str(nodes.ObjectType.Name(number)).removeprefix("OBJECT_").lower().replace("_", " ")
    return {"matview": "materialized view", "tabconstraint": "constraint", "domconstraint": "domain constraint"}.get(
        word, word
    )


def _flag(options: Any, name: str) -> bool:
    for option in options:
        if option.def_elem.defname == name:
            value = text_of(option.def_elem.arg) if option.def_elem.HasField("arg") else None
            word = value or (option.def_elem.arg.string.sval if option.def_elem.HasField("arg") else "true")
            return str(word).lower() not in ("false", "off", "0")
    return False


def _drop(node: Any, at: int) -> Iterator[Act]:
    kind = kind_of(node.remove_type)
    for each in node.objects:
        table = None
        field = each.WhichOneof("node")
        if field == "object_with_args":
            name = dotted(each.object_with_args.objname)
        elif field == "type_name":
            name = dotted(each.type_name.names)
        elif field == "list":
            name = dotted(each.list.items)
            if kind in _ON_TABLE:
                table = dotted(list(each.list.items)[:-1])
                name = Name("", name.name)
        else:
            name = Name("", str(each.string.sval))
        cascade = node.behavior == nodes.DROP_CASCADE
        yield acts.Drop(at, kind, name, table, cascade, node.concurrent, node.missing_ok)


def _rename(node: Any, at: int) -> Iterator[Act]:
    kind = kind_of(node.rename_type)
    table = relation(node.relation) if node.HasField("relation") else None
    old = str(node.subname) or (table.name if table else "")
    if not old and node.HasField("object"):
        found = node.object
        items = found.list.items if found.HasField("list") else [found]
        old = str(dotted(items)) if words(items) else ""
    if kind == "attribute":
        table = None
    yield acts.Rename(at, kind, table, old, str(node.newname))


def _set_schema(node: Any, at: int) -> Iterator[Act]:
    name = relation(node.relation) if node.HasField("relation") else Name("", "")
    if node.HasField("object"):
        found = node.object
        field = found.WhichOneof("node")
        name = dotted(found.list.items) if field == "list" else name
        name = dotted(found.object_with_args.objname) if field == "object_with_args" else name
    yield acts.SetSchema(at, kind_of(node.object_type), name, str(node.newschema))


def _create_index(node: Any, at: int) -> Iterator[Act]:
    columns = tuple(str(each.index_elem.name) for each in node.index_params)
    yield acts.CreateIndex(
        at,
        relation(node.relation),
        str(node.idxname),
        columns,
        node.unique,
        node.concurrent,
        node.if_not_exists,
        not node.relation.inh,
        node.HasField("where_clause"),
        str(node.access_method),
        tuple(key(each.index_elem) for each in node.index_params),
        tuple(str(each.index_elem.name) for each in node.index_including_params),
        expression(node.where_clause) if node.HasField("where_clause") else None,
    )


def _reindex(node: Any, at: int) -> Iterator[Act]:
    kind = str(nodes.ReindexObjectType.Name(node.kind)).removeprefix("REINDEX_OBJECT_").lower()
    name = relation(node.relation) if node.HasField("relation") else Name("", str(node.name))
    yield acts.Reindex(at, kind, name, _flag(node.params, "concurrently"))


def _vacuum(node: Any, at: int) -> Iterator[Act]:
    full = _flag(node.options, "full")
    for each in node.rels:
        yield acts.Vacuum(at, relation(each.vacuum_relation.relation), full, not node.is_vacuumcmd)
    if not node.rels:
        yield acts.Vacuum(at, None, full, not node.is_vacuumcmd)


def _modify(verb: str) -> Callable[[Any, int], Iterator[Act]]:
    def made(node: Any, at: int) -> Iterator[Act]:
        where = node.HasField("where_clause")
        equal, ranged, limited = compared(node.where_clause) if where else ((), (), False)
        condition = expression(node.where_clause) if where else None
        empty = is_null(node.where_clause) if where else ""
        table = relation(node.relation)
        yield acts.Modify(at, table, verb, where, equal, ranged, limited, _sets(node, verb), condition, empty)

    return made


def _sets(node: Any, verb: str) -> tuple[tuple[str, Expr], ...]:
    targets = [each.res_target for each in node.target_list] if verb == "update" else []
    return tuple((str(each.name), expression(each.val)) for each in targets)


def _merge(node: Any, at: int) -> Iterator[Act]:
    yield acts.Modify(at, relation(node.relation), "merge", True)


def _insert(node: Any, at: int) -> Iterator[Act]:
    select = node.select_stmt.select_stmt
    source = bool(select.from_clause) and not select.HasField("limit_count")
    yield acts.Insert(at, relation(node.relation), source)


def _select(node: Any, at: int) -> Iterator[Act]:
    if node.HasField("into_clause"):
        yield acts.CreateTable(at, relation(node.into_clause.rel), query=True)
    for held in (each.common_table_expr.ctequery for each in node.with_clause.ctes):
        inner = held.WhichOneof("node")
        if inner in ("update_stmt", "delete_stmt", "insert_stmt"):
            yield from _MADE[inner](getattr(held, inner), at)
    calls = [found for found in below(node) if isinstance(found, nodes.FuncCall)]
    arguments = [text_of(each) or "" for each in calls[0].args] if calls else []
    names = tuple(dict.fromkeys(tuple(words(call.funcname)) for call in calls))
    yield acts.Query(at, names, tuple(arguments), bool(node.locking_clause))


def _setting(node: Any, at: int) -> Iterator[Act]:
    if node.kind in (nodes.VAR_SET_VALUE, nodes.VAR_SET_DEFAULT, nodes.VAR_RESET):
        values = [text_of(each) or "" for each in node.args]
        value = ", ".join(values) if node.kind == nodes.VAR_SET_VALUE else None
        yield acts.Setting(at, str(node.name).lower(), value, node.is_local)
    elif node.kind == nodes.VAR_RESET_ALL:
        yield acts.Setting(at, "all", None)
    else:
        yield acts.Other(at, "set transaction")


def _transaction(node: Any, at: int) -> Iterator[Act]:
    kind = str(nodes.TransactionStmtKind.Name(node.kind)).removeprefix("TRANS_STMT_").lower().replace("_", " ")
    yield acts.Transaction(at, "begin" if kind == "start" else kind)


def _lock(node: Any, at: int) -> Iterator[Act]:
    for each in node.relations:
        yield acts.Lock(at, relation(each.range_var), _LOCKS[node.mode], node.nowait)


def _alter_enum(node: Any, at: int) -> Iterator[Act]:
    kind = dotted(node.type_name)
    if node.old_val:
        yield acts.Rename(at, "enum value", None, f"{kind}: {node.old_val}", str(node.new_val))
    else:
        place = str(node.new_val_neighbor)
        before, after = ("", place) if node.new_val_is_after else (place, "")
        skip = bool(node.skip_if_new_val_exists)
        yield acts.AddEnumValue(at, kind, str(node.new_val), bool(place), before, after, skip)


def _comment(node: Any, at: int) -> Iterator[Act]:
    kind = kind_of(node.objtype)
    if kind not in ("table", "column"):
        yield acts.Other(at, f"comment on {kind}")
        return
    items = list(node.object.list.items)
    table = dotted(items if kind == "table" else items[:-1])
    column = "" if kind == "table" else words(items)[-1]
    yield acts.Comment(at, table, column, str(node.comment))


def _create_domain(node: Any, at: int) -> Iterator[Act]:
    kinds = (nodes.CONSTR_CHECK, nodes.CONSTR_NOTNULL)
    constrained = any(each.constraint.contype in kinds for each in node.constraints)
    yield acts.CreateDomain(at, dotted(node.domainname), constrained)


def _alter_domain(node: Any, at: int) -> Iterator[Act]:
    valid = not getattr(node, "def").constraint.skip_validation
    yield acts.AlterDomain(at, dotted(node.type_name), _DOMAIN_ACTIONS.get(node.subtype, "alter"), valid)


def _create_function(node: Any, at: int) -> Iterator[Act]:
    volatility = "volatile"
    for option in node.options:
        if option.def_elem.defname == "volatility":
            volatility = str(option.def_elem.arg.string.sval)
    yield acts.CreateFunction(at, dotted(node.funcname), volatility, node.replace)


def _create_as(node: Any, at: int) -> Iterator[Act]:
    name = relation(node.into.rel)
    if node.objtype == nodes.OBJECT_MATVIEW:
        yield acts.CreateView(at, name, materialized=True)
    else:
        temporary = node.into.rel.relpersistence == "t"
        yield acts.CreateTable(at, name, temporary=temporary, if_not_exists=node.if_not_exists, query=True)


def _do(node: Any, at: int) -> Iterator[Act]:
    bodies = [each.def_elem.arg.string.sval for each in node.args if each.def_elem.defname == "as"]
    yield acts.Opaque(at, "DO", "".join(bodies))


def _grant(node: Any, at: int) -> Iterator[Act]:
    if node.is_grant:
        yield acts.Other(at, "grant")
        return
    names = tuple(relation(each.range_var) for each in node.objects if each.HasField("range_var"))
    privileges = tuple(str(each.access_priv.priv_name) for each in node.privileges)
    yield acts.Revoke(at, kind_of(node.objtype), names, privileges)


def _copy(node: Any, at: int) -> Iterator[Act]:
    yield acts.Copy(at, relation(node.relation)) if node.is_from else acts.Other(at, "copy to")


def _truncate(node: Any, at: int) -> Iterator[Act]:
    for each in node.relations:
        yield acts.Truncate(at, relation(each.range_var), node.behavior == nodes.DROP_CASCADE)


def _cluster(node: Any, at: int) -> Iterator[Act]:
    yield acts.Cluster(at, relation(node.relation) if node.HasField("relation") else None)


def _refresh(node: Any, at: int) -> Iterator[Act]:
    yield acts.Refresh(at, relation(node.relation), node.concurrent, node.skip_data)


def _trigger(node: Any, at: int) -> Iterator[Act]:
    yield acts.CreateTrigger(at, relation(node.relation), str(node.trigname), node.replace)


def _policy(node: Any, at: int) -> Iterator[Act]:
    yield acts.CreatePolicy(at, relation(node.table), str(node.policy_name))


def _enum(node: Any, at: int) -> Iterator[Act]:
    yield acts.CreateEnum(at, dotted(node.type_name), tuple(words(node.vals)))


def _view(node: Any, at: int) -> Iterator[Act]:
    yield acts.CreateView(at, relation(node.view), node.replace)


def _drop_database(node: Any, at: int) -> Iterator[Act]:
    yield acts.Drop(at, "database", Name("", str(node.dbname)), if_exists=node.missing_ok)


def _drop_owned(node: Any, at: int) -> Iterator[Act]:
    yield acts.Drop(at, "owned", Name("", "everything"), cascade=node.behavior == nodes.DROP_CASCADE)


_MADE: dict[str, Callable[[Any, int], Iterator[Act]]] = {
    "drop_stmt": _drop,
    "dropdb_stmt": _drop_database,
    "drop_owned_stmt": _drop_owned,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "index_stmt": _create_index,
    "reindex_stmt": _reindex,
    "refresh_mat_view_stmt": _refresh,
    "vacuum_stmt": _vacuum,
    "cluster_stmt": _cluster,
    "truncate_stmt": _truncate,
    "update_stmt": _modify("update"),
    "delete_stmt": _modify("delete"),
    "merge_stmt": _merge,
    "insert_stmt": _insert,
    "select_stmt": _select,
    "copy_stmt": _copy,
    "variable_set_stmt": _setting,
    "transaction_stmt": _transaction,
    "lock_stmt": _lock,
    "create_trig_stmt": _trigger,
    "create_policy_stmt": _policy,
    "create_enum_stmt": _enum,
    "alter_enum_stmt": _alter_enum,
    "create_domain_stmt": _create_domain,
    "alter_domain_stmt": _alter_domain,
    "create_function_stmt": _create_function,
    "create_table_as_stmt": _create_as,
    "view_stmt": _view,
    "comment_stmt": _comment,
    "do_stmt": _do,
    "grant_stmt": _grant,
}
_OPAQUE = {"call_stmt": "CALL", "execute_stmt": "EXECUTE"}


def other_acts(kind: str, node: Any, at: int) -> Iterator[Act]:
    """The Acts of a statement, by the grammar's name for it."""
    made = _MADE.get(kind)
    if made is not None:
        yield from made(node, at)
    elif kind in _OPAQUE:
        yield acts.Opaque(at, _OPAQUE[kind])
    else:
        yield acts.Other(at, kind.removesuffix("_stmt").replace("_", " "))
