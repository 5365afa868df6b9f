"""Part of a migration cannot be read without running it, so it is not judged.

A migration in a programming language can compute what it sends. What stands there as a constant is read; the rest may be
harmless, and nobody has looked. Where only a name is computed, the statement is judged with a name that is made up, and this is
minor.

    op.execute(build_statement(table))

Safe: write the statement out, or lint what the tool really sends (for Alembic `alembic upgrade FROM:TO --sql`). Where neither
can be, rehearse it on a copy, and suppress this with what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Unread
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Unread, seen: Situation) -> Iterator[Remark]:
    said = "judged with a name that was made up" if act.partly else "not judged"
    way = "write the statement out, or lint what the tool really sends"
    yield Remark(f"{said}: {act.what}", way, Tier.MINOR if act.partly else None, lock="")


plugin = Rule(Tier.MAJOR, _judge, (Unread,), fresh=True)
