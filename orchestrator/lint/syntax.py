"""A statement that PostgreSQL's grammar does not understand.

It is not judged; all others of the file are. Other dialects, templates that have not been filled in, and cut-off files look like
this.

Safe: repair it, or lint what the tool really sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.lint._model import Remark, ScriptRule, Tier
from orchestrator.lint._situation import Situation


def _judge(seen: Situation) -> Iterator[Remark]:
    for each in seen.statements:
        if each.error:
            yield Remark(
                f"not judged: {each.error}{_hint(each.text)}",
                "repair it, or lint what the tool really sends",
                at=each.error_at,
            )


def _hint(text: str) -> str:
    for pattern, dialect in _DIALECTS:
        if pattern.search(text):
            return f" (this looks like {dialect})"
    return ""


_DIALECTS = (
    (re.compile(r"`|\bauto_increment\b|\bengine\s*=|^\s*delimiter\b", re.IGNORECASE), "MySQL"),
    (re.compile(r"\[\w+\]\.\[|\bnvarchar\b|\bidentity\s*\(\d|^\s*go\s*$", re.IGNORECASE | re.MULTILINE), "SQL Server"),
    (re.compile(r"\bvarchar2\b|\bnumber\s*\(\d|^\s*/\s*$", re.IGNORECASE | re.MULTILINE), "Oracle"),
    (re.compile(r"\bautoincrement\b|^\s*pragma\b", re.IGNORECASE), "SQLite"),
    (re.compile(r"\{\{|\{%"), "a template that is not filled in"),
)


plugin = ScriptRule(Tier.MAJOR, _judge)
