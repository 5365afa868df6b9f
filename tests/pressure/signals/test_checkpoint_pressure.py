"""Two checkpoints that were asked for soon one after the other slow; they never stop, and are over after a while."""

from __future__ import annotations

import time

from orchestrator.core.throttle import Effect
from orchestrator.signals.checkpoint_pressure import CheckpointPressure
from tests.pressure.conftest import Looking, On


def _checkpoint(on: On) -> None:
    """Ask for one, and wait until it is counted: the checkpointer counts after it has answered."""
    view = "pg_stat_checkpointer" if on("SHOW server_version_num")[0][0] >= "170000" else "pg_stat_bgwriter"
    column = "num_requested" if view == "pg_stat_checkpointer" else "checkpoints_req"
    before = on(f"SELECT {column} FROM {view}")
    on("CHECKPOINT")
    while on(f"SELECT {column} FROM {view}") == before:
        time.sleep(0.02)


def test_two_soon_after_another(looking: Looking, on: On) -> None:
    signal = CheckpointPressure()
    assert looking.read(signal, 100.0) == []
    _checkpoint(on)
    assert looking.read(signal, 110.0) == []
    _checkpoint(on)
    found = looking.one(signal, 120.0)
    assert (found.effect, found.scale) == (Effect.SLOW, 0.95)
    assert looking.one(signal, 155.0).effect is None
