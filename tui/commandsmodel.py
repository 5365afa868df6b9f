"""The commands as lines: what runs on the targets now, and what was sent last, newest first.

Why it exists: "what did it just do?" is asked when something stands still, and must be answered with the statements themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.config import redact
from orchestrator.core.view import CommandView, RunningView
from tui.detailmodel import counted
from tui.line import Line, Role, line, paragraph
from tui.numbers import age_text

_OUTCOMES = {
    "started": ("▶", Role.MOVE),
    "done": ("✔", Role.GOOD),
    "failed": ("✖", Role.BAD),
    "undone": ("■", Role.WARN),
    "lost": ("✖", Role.BAD),
    "found": ("✔", Role.GOOD),
}


def command_lines(
    sent: Sequence[CommandView], running: Sequence[RunningView] | None, trouble: str, width: int
) -> list[Line]:
    """The whole page. ``running`` is None until it is known; ``trouble`` says why it is not."""
    lines = _running(running, trouble, width)
    title = f" SENT TO THE TARGETS, newest first: {counted(len(sent), 'line')} of all workers"
    lines.append(line(width, (title, Role.TITLE)))
    for each in reversed(sent):
        lines += _sent(each, width)
    return lines if sent else [*lines, line(width, ("   nothing yet", Role.MUTED))]


def _running(running: Sequence[RunningView] | None, trouble: str, width: int) -> list[Line]:
    lines = [line(width, (" SESSIONS NOW, as the targets see them, each with its last statement", Role.TITLE))]
    if trouble:
        return [*lines, *paragraph(width, trouble, Role.BAD, lead=("   ", Role.PLAIN))]
    if not running:
        words = "asking the targets" if running is None else "no session of ours"
        return [*lines, line(width, (f"   {words}", Role.MUTED))]
    for each in running:
        waits = f"  waits for {each.waits}" if each.waits else ""
        head = f" ▶ pid {each.pid}  {each.change} step {each.ordinal}  {each.state} {age_text(each.seconds)}"
        lines.append(line(width, (head, Role.MOVE), (waits, Role.WARN)))
        lines += _statement(each.sql, width)
    return lines


def _sent(each: CommandView, width: int) -> list[Line]:
    mark, role = _OUTCOMES.get(each.outcome, ("·", Role.PLAIN))
    words = f" {each.description}" if each.sql or each.outcome == "started" else ""
    head = f" {each.at[:19].replace('T', ' ')}Z  {each.change} step {each.ordinal}{words}  by {each.actor}"
    lines = paragraph(width, head, lead=(f" {mark} {each.outcome:<8}", role))
    if each.error:
        lines += paragraph(width, each.error, Role.BAD, lead=("     ", Role.PLAIN))
    for statement in each.sql:
        lines += _statement(f"{statement};", width)
    return lines


def _statement(text: str, width: int) -> list[Line]:
    return paragraph(width, redact(text), Role.MUTED, lead=("     ", Role.PLAIN))
