"""BEGIN without COMMIT, or COMMIT without BEGIN.

Without COMMIT everything is undone, or locked for as long as the connection lives. In a tool that has opened a transaction
itself, COMMIT ends the tool's, and what follows it is not undone when it fails.

Safe: leave transactions to the tool, or write both ends.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import Transaction
from orchestrator.dialects.postgres.script.sent import Sending
from orchestrator.lint._model import Remark, ScriptRule, Tier
from orchestrator.lint._situation import Situation


def _judge(seen: Situation) -> Iterator[Remark]:
    opened: Transaction | None = None
    for act in seen.before:
        if not isinstance(act, Transaction):
            continue
        wrapped = seen.script.part(act.at).sending is Sending.TRANSACTION
        if act.kind == "begin":
            if opened is not None or wrapped:
                yield Remark(
                    "a transaction is open already; this BEGIN does nothing", "leave it out", Tier.MINOR, act.at
                )
            opened = act
        elif act.kind in ("commit", "rollback"):
            if wrapped and act is not seen.before[-1]:
                yield Remark(
                    "ends the tool's own transaction; what follows is not undone on failure", "leave it out", at=act.at
                )
            elif opened is None and not wrapped:
                yield Remark("no transaction is open here", "leave it out", Tier.MINOR, act.at)
            opened = None
    if opened is not None:
        yield Remark("BEGIN without COMMIT: it is undone, or keeps its locks", "COMMIT at the end", at=opened.at)


plugin = ScriptRule(Tier.MAJOR, _judge)
