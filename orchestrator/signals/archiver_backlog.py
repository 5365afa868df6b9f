"""How many WAL segments wait to be archived.

A backfill writes WAL faster than most archive commands carry it away, and what waits fills the disk of the server. Stops at
42 segments, which is where GitLab stops its own migrations: 672 MiB at the usual segment size. The archiver takes them in
order and tries one again until it succeeds, so from the last it failed at, or behind the last it finished, everything
waits. Not read while ``archive_mode`` is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure

STOP_AT = 42
_SEGMENT = re.compile(r"[0-9A-F]{24}(\.partial)?")
_QUERY = """
SELECT pg_catalog.current_setting('archive_mode'), pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()),
       a.last_archived_wal, CASE WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity') THEN a.last_failed_wal END,
       (1::bigint << 32) / pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))
  FROM pg_catalog.pg_stat_archiver a
"""


class ArchiverBacklog:
    """Reads pg_stat_archiver (manual, section 27.2.14)."""

    name = "archiver_backlog"

    def read(self, sight: Sight) -> Iterator[Pressure]:
        """The segments that wait, over 42."""
        mode, here, archived, failed, per_file = sight.target.rows(_QUERY)[0]
        last, stuck = _number(archived, per_file), _number(failed, per_file)
        first = stuck if stuck is not None else None if last is None else last + 1
        if mode == "off" or first is None:
            return
        waits = max(0, (_number(here, per_file) or 0) - first)
        why = "; the archiver fails" if stuck is not None else ""
        yield Pressure(
            self.name, waits / STOP_AT, f"{waits} WAL segments wait to be archived, {STOP_AT} are too many{why}"
        )


def _number(name: str | None, per_file: int) -> int | None:
    """The number of a segment, from the two halves of its name; None for a history or a backup file."""
    if name is None or not _SEGMENT.fullmatch(name):
        return None
    return int(name[8:16], 16) * per_file + int(name[16:24], 16)


plugin = ArchiverBacklog
