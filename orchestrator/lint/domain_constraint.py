"""A constraint is added to a domain, or a domain is made NOT NULL.

Every table with a column of that type is read, locked against writes.

    ALTER DOMAIN email ADD CHECK (VALUE LIKE '%@%');

Safe: add it NOT VALID, and VALIDATE CONSTRAINT in a later transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AlterDomain
from orchestrator.lint._effects import S
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AlterDomain, seen: Situation) -> Iterator[Remark]:
    if act.name.name not in seen.domains and act.action in ("add constraint", "set not null") and act.valid:
        yield Remark(
            f"reads every table with a column of {act.name} while writes to it wait",
            "ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT in another transaction",
            lock=S,
        )


plugin = Rule(Tier.MAJOR, _judge, (AlterDomain,))
