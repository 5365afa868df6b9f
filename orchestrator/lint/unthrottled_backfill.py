"""Rows are changed batch after batch, and nothing holds the batches back.

Batches keep row locks short, but without a pause they write WAL and dead rows as fast as the disk takes them: replicas fall
behind, vacuum does not keep up, and commits of the application wait.

    DO $$ BEGIN LOOP
        UPDATE orders SET state = 'new' WHERE id IN (SELECT id FROM orders WHERE state IS NULL LIMIT 1000);
        EXIT WHEN NOT FOUND; COMMIT;
    END LOOP; END $$;

Safe: the backfill of a change, which is held back by replica lag, WAL and load. At the very least a pg_sleep between the batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from orchestrator.dialects.postgres.script.acts import Modify, Opaque, Query
from orchestrator.dialects.postgres.script.splitting import comments
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation

BATCHES = 3
"""So many in a row are a backfill."""
NEAR = 100
"""Statements above, in which batches are looked for."""
_WAY = "the backfill of a change, throttled by replica lag, WAL and load; at least a pg_sleep between the batches"
_LOOP = re.compile(r"\bloop\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:update|delete\s+from|insert\s+into|merge\s+into)\b", re.IGNORECASE)
_RESTS = re.compile(r"\bpg_sleep(?:_for|_until)?\s*\(", re.IGNORECASE)


def _judge(act: Modify | Opaque, seen: Situation) -> Iterator[Remark]:
    if isinstance(act, Opaque):
        code = _code(act.body)
        if _LOOP.search(code) and _CHANGES.search(code) and not _RESTS.search(code):
            yield Remark("changes rows in a loop as fast as the disk takes them", _WAY, lock="")
    elif (act.ranged or act.limited) and _batches_before(act, seen) == BATCHES - 1:
        yield Remark(f"{act.verb.upper()} of {act.table} batch after batch, without a pause", _WAY)


def _code(body: str) -> str:
    """The text without its comments."""
    kept, at = [], 0
    for start, end in comments(body):
        kept.append(body[at:start])
        at = end
    return " ".join([*kept, body[at:]])


def _batches_before(act: Modify, seen: Situation) -> int:
    """How many batches stand above it since the last pause, of those that stand near."""
    found = 0
    for earlier in islice(reversed(seen.before), NEAR):
        if isinstance(earlier, Query) and any(name[-1].startswith("pg_sleep") for name in earlier.functions):
            break
        same = isinstance(earlier, Modify) and (earlier.table, earlier.verb) == (act.table, act.verb)
        found += same and (bool(earlier.ranged) or earlier.limited)  # type: ignore[attr-defined]  # it is a Modify
    return found


plugin = Rule(Tier.MAJOR, _judge, (Modify, Opaque), sized=True)
