"""A Plan as text: per phase every step with its exact SQL, its lock, what it costs and how it is undone.

Why it exists: this is what a person reads before consenting, so nothing is abbreviated and SQL is never wrapped.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.cli.text import clean, clean_lines, paint, wrapped
from orchestrator.core.view import PlanView, StepView


def plan(view: PlanView) -> list[str]:
    """The whole plan."""
    lines = [
        paint(f"{clean(view.change)} on {clean(view.target)}", "bold"),
        f"plan {view.plan_sha256}",
    ]
    for text in view.notes:
        lines += wrapped(text, 6, "note:")
    lines += steps(view.steps)
    if not view.parks:
        lines += ["", "contract parks nothing: it cannot be undone"] if _contracts(view) else []
    return lines


def _contracts(view: PlanView) -> bool:
    return any(step.phase == "contract" for step in view.steps)


def steps(views: Iterable[StepView]) -> list[str]:
    """Steps under the name of their phase."""
    lines: list[str] = []
    phase = ""
    for view in views:
        if view.phase != phase:
            phase = view.phase
            lines += ["", paint(phase, "bold")]
        lines += _step(view)
    return lines


def _step(view: StepView) -> list[str]:
    return [
        *wrapped(view.description, 5, f"{view.ordinal:>3}. "),
        *wrapped(_cost(view), 11, "     lock"),
        *_sql(view.sql, "     sql"),
        *_undo(view),
    ]


def _cost(view: StepView) -> str:
    rewrites = "rewrites the table" if view.rewrites else "no rewrite"
    scans = "scans the table" if view.scans else "no scan"
    return f"{view.lock or 'none'}; {rewrites}, {scans}"


def _undo(view: StepView) -> list[str]:
    lines = _sql(view.undo, "     undo")
    if view.undo_note or not view.undo:
        note = view.undo_note or "nothing to undo"
        lines += wrapped(note, 11, "" if lines else "     undo")
    return lines


def _sql(statements: Iterable[str], label: str) -> list[str]:
    lines = [line for statement in statements for line in clean_lines(statement)]
    return [(label if at == 0 else "").ljust(11) + line for at, line in enumerate(lines)]
