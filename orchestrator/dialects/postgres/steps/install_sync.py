"""The triggers and functions of a Sync, created together."""

from __future__ import annotations

from orchestrator.core.ports import Observation
from orchestrator.core.step import InstallSync
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._seen import columns, missing
from orchestrator.dialects.postgres.steps._sync import schema_of_sync, sync_state


def _render(step: InstallSync) -> Rendered:
    lock = f"SHARE ROW EXCLUSIVE on {step.sync.table}, catalog change only"
    return Rendered((sync.installed(step.sync),), lock, (sync.removed(step.sync),), mode="SHARE ROW EXCLUSIVE")


def _observe(look: Look, step: InstallSync) -> Observation:
    table = step.sync.table
    return missing(columns(look, table), table) or sync_state(look, step.sync)


plugin = Kind(_render, _observe, schema_of_sync)
