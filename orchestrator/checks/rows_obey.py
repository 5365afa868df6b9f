"""Does every row obey the constraints that contract is to add?

The rows that break one are named by key before contract, which would otherwise be refused by the first of them. The same is
asked before a constraint that was lifted is put back by abort or undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier

from orchestrator.checks import _sql
from orchestrator.checks._judge import compared
from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import (
    AddPartitionedForeignKey,
    CreatePartitionedIndex,
    DropPartitionedForeignKey,
    DropPartitionedIndex,
)
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Examiner, Seen
from orchestrator.core.step import AddConstraint, AddExclusion, CreateIndex, DropConstraint, DropIndex, RelaxNotNull
from orchestrator.core.sync import Rule
from state.model import Finding, GateName

_ADDING = (AddConstraint, AddExclusion, CreateIndex, CreatePartitionedIndex, AddPartitionedForeignKey)
_LIFTING = (RelaxNotNull, DropConstraint, DropIndex, DropPartitionedIndex, DropPartitionedForeignKey)


class RowsObey:
    """Counts the rows that break each constraint that contract adds."""

    name = "rows_obey"
    gates = frozenset({GateName.CONTRACT})

    def findings(self, plan: Plan, gate: GateName, reader: Examiner) -> Iterator[Finding]:
        """One Finding per constraint."""
        for planned in plan.of("contract"):
            step = planned.step
            if isinstance(step, _ADDING) and step.rule is not None:
                yield _judge(reader, step.table, step.name, step.rule)


def lifted(plan: Plan, phases: Sequence[str], reader: Examiner) -> Iterator[Finding]:
    """One Finding per constraint that some phases lifted, and that comes back when they are undone."""
    for planned in plan.of(*phases):
        step = planned.step
        if not isinstance(step, _LIFTING) or step.rule is None:
            continue
        if reader.observe(step, "").seen is not Seen.ABSENT:
            name = f"{step.column} is not null" if isinstance(step, RelaxNotNull) else step.name
            yield _judge(reader, step.table, name, step.rule)


def _judge(reader: Examiner, where: TableName, name: str, rule: Rule) -> Finding:
    asked = _sql.comparison(
        f"rows_obey:{where}.{name}",
        where,
        rule.key,
        _broken(where, rule),
        home=True,
        whole=rule.asks in ("unique", "exclusion"),
    )
    return compared(reader, asked, f"rows of {where} break {name}")


def _broken(where: TableName, rule: Rule) -> Composable:
    """The condition under which a row breaks the rule."""
    if rule.asks == "check":
        return SQL("NOT {}").format(_condition(rule))
    if rule.asks == "not_null":
        return SQL(" OR ").join(SQL("{} IS NULL").format(Identifier(column)) for column in rule.columns)
    if rule.asks == "exclusion":
        return _together(where, rule)
    return _twice(where, rule) if rule.asks == "unique" else _without_parent(where, rule)


def _condition(rule: Rule) -> Composed:
    return Composed([SQL("(\n"), SQL(rule.condition or "true"), SQL("\n)")])


def _twice(where: TableName, rule: Rule) -> Composed:
    return SQL(
        "{met} AND ({columns}) IN (SELECT {columns} FROM {t} WHERE {met} GROUP BY {columns} HAVING count(*) > 1)"
    ).format(met=_condition(rule), columns=SQL(", ").join(map(Identifier, rule.columns)), t=_sql.table(where))


def _together(where: TableName, rule: Rule) -> Composed:
    """Rows are told apart by their place, which no update moves within one statement's snapshot."""
    values = [
        SQL("(\n{}\n) AS {}").format(SQL(text), Identifier(f"e{at}")) for at, (text, _) in enumerate(rule.elements)
    ]
    rows = SQL("(SELECT ctid AS place, {values} FROM {t} WHERE {met})").format(
        values=SQL(", ").join(values), t=_sql.table(where), met=_condition(rule)
    )
    pairs = [SQL(f"a.e{at} {{}} b.e{at}").format(SQL(operator)) for at, (_, operator) in enumerate(rule.elements)]
    return SQL(
        "ctid IN (SELECT a.place FROM {rows} a WHERE EXISTS (SELECT FROM {rows} b WHERE a.place <> b.place AND {pairs}))"
    ).format(rows=rows, pairs=SQL(" AND ").join(pairs))


def _without_parent(where: TableName, rule: Rule) -> Composed:
    """MATCH SIMPLE: a row with a NULL in it refers to nothing."""
    assert rule.references is not None  # noqa: S101 - given with this kind of rule
    ours = [Identifier(where.schema, where.name, column) for column in rule.columns]
    pairs = zip(ours, rule.to, strict=True)
    return SQL("{given} AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {same})").format(
        given=SQL(" AND ").join(SQL("{} IS NOT NULL").format(column) for column in ours),
        parent=_sql.table(rule.references),
        same=SQL(" AND ").join(SQL("parent.{} = {}").format(Identifier(to), column) for column, to in pairs),
    )


plugin = RowsObey()
