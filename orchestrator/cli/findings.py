"""Findings of the linter for people, programs, code hosts and GitHub's log.

Why it exists: the same findings are read in a terminal, by a pipeline, beside the lines of a pull request.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from orchestrator.cli.text import clean, paint, wrapped
from orchestrator.lint._model import Finding, Tier
from orchestrator.lint._run import ROOM, Report
from orchestrator.plugins import discover

_STYLES = {Tier.CRITICAL: "red", Tier.MAJOR: "yellow", Tier.MINOR: "dim"}
_LEVELS = {Tier.CRITICAL: "error", Tier.MAJOR: "warning", Tier.MINOR: "note"}
_GITHUB = {Tier.CRITICAL: "error", Tier.MAJOR: "warning", Tier.MINOR: "notice"}


def text(report: Report) -> list[str]:
    """For people: place, tier with its action, what it does, the safe way."""
    lines = []
    for each in report.findings:
        place = f"{each.file}:{each.line}:{each.column}"
        tier = paint(f"{each.tier} ({each.tier.action})", _STYLES[each.tier])
        lines.append(f"{clean(place)}: {tier} {each.rule}{f' [{each.lock}]' if each.lock else ''}")
        lines += wrapped(each.message, 4)
        lines += wrapped(each.safe_way, 10, "    safe: ")
    return [*lines, _summary(report)]


def _summary(report: Report) -> str:
    counts = Counter(each.tier for each in report.findings)
    said = ", ".join(f"{counts[tier]} {tier}" for tier in Tier if counts[tier]) or "nothing found"
    suppressed = f"; {report.suppressed} suppressed with a reason" if report.suppressed else ""
    files = "1 file" if report.files == 1 else f"{report.files} files"
    return f"{said} in {report.statements} statements of {files}{suppressed}"


def as_json(report: Report) -> dict[str, Any]:
    """For programs."""
    return {
        "findings": [_plain(each) for each in report.findings],
        "files": report.files,
        "statements": report.statements,
        "suppressed": report.suppressed,
    }


def _plain(each: Finding) -> dict[str, Any]:
    return {
        "file": each.file,
        "line": each.line,
        "column": each.column,
        "rule": each.rule,
        "tier": each.tier.value,
        "lock": each.lock,
        "message": each.message,
        "safe_way": each.safe_way,
    }


def github(report: Report) -> list[str]:
    """Workflow commands, which GitHub shows beside the lines."""
    return [
        f"::{_GITHUB[each.tier]} file={_escaped(each.file, True)},line={each.line},col={each.column},"
        f"title={_escaped(f'{each.rule} ({each.tier}: {each.tier.action})', True)}::"
        f"{_escaped(f'{each.message}. Safe: {each.safe_way}', False)}"
        for each in report.findings
    ]


def _escaped(value: str, is_property: bool) -> str:
    escaped = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if is_property else escaped


def sarif(report: Report) -> dict[str, Any]:
    """SARIF 2.1.0, which code hosts read."""
    rules = sorted({each.rule for each in report.findings})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "orch", "rules": [_sarif_rule(word) for word in rules]}},
                "results": [_sarif_result(each, rules) for each in report.findings],
            }
        ],
    }


def _sarif_rule(word: str) -> dict[str, Any]:
    discover(ROOM)[word]
    page = sys.modules[f"{ROOM}.{word}"].__doc__ or word
    return {"id": word, "shortDescription": {"text": page.splitlines()[0]}, "fullDescription": {"text": page.strip()}}


def _sarif_result(each: Finding, rules: list[str]) -> dict[str, Any]:
    region = {"startLine": each.line, "startColumn": each.column}
    place = {"artifactLocation": {"uri": each.file}, "region": region}
    return {
        "ruleId": each.rule,
        "ruleIndex": rules.index(each.rule),
        "level": _LEVELS[each.tier],
        "message": {"text": f"{each.message}. Safe: {each.safe_way}"},
        "locations": [{"physicalLocation": place}],
        "properties": {"tier": each.tier.value, "lock": each.lock},
    }
