"""Synthetic Catalogs: planning is pure, so no server is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.core.asked import ExpressionFacts, Question
from orchestrator.core.catalog import Catalog, Column, Constraint, Index, Table, TableName
from orchestrator.core.compose import compose
from orchestrator.core.plan import Plan, Settings
from orchestrator.plugins import discover

ORDERS = Table(
    name=TableName("public", "orders"),
    kind="r",
    columns=(
        Column("id", "bigint", not_null=True),
        Column("email", "text", not_null=True),
        Column("status", "text", not_null=True, default="'new'::text"),
        Column("quantity", "integer"),
        Column("note", "text"),
    ),
    indexes=(
        Index(
            "orders_pkey",
            "CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (id)",
            ("id",),
            True,
            True,
            True,
        ),
    ),
    constraints=(Constraint("orders_pkey", "p", ("id",), "PRIMARY KEY (id)", True),),
)
SETTINGS = Settings("change", park=604800.0)


def operation(word: str, **keys: Any) -> Any:
    """An operation as a change file would give it."""
    return discover("orchestrator.operations")[word].model_validate({"table": "orders", **keys})


def catalog(*operations: Any, facts: dict[str, ExpressionFacts] | None = None, **table: Any) -> Catalog:
    """A Catalog of one table, in which every question has an answer: the text's own columns, immutable."""
    orders = replace(ORDERS, **table)
    questions = {question for each in operations for question in each.questions()}
    types = {type_ for each in operations for type_ in each.types()}
    return Catalog(
        server_version=150000,
        tables=(("orders", orders),),
        facts=tuple(
            (question, (facts or {}).get(question.sql or "", _plain(question, orders))) for question in questions
        ),
        types=tuple((type_, type_) for type_ in types),
    )


def _plain(question: Question, table: Table) -> ExpressionFacts:
    """What the server would say of an expression that is one column, or else a constant."""
    text = question.sql if question.sql is not None else question.column or ""
    known = {column.name for column in table.columns} | {name for name, _ in question.extra}
    return ExpressionFacts((text,) if text in known else ())


def planned(*operations: Any, settings: Settings = SETTINGS, **given: Any) -> Plan:
    """The Plan of some operations against ``catalog``."""
    return compose(operations, catalog(*operations, **given), settings, target="shop")
