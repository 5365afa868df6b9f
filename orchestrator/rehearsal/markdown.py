"""The Report as Markdown, for a pull request.

Why it exists: whoever reviews a change sees what it does to production beside the change itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestrator.rehearsal import shown
from orchestrator.rehearsal.model import Report


def markdown(report: Report) -> str:
    """The whole Report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## Rehearsal of `{report.change}`: {shown.verdict(report)}"
    yield ""
    yield from (f"- {name}: {value}" for name, value in shown.facts(report))
    yield from (f"- {ending}" for ending in report.endings)
    yield from _listed("Against it", report.faults)
    if rows := shown.against(report):
        yield from ("", "### The same in one step", "")
        yield from _table(shown.AGAINST_HEADS, rows)
    yield from ("", "### Steps", "")
    yield from _table(shown.STEP_HEADS, map(shown.step_row, report.steps))
    yield from ("", "### Statements of both shapes in every phase", "")
    yield from _table(*shown.coexistence(report))
    yield from _listed("What breaks at contract", [each.text for each in report.breaks_at_contract])
    yield from _listed("What the copy lacks", report.lacks)
    yield from _listed("Statements that do not work on the copy even before", report.untried)


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"### {title}", "", *(f"- {_escaped(line)}" for line in lines))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield "| " + " | ".join(map(_escaped, row)) + " |"


def _escaped(text: str) -> str:
    flat = " ".join(text.split())
    for mark in "\\|<>*_`[]":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
