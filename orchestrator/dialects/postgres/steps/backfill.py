"""The filling of every row; batches are sent by the engine's loop, so only the UPDATE is shown here."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import Backfill
from orchestrator.dialects.postgres import batches
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE, columns, missing, partial


def _render(step: Backfill) -> Rendered:
    lock = f"ROW EXCLUSIVE on {step.table}, row locks of up to {step.batch_rows} rows for the time of a batch"
    note = "filled values go with the column, or stay where the column was there before"
    return Rendered(((batches.shown(step),),), lock, (), note, scans=True)


def _observe(look: Look, step: Backfill) -> Observation:
    found = columns(look, step.table)
    if (wrong := missing(found, step.table, step.column, *(filled.column for filled in step.also))) is not None:
        return wrong
    if not look.marked():
        return ABSENT
    if look.row("SELECT orch_target.is_sealed(%s)", step.sync_id) != (True,):
        return partial(f"the sync of {step.table} was replaced, or off for a while, since the rows were filled")
    return DONE


plugin = Kind(_render, _observe)
