"""A trigger or rule is switched off or on.

What it guaranteed is not guaranteed meanwhile; ALL switches off foreign keys, too, for everybody and not for this session only.

    ALTER TABLE orders DISABLE TRIGGER ALL;

Safe: let the trigger itself look at a setting of the session.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AlterTable
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AlterTable, seen: Situation) -> Iterator[Remark]:
    if act.action.startswith(
        ("disable trigger", "disable rule", "enable trigger", "enable rule", "enable always", "enable replica")
    ):
        keys = " (foreign keys, too)" if act.action == "disable trigger all" else ""
        yield Remark(
            f"{act.action.upper()}{keys}: it holds for every session, and writes wait for it",
            "let the trigger's WHEN look at a setting that only your session has",
            Tier.MAJOR if keys else None,
        )


plugin = Rule(Tier.MINOR, _judge, (AlterTable,))
