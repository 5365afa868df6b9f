"""Whether checkpoints are forced one after the other, because WAL fills up faster than it is due to be checkpointed.

Each checkpoint makes the next change of every page be written in full, so forced ones feed themselves: cost per row
multiplies. PostgreSQL warns when two come within ``checkpoint_warning``, 30 s; that long ago is 1.0 here. It slows and
never stops: somebody may have typed CHECKPOINT, and one that is over is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from orchestrator.core.duration import words
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

WARNING = 30.0
MOST = 0.95
_BEFORE_17 = "SELECT checkpoints_req FROM pg_catalog.pg_stat_bgwriter"
_SINCE_17 = "SELECT num_requested FROM pg_catalog.pg_stat_checkpointer"


class CheckpointPressure:
    """Reads pg_stat_bgwriter, from 17 on pg_stat_checkpointer."""

    name = "checkpoint_pressure"

    def __init__(self) -> None:
        self._count: int | None = None
        self._at: deque[float] = deque(maxlen=2)

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """30 s over the time in which the last two forced checkpoints came."""
        count = int(sight.target.rows(_SINCE_17 if sight.version >= 17 else _BEFORE_17)[0][0])
        if self._count is not None:
            self._at.extend([sight.now] * min(2, max(0, count - self._count)))
        self._count = count
        if len(self._at) == 2:
            since = max(sight.now - self._at[0], 0.001)
            detail = f"two checkpoints were forced within {words(since)}"
            yield Pressure(self.name, min(WARNING / since, MOST), detail)


plugin = CheckpointPressure
