"""The triggers and functions of a Sync, dropped together; undo installs them again."""

from __future__ import annotations

from orchestrator.core.ports import Observation, Seen
from orchestrator.core.step import RemoveSync
from orchestrator.dialects.postgres import sync
from orchestrator.dialects.postgres.kinds import Kind, Look, Rendered
from orchestrator.dialects.postgres.steps._alter import exclusive
from orchestrator.dialects.postgres.steps._seen import ABSENT, DONE
from orchestrator.dialects.postgres.steps._sync import schema_of_sync, sync_state


def _render(step: RemoveSync) -> Rendered:
    return Rendered((sync.removed(step.sync),), exclusive(step.sync.table), (sync.installed(step.sync),))


def _observe(look: Look, step: RemoveSync) -> Observation:
    seen = sync_state(look, step.sync).seen
    return DONE if seen is Seen.ABSENT else ABSENT


plugin = Kind(_render, _observe, schema_of_sync)
