"""Two indexes trade names, in one transaction; SHARE UPDATE EXCLUSIVE on the indexes alone."""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import SwapIndex
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._index import found, index
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, foreign, gone
from orchestrator.dialects.postgres.text import fill, name


def _render(step: SwapIndex) -> Rendered:
    forward = (_renamed(step, step.name, step.parked), _renamed(step, step.new, step.name))
    undo = (_renamed(step, step.name, step.new), _renamed(step, step.parked, step.name))
    return Rendered((forward,), f"SHARE UPDATE EXCLUSIVE on two indexes of {step.table}, names only", (undo,), mode="")


def _renamed(step: SwapIndex, before: str, after: str) -> Composed:
    return fill("ALTER INDEX {i} RENAME TO {n}", i=index(step.table, before), n=name(after))


def _observe(look: Look, step: SwapIndex) -> Observation:
    there = {label for label in (step.name, step.new, step.parked) if _ours(look, step, label)}
    if there == {step.name, step.new}:
        return ABSENT
    if there in ({step.name, step.parked}, {step.name}) and step.new not in there:
        return DONE if step.parked in there or look.marked() else foreign(f"{step.table} has no index {step.new}")
    if not there:
        return gone(f"{step.table} has neither index {step.name} nor {step.new}")
    return foreign(f"of {step.table} there are {', '.join(sorted(there))}", f"{step.name} with {step.new}")


def _ours(look: Look, step: SwapIndex, label: str) -> bool:
    seen = found(look, step.table, label)
    return seen is not None and seen.ours


plugin = Kind(_render, _observe)
