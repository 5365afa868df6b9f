"""How fast the server writes WAL, whoever writes it.

WAL in itself hurts nobody: what it does is told by lag, archive and checkpoints, later. This one is early, so it slows and
never stops. The scale is the rate at which ``max_wal_size`` would be full within ``checkpoint_warning`` (30 s unless set),
where PostgreSQL itself begins to complain: checkpoints forced that often write every page in full again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

_QUERY = """
SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size'))::float8
       / greatest(1, coalesce(nullif((SELECT s.setting::int FROM pg_catalog.pg_settings s
                                       WHERE s.name = 'checkpoint_warning'), 0), 30))
"""
LOOKS = 6
"""The rate is taken over the last five looks: one alone would show the batch at hand."""
MOST = 0.95


class WalRate:
    """Compares positions of pg_current_wal_insert_lsn."""

    name = "wal_rate"

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """Bytes per second over what would force checkpoints."""
        position, most = sight.target.rows(_QUERY)[0]
        self._seen.append((sight.now, position))
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        if last - first >= 1.0:
            rate = (after - before) / (last - first)
            detail = f"WAL grows by {rate / 2**20:.0f} MiB/s, {most / 2**20:.0f} MiB/s force checkpoints"
            yield Pressure(self.name, min(rate / most, MOST), detail)


plugin = WalRate
