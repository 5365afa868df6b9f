"""A column is dropped.

Every statement of a running version that names the column fails from that moment on, and the values are gone. The drop takes
indexes, CHECKs, foreign keys and statistics on the column with it, without a word.

    ALTER TABLE orders DROP COLUMN email;

Safe: stop reading and writing it first, prove that nothing names it any more, hide it under another name for as long as it may
be wanted back, and drop it after that. The operation `drop_column` does so.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import DropColumn
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: DropColumn, seen: Situation) -> Iterator[Remark]:
    known = seen.column(act.table, act.column)
    views = f"; it fails while views name the column: {', '.join(known.views)}" if known and known.views else ""
    cascade = " and, by CASCADE, whatever depends on it" if act.cascade else ""
    yield Remark(
        f"drops {act.table}.{act.column}{cascade}: versions still running fail,"
        f" and its values, indexes and constraints are gone{views}",
        "a change with drop_column: contract waits until nothing reads it, and parks it before it is dropped",
    )


plugin = Rule(Tier.CRITICAL, _judge, (DropColumn,))
