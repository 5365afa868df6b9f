"""Row level security is switched on or off, a policy or a privilege goes.

From that moment on a role that no policy names sees no row and may write none; a privilege that is revoked fails every
statement that needs it.

    ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    REVOKE SELECT ON orders FROM app;

Safe: policies and grants for every role first, tried as that role; then the switch.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AlterTable, Drop, Revoke
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AlterTable | Revoke | Drop, seen: Situation) -> Iterator[Remark]:
    if isinstance(act, Revoke):
        if any(not seen.is_fresh(name) for name in act.names) or not act.names:
            names = ", ".join(str(name) for name in act.names) or f"a {act.kind}"
            yield Remark(
                f"statements that need the privilege on {names} fail at once",
                "revoke it when nobody has used it for long",
            )
    elif isinstance(act, Drop):
        if act.kind == "policy":
            said = f"drops the policy {act.name} of {act.table}: rows it showed are hidden, rows it hid may be shown"
            yield Remark(said, "make its successor first, in the same transaction")
    elif act.action.endswith("row level security"):
        yield Remark(
            f"{act.action.upper()} on {act.table}: roles without a policy see no rows, or everybody sees all",
            "policies for every role first, tried as that role",
        )


plugin = Rule(
    Tier.CRITICAL,
    _judge,
    (
        AlterTable,
        Revoke,
        Drop,
    ),
)
