"""The read switch by flag: one row that ``orch_target.reads_new`` reads.

Its way back is one step from wherever it stands: whoever goes back wants nobody on the new shape, at once.
"""

from __future__ import annotations

from psycopg.sql import Composed

from orchestrator.core.ports import Observation
from orchestrator.core.step import SwitchReads
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, partial
from orchestrator.dialects.postgres.text import fill, literal


def _render(step: SwitchReads) -> Rendered:
    forward, undo = (_switched(step.change_id, percent) for percent in (step.percent, 0))
    return Rendered(((forward,),), "one row of orch_target", ((undo,),))


def _switched(change_id: str, percent: int) -> Composed:
    return fill(
        "INSERT INTO orch_target.read_switch (change_id, percent) VALUES ({c}, {p})"
        " ON CONFLICT (change_id) DO UPDATE SET percent = excluded.percent, changed_at = pg_catalog.clock_timestamp()",
        c=literal(change_id),
        p=literal(percent),
    )


def _observe(look: Look, step: SwitchReads) -> Observation:
    row = look.row("SELECT percent FROM orch_target.read_switch WHERE change_id = %s", step.change_id)
    if row is None or row[0] <= step.before:
        return ABSENT
    return DONE if row[0] >= step.percent else partial(f"reads of {step.change_id} are switched for {row[0]} %")


plugin = Kind(_render, _observe, lambda _: "orch_target")
