"""What tells cheaply whether anything of a Change has moved since it was read.

Why it exists: a screen looks twice a second, and hundreds of Changes rest for days. To read them all again costs a core; to ask
whether they moved does not. Whatever the store writes appends an event, except figures and renewals of leases.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from state.model import OF_NONE

_MARKS = """
SELECT c.id, c.version, coalesce(e.seq, 0), ROW(b.at, m.at, l.expires_at, l.expires_at > clock_timestamp())::text
  FROM orch.change c
  LEFT JOIN orch.lease l ON l.change_id = c.id
  LEFT JOIN LATERAL (SELECT seq FROM orch.event WHERE change_id = c.id ORDER BY seq DESC LIMIT 1) e ON true
  LEFT JOIN (SELECT change_id, max(updated_at) AS at FROM orch.backfill GROUP BY change_id) b ON b.change_id = c.id
  LEFT JOIN (SELECT change_id, max(updated_at) AS at FROM orch.comparison GROUP BY change_id) m ON m.change_id = c.id
 ORDER BY c.created_at, c.id
"""
_OF_NONE = "SELECT coalesce(max(seq), 0) FROM orch.event WHERE change_id = :none"


@dataclass(frozen=True, slots=True)
class Mark:
    """``said`` moves with the history, ``figures`` with progress and with the lease, its end by time included.

    Only compared: figures are text, since to read three moments of each of a thousand Changes took a sixth of a look.
    """

    said: tuple[int, int, int]
    figures: str


def of_all(connection: Connection) -> dict[str, Mark]:
    """The mark of every Change, the oldest first."""
    general: int = connection.execute(text(_OF_NONE), {"none": OF_NONE}).scalar_one()
    found = connection.execute(text(_MARKS)).all()
    return {change: Mark((version, seq, general), figures) for change, version, seq, figures in found}
