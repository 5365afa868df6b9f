"""CREATE TABLE and ALTER TABLE as Acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from postgast import pg_query_pb2 as nodes

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.expressions import (
    SERIAL,
    expression,
    key,
    proven,
    relation,
    type_of,
    words,
)
from orchestrator.dialects.postgres.script.parts import Column, Constraint, Key, Name

_KINDS = {
    nodes.CONSTR_CHECK: "check",
    nodes.CONSTR_FOREIGN: "foreign key",
    nodes.CONSTR_UNIQUE: "unique",
    nodes.CONSTR_PRIMARY: "primary key",
    nodes.CONSTR_EXCLUSION: "exclude",
    nodes.CONSTR_NOTNULL: "not null",
}

_ACTIONS = {
    nodes.AT_SetLogged: "set logged",
    nodes.AT_SetUnLogged: "set unlogged",
    nodes.AT_SetAccessMethod: "set access method",
    nodes.AT_SetTableSpace: "set tablespace",
    nodes.AT_ClusterOn: "cluster on",
    nodes.AT_DropCluster: "set without cluster",
    nodes.AT_EnableTrig: "enable trigger",
    nodes.AT_EnableAlwaysTrig: "enable always trigger",
    nodes.AT_EnableReplicaTrig: "enable replica trigger",
    nodes.AT_DisableTrig: "disable trigger",
    nodes.AT_EnableTrigAll: "enable trigger all",
    nodes.AT_DisableTrigAll: "disable trigger all",
    nodes.AT_EnableTrigUser: "enable trigger user",
    nodes.AT_DisableTrigUser: "disable trigger user",
    nodes.AT_EnableRule: "enable rule",
    nodes.AT_EnableAlwaysRule: "enable always rule",
    nodes.AT_EnableReplicaRule: "enable replica rule",
    nodes.AT_DisableRule: "disable rule",
    nodes.AT_EnableRowSecurity: "enable row level security",
    nodes.AT_DisableRowSecurity: "disable row level security",
    nodes.AT_ForceRowSecurity: "force row level security",
    nodes.AT_NoForceRowSecurity: "no force row level security",
    nodes.AT_SetExpression: "set expression",
    nodes.AT_DropExpression: "drop expression",
    nodes.AT_SetStatistics: "set statistics",
    nodes.AT_SetOptions: "set column options",
    nodes.AT_ResetOptions: "reset column options",
    nodes.AT_SetRelOptions: "set options",
    nodes.AT_ResetRelOptions: "reset options",
    nodes.AT_SetStorage: "set storage",
    nodes.AT_SetCompression: "set compression",
    nodes.AT_AlterConstraint: "alter constraint",
    nodes.AT_ChangeOwner: "owner to",
    nodes.AT_AddInherit: "inherit",
    nodes.AT_DropInherit: "no inherit",
    nodes.AT_ReplicaIdentity: "replica identity",
    nodes.AT_AddIdentity: "add identity",
    nodes.AT_SetIdentity: "set identity",
    nodes.AT_DropIdentity: "drop identity",
    nodes.AT_DetachPartitionFinalize: "detach partition finalize",
}


_FOLLOWS = {"r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}

Spot = Callable[[int], int]
"""A byte of the parsed text → a character of the script."""


def constraint(node: Any, at: int, column: str = "") -> Constraint:
    """A constraint, of a table or of ``column``."""
    kind = _KINDS[node.contype]
    keys = words(node.fk_attrs if kind == "foreign key" else node.keys) or ([column] if column else [])
    checked = kind == "check" and node.HasField("raw_expr")
    return Constraint(
        kind,
        str(node.conname),
        at,
        tuple(keys),
        expression(node.raw_expr) if checked else None,
        relation(node.pktable) if kind == "foreign key" else None,
        str(node.indexname),
        not node.skip_validation,
        proven(node.raw_expr) if checked else tuple(keys) if kind in ("not null", "primary key") else (),
        tuple(words(node.pk_attrs)),
        _FOLLOWS.get(str(node.fk_del_action), "no action"),
        _FOLLOWS.get(str(node.fk_upd_action), "no action"),
        tuple(words(node.including)),
        tuple(_excluded(each.list.items) for each in node.exclusions),
        expression(node.where_clause) if node.HasField("where_clause") else None,
        str(node.access_method),
    )


def _excluded(items: Any) -> Key:
    element, operator = items
    return key(element.index_elem, operator.list.items)


def column(node: Any, spot: Spot) -> Column:
    """A column being made, with what stands beside its type."""
    made: dict[str, Any] = {}
    constraints = []
    for each in node.constraints:
        part = each.constraint
        if part.contype == nodes.CONSTR_DEFAULT:
            made["default"] = expression(part.raw_expr)
        elif part.contype == nodes.CONSTR_GENERATED:
            made["generated"] = "stored" if part.generated_kind == "s" else "virtual"
            made["computed"] = expression(part.raw_expr)
        elif part.contype == nodes.CONSTR_IDENTITY:
            made["identity"] = "always" if part.generated_when == "a" else "by default"
        elif part.contype == nodes.CONSTR_NOTNULL:
            made["not_null"] = True
        elif part.contype in _KINDS:
            constraints.append(constraint(part, spot(part.location), str(node.colname)))
    kind = type_of(node.type_name)
    serial = kind.name in SERIAL and not kind.schema
    return Column(str(node.colname), kind, spot(node.location), serial=serial, constraints=tuple(constraints), **made)


def create_table(node: Any, at: int, spot: Spot) -> Iterator[Act]:
    """CREATE TABLE."""
    parts = [each for each in node.table_elts if each.HasField("column_def")]
    own = [each.constraint for each in (*node.table_elts, *node.constraints) if each.HasField("constraint")]
    yield acts.CreateTable(
        at,
        relation(node.relation),
        tuple(column(each.column_def, spot) for each in parts),
        tuple(constraint(each, spot(each.location)) for each in own if each.contype in _KINDS),
        node.relation.relpersistence == "t",
        node.if_not_exists,
        relation(node.inh_relations[0].range_var) if node.HasField("partbound") and node.inh_relations else None,
        node.HasField("partspec"),
        node.partbound.is_default,
    )


def alter_table(node: Any, places: list[int], spot: Spot) -> Iterator[Act]:
    """ALTER TABLE; ``places`` is where each command stands."""
    table = relation(node.relation)
    for each, at in zip(node.cmds, places, strict=True):
        command = each.alter_table_cmd
        made = _COMMANDS.get(command.subtype)
        if command.subtype == nodes.AT_AddColumn:
            added = column(getattr(command, "def").column_def, spot)
            yield acts.AddColumn(at, table, added, command.missing_ok)
        elif made is not None:
            yield made(command, table, at)
        else:
            action = _ACTIONS.get(command.subtype) or nodes.AlterTableType.Name(command.subtype)
            yield acts.AlterTable(at, table, action, str(command.name))


def _retype(command: Any, table: Name, at: int) -> Act:
    definition = getattr(command, "def").column_def
    using = expression(definition.raw_default) if definition.HasField("raw_default") else None
    return acts.Retype(at, table, str(command.name), type_of(definition.type_name), using)


def _set_default(command: Any, table: Name, at: int) -> Act:
    definition = getattr(command, "def")
    if definition.WhichOneof("node") is None:
        return acts.DropDefault(at, table, str(command.name))
    return acts.SetDefault(at, table, str(command.name), expression(definition))


def _attach(command: Any, table: Name, at: int) -> Act:
    partition = getattr(command, "def").partition_cmd
    return acts.AttachPartition(at, table, relation(partition.name), partition.bound.is_default)


def _detach(command: Any, table: Name, at: int) -> Act:
    partition = getattr(command, "def").partition_cmd
    return acts.DetachPartition(at, table, relation(partition.name), partition.concurrent)


def _cascades(command: Any) -> bool:
    return bool(command.behavior == nodes.DROP_CASCADE)


_COMMANDS: dict[int, Callable[[Any, Name, int], Act]] = {
    nodes.AT_DropColumn: lambda c, t, at: acts.DropColumn(at, t, str(c.name), _cascades(c), c.missing_ok),
    nodes.AT_AlterColumnType: _retype,
    nodes.AT_SetNotNull: lambda c, t, at: acts.SetNotNull(at, t, str(c.name)),
    nodes.AT_DropNotNull: lambda c, t, at: acts.DropNotNull(at, t, str(c.name)),
    nodes.AT_ColumnDefault: _set_default,
    nodes.AT_AddConstraint: lambda c, t, at: acts.AddConstraint(at, t, constraint(getattr(c, "def").constraint, at)),
    nodes.AT_ValidateConstraint: lambda c, t, at: acts.ValidateConstraint(at, t, str(c.name)),
    nodes.AT_DropConstraint: lambda c, t, at: acts.DropConstraint(at, t, str(c.name), _cascades(c), c.missing_ok),
    nodes.AT_AttachPartition: _attach,
    nodes.AT_DetachPartition: _detach,
}
