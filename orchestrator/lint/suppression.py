"""An `orch:ignore` that says too little, or names no rule there is.

Without a reason it suppresses nothing: whoever reads it in a year must know why.

    -- orch:ignore drop_column: nothing has read it since release 41
    -- orch:ignore-file create_index: the table is empty until the launch

Safe: name the rule, a colon, and why.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from orchestrator.lint._model import Remark, ScriptRule, Tier
from orchestrator.lint._situation import Situation
from orchestrator.plugins import discover


def _judge(seen: Situation) -> Iterator[Remark]:
    known = discover("orchestrator.lint")
    for each in seen.suppressions:
        strange = [word for word in each.rules if word not in known]
        if not each.rules:
            yield Remark("orch:ignore names no rule", "-- orch:ignore RULE: reason", at=each.at)
        elif strange:
            near = difflib.get_close_matches(strange[0], known, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield Remark(f"there is no rule {strange[0]}{meant}", "the rules are in docs/rules", at=each.at)
        if not each.reason:
            yield Remark("orch:ignore without a reason suppresses nothing", "-- orch:ignore RULE: reason", at=each.at)


plugin = ScriptRule(Tier.MAJOR, _judge)
