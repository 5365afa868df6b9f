"""Two checkpoints that were asked for soon one after the other slow; they never stop, and are over after a while."""

from __future__ import annotations

from orchestrator.core.throttle import Effect
from orchestrator.signals.checkpoint_pressure import CheckpointPressure
from tests.pressure.conftest import Looking, On


def test_two_soon_after_another(looking: Looking, on: On) -> None:
    signal = CheckpointPressure()
    assert looking.read(signal, 100.0) == []
    on("CHECKPOINT")
    assert looking.read(signal, 110.0) == []
    on("CHECKPOINT")
    found = looking.one(signal, 120.0)
    assert (found.effect, found.scale) == (Effect.SLOW, 0.95)
    assert looking.one(signal, 155.0).effect is None
