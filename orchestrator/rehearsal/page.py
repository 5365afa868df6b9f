"""The Report as one HTML page that needs nothing else: tables, and charts drawn as SVG.

Why it exists: a file that opens anywhere and can be kept with the release; no script, no font, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from orchestrator.rehearsal import shown
from orchestrator.rehearsal.model import Report

_STYLE = """
:root{--ink:#1b1f24;--soft:#5b6672;--line:#d7dde3;--ground:#fff;--good:#1a7f45;--bad:#b3261e;--mark:#2f6fb2;--warm:#c77700}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa5b1;--line:#39424c;--ground:#14181c;--good:#5cc98a;
--bad:#ff8a80;--mark:#7db4ec;--warm:#f0b35a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;
vertical-align:top}.wide{overflow-x:auto}.ok{color:var(--good)}.FAILS{color:var(--bad);font-weight:bold}.gone{color:var(--soft)}
.short{white-space:nowrap}.bad{color:var(--bad)}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:11px}
dt{color:var(--soft)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dd{margin:0}code{font-size:12px}
"""
_WIDE, _HIGH, _LEFT = 1000, 160, 60
_SHORT = 12


@dataclass(frozen=True, slots=True)
class _Axis:
    """The time that the charts show, in seconds of the rehearsal; aborts before the run leave no empty half."""

    first: float
    last: float

    def x(self, seconds: float) -> float:
        return round(_LEFT + self.wide(max(seconds - self.first, 0.0)), 1)

    def wide(self, seconds: float) -> float:
        return round(seconds / (self.last - self.first) * (_WIDE - _LEFT - 10), 1)


def page(report: Report) -> str:
    """The whole Report."""
    parts = [
        f"<h1>Rehearsal of {escape(report.change)}</h1><p class={'bad' if report.faults else 'ok'}>{shown.verdict(report)}</p>",
        "<dl>" + "".join(f"<dt>{n}</dt><dd>{escape(v)}</dd>" for n, v in shown.facts(report)) + "</dl>",
        _listed("Against it", report.faults),
        _listed("Ways that were gone", report.endings),
        _against(report),
        _charts(report),
        "<h2>Steps</h2>" + _table(shown.STEP_HEADS, map(shown.step_row, report.steps)),
        "<h2>Statements of both shapes in every phase</h2>" + _table(*shown.coexistence(report)),
        _listed("What breaks at contract", [each.text for each in report.breaks_at_contract]),
        _listed("What the copy lacks", report.lacks),
        _listed("Statements that do not work on the copy even before", report.untried),
    ]
    head = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    return f"{head}<title>Rehearsal of {escape(report.change)}</title><style>{_STYLE}</style>{''.join(parts)}</html>\n"


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"<h2>{title}</h2><ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _against(report: Report) -> str:
    rows = shown.against(report)
    return "<h2>The same in one step</h2>" + _table(shown.AGAINST_HEADS, rows) if rows else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<div class=wide><table><tr>{top}</tr>{body}</table></div>"


def _cell(text: str) -> str:
    kind = text if text in ("ok", "FAILS", "gone") else "short" if len(text) <= _SHORT else "long"
    return f"<td class={kind}>{escape(text)}</td>"


def _charts(report: Report) -> str:
    if not report.latencies:
        return ""
    ends = (step.began + step.seconds for step in report.steps)
    first = report.latencies[0][0]
    axis = _Axis(first, max(report.latencies[-1][0], *ends, first + 1.0))
    return (
        f"<h2>Strong locks over time</h2>{_lanes(report, axis)}"
        f"<h2>Worst client latency over time, ms</h2>{_line(report.latencies, axis, 'ms')}"
        + (f"<h2>Backfill, rows per second</h2>{_line(report.rates, axis, 'rows/s')}" if report.rates else "")
    )


def _line(points: Sequence[tuple[float, float]], axis: _Axis, unit: str) -> str:
    most = max((value for _, value in points), default=0) or 1
    path = " ".join(f"{axis.x(at)},{_HIGH - 20 - value / most * (_HIGH - 40):.1f}" for at, value in points)
    drawn = f"<polyline points='{path}' fill=none stroke='var(--mark)' stroke-width=1.5 />"
    return _framed(f"{drawn}<text x=2 y=24>{most:,.0f} {unit}</text><text x=2 y={_HIGH - 20}>0</text>", axis, _HIGH)


def _lanes(report: Report, axis: _Axis) -> str:
    """One lane per step; its strong locks as a bar as long as they were held, and a mark where that is too short to see."""
    rows = []
    for at, step in enumerate(step for step in report.steps if step.began >= axis.first):
        y, held = 14 + at * 18, step.strong_hold_ms / 1000
        left, span = axis.x(step.began), max(axis.wide(step.seconds), 1)
        rows.append(f"<rect x={left} y={y - 8} width={span} height=10 fill='var(--line)' />")
        if held:
            rows.append(f"<rect x={left} y={y - 8} width={max(axis.wide(held), 3)} height=10 fill='var(--warm)' />")
        said = f"{step.phase} {step.ordinal}" + (f": {held * 1000:.0f} ms" if held else "")
        anchor, x = ("end", left - 4) if left > _WIDE * 0.7 else ("start", left + span + 4)
        rows.append(f"<text x={x} y={y} text-anchor={anchor}>{escape(said)}</text>")
    return _framed("".join(rows), axis, 30 + len(report.steps) * 18)


def _framed(drawn: str, axis: _Axis, high: int) -> str:
    """A chart over its axis, which counts from where the charts begin."""
    line = f"<line x1={_LEFT} x2={_WIDE} y1={high - 18} y2={high - 18} stroke='var(--line)' />"
    parts = ((axis.last - axis.first) * part / 5 for part in range(5))
    ticks = "".join(f"<text x={axis.x(axis.first + s)} y={high - 4}>{s:.1f} s</text>" for s in parts)
    return f"<svg viewBox='0 0 {_WIDE} {high}' role=img>{line}{ticks}{drawn}</svg>"
