"""Is a prepared transaction left over? It holds its locks, and old rows, until somebody ends it; no timeout does."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import EVERYWHERE, Answer, Look, Sight
from state.model import Verdict

OLD = """
SELECT quote_literal(gid), extract(epoch FROM clock_timestamp() - prepared)::bigint / 60, database = current_database()
  FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - interval '{}' ORDER BY prepared
"""


def see(sight: Sight) -> Iterator[Answer]:
    """Those older than ten minutes, in this database (locks) or another of the server (old rows)."""
    yield judge(sight.reader.rows(OLD.format("10 min")))


def judge(found: list[tuple[str, int, bool]]) -> Answer:
    """``found``: gid as a literal, age in minutes, whether it is in this database."""
    if not found:
        return Answer("prepared transactions", Verdict.PASS, "none is left over")
    here = sum(1 for _, _, ours in found if ours)
    gid, minutes, _ = found[0]
    detail = (
        f"{len(found)} left over ({here} here, the oldest for {minutes} min): they hold locks, and rows from vacuum"
    )
    step = f"COMMIT PREPARED {gid} or ROLLBACK PREPARED {gid}, in its database (pg_prepared_xacts names it)"
    return Answer("prepared transactions", Verdict.FAIL, detail, step)


plugin = Look(EVERYWHERE, see)
