"""Remarks that a person has answered in the file itself: ``-- orch:ignore RULE: reason``.

Why it exists: a gate that cannot be answered is switched off. The answer stands beside the statement, is reviewed with it, and
says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.dialects.postgres.script.sent import Script
from orchestrator.dialects.postgres.script.splitting import comments

_MARK = re.compile(r"orch:ignore(?P<file>-file)?\b[ \t]*(?P<rules>[\w \t,-]*)(?P<colon>:?)(?P<reason>[^\n]*)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """``start`` and ``end`` are the characters of the script that it covers."""

    at: int
    rules: tuple[str, ...]
    reason: str
    start: int
    end: int

    def covers(self, rule: str, at: int) -> bool:
        """Whether a remark of the rule at that place is answered. Without a reason nothing is."""
        return bool(self.reason) and rule in self.rules and self.start <= at <= self.end


def suppressions(script: Script) -> tuple[Suppression, ...]:
    """All of a script's."""
    text = script.text
    if "orch:ignore" not in text:
        return ()
    found = []
    for start, end in comments(text):
        for mark in _MARK.finditer(text, start, end):
            words = tuple(word for word in re.split(r"[\s,]+", mark["rules"]) if word)
            reason = mark["reason"].removesuffix("*/").strip() if mark["colon"] else ""
            span = (0, len(text)) if mark["file"] else _span(script, start)
            found.append(Suppression(mark.start(), words, reason, *span))
    return tuple(found)


def _span(script: Script, at: int) -> tuple[int, int]:
    """The statement that a comment stands in, behind on the same line, or above; outside of calls, the whole call."""
    outside = script.spans and not any(each.start <= at < each.end for each in script.spans)
    for each in script.spans if outside else script.statements:
        if each.end >= at or "\n" not in script.text[each.end : at]:
            return each.start, each.end
    return at, at
