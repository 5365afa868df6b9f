"""The way back ends: nothing but the marker shows it."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import GiveUp
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.text import fill


def _render(step: GiveUp) -> Rendered:
    return Rendered(((fill("SELECT 1"),),), f"none; {step.what} is not put back any more", mode="")


def _observe(look: Look, step: GiveUp) -> Observation:  # noqa: ARG001 - the marker alone shows it
    return DONE if look.marked() else ABSENT


plugin = Kind(_render, _observe)
