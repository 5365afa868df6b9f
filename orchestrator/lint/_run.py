"""Lints one script: every rule over every Act, in order, then what the file's author has answered is taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator.core.known import Known
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.sent import Part, Script, Sending, sent
from orchestrator.lint._effects import table_of
from orchestrator.lint._model import Finding, Remark, Rule, ScriptRule, Tier
from orchestrator.lint._situation import Situation
from orchestrator.lint._suppressing import suppressions
from orchestrator.plugins import discover

ROOM = "orchestrator.lint"


@dataclass(frozen=True, slots=True)
class Report:
    """What one file, or many, came to."""

    findings: tuple[Finding, ...] = ()
    files: int = 0
    statements: int = 0
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class _Said:
    rule: str
    tier: Tier
    at: int
    lock: str | None
    remark: Remark


@lru_cache
def _rules() -> tuple[dict[type[Act], tuple[tuple[str, Rule], ...]], tuple[tuple[str, ScriptRule], ...]]:
    by_act: dict[type[Act], tuple[tuple[str, Rule], ...]] = {}
    whole = []
    for word, rule in discover(ROOM).items():
        if isinstance(rule, ScriptRule):
            whole.append((word, rule))
        else:
            for kind in rule.acts:
                by_act[kind] = (*by_act.get(kind, ()), (word, rule))
    return by_act, tuple(whole)


def lint(text: str, file: str = "-", *, known: Known | None = None, sending: Sending = Sending.EACH) -> Report:
    """Judge a text of SQL, sent in that way."""
    return judge(sent(text, Part(sending=sending)), file, known)


def judge(script: Script, file: str, known: Known | None = None) -> Report:
    """Judge what one migration sends."""
    seen = Situation(script, suppressions(script), known)
    said = list(_said(seen))
    kept = [each for each in said if not any(s.covers(each.rule, each.at) for s in seen.suppressions)]
    once = dict.fromkeys(_finding(each, file, script) for each in kept)
    findings = sorted(once, key=lambda f: (f.line, f.column, f.rule))
    return Report(tuple(findings), 1, len(script.statements), len(said) - len(kept))


def _said(seen: Situation) -> Iterator[_Said]:
    by_act, whole = _rules()
    for statement in seen.statements:
        seen.begin(statement)
        for act in statement.acts:
            for word, rule in (*by_act.get(type(act), ()), *by_act.get(Act, ())):
                yield from _of_act(word, rule, act, seen)
            seen.after(act)
    for word, script_rule in whole:
        for remark in script_rule.judge(seen):
            yield _Said(word, remark.tier or script_rule.tier, remark.at or 0, remark.lock, remark)


def _of_act(word: str, rule: Rule, act: Act, seen: Situation) -> Iterator[_Said]:
    table = table_of(act)
    if not rule.fresh and seen.is_fresh(table):
        return
    for remark in rule.judge(act, seen):
        tier = remark.tier or rule.tier
        there, said = seen.table(table), remark
        if rule.sized and there is not None:
            tier = tier.milder if there.small else tier
            size = f"{table} has about {there.rows:,} rows, {_size(there.bytes)}"
            said = replace(remark, message=f"{remark.message} ({size})")
        lock = seen.effect(act).lock if remark.lock is None else remark.lock or None
        yield _Said(word, tier, act.at if remark.at is None else remark.at, lock, said)


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} TB"


def _finding(said: _Said, file: str, script: Script) -> Finding:
    line, column = script.place(said.at)
    remark = said.remark
    return Finding(file, line, column, said.rule, said.tier, said.lock, remark.message, remark.safe_way)
