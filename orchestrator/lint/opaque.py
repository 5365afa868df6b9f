"""Something that cannot be judged from outside: DO, CALL, EXECUTE.

What it does depends on code and data that a linter does not see. It may be harmless; nobody has looked.

    DO $$ BEGIN EXECUTE 'ALTER TABLE ' || quote_ident(t) || …; END $$;

Safe: write the statements out. Where that cannot be, rehearse it on a copy, and suppress this with what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Opaque
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: Opaque, seen: Situation) -> Iterator[Remark]:
    yield Remark(
        f"{act.kind} is not judged: what it does is not written here",
        "write the statements out, or rehearse it and say so",
        lock="",
    )


plugin = Rule(Tier.MAJOR, _judge, (Opaque,))
