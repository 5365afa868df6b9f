"""A type that is almost never the one that is meant: json, char(n), timestamp without time zone, money, timetz.

json has no equality, so DISTINCT and change detection fail on it; char(n) pads with blanks; timestamp names no moment; money
changes with a setting of the server.

    CREATE TABLE events (id bigint, at timestamp, body json, code char(8));

Safe: jsonb, text or varchar, timestamptz, numeric.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AddColumn, CreateTable, Retype
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: CreateTable | AddColumn | Retype, seen: Situation) -> Iterator[Remark]:
    if isinstance(act, Retype):
        pairs = [(act.column, act.type, act.at)]
    else:
        columns = act.columns if isinstance(act, CreateTable) else (act.column,)
        pairs = [(each.name, each.type, each.at) for each in columns]
    for name, kind, at in pairs:
        if kind.name in _BETTER and not kind.schema:
            because, better = _BETTER[kind.name]
            yield Remark(f"{name}: {because}", better, at=at, lock="")


_BETTER = {
    "json": ("json has no equality; DISTINCT, GROUP BY and comparisons fail on it", "jsonb"),
    "bpchar": ("char(n) pads with blanks, which counts in length and comparison", "text or varchar(n)"),
    "timestamp": ("timestamp without time zone names no moment", "timestamptz"),
    "timetz": ("timetz knows an offset but no date to apply it to", "timestamptz, or time"),
    "money": ("money depends on the server's lc_monetary", "numeric with a currency beside it"),
}


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        CreateTable,
        AddColumn,
        Retype,
    ),
    fresh=True,
)
