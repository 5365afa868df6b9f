"""A table becomes a partition, or one is made with PARTITION OF.

ATTACH reads all of the new partition under ACCESS EXCLUSIVE unless a CHECK proves that it fits; PARTITION OF locks the parent
against everybody for a moment; and a default partition is read in full in either case, while writes to it wait.

    ALTER TABLE orders ATTACH PARTITION orders_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');

Safe: a validated CHECK that matches the bounds on the new table, another on the default partition, then ATTACH; drop the CHECKs
afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.dialects.postgres.script.acts import AttachPartition, CreateTable
from orchestrator.lint._model import Remark, Rule, Tier
from orchestrator.lint._situation import Situation


def _judge(act: AttachPartition | CreateTable, seen: Situation) -> Iterator[Remark]:
    parent = act.table if isinstance(act, AttachPartition) else act.parent
    if parent is None or seen.is_fresh(parent):
        return
    known = seen.table(parent)
    tier = Tier.MAJOR if known is not None and known.default_partition else None
    default = f"; the default partition of {parent} is read in full while it is locked" if tier else ""
    if isinstance(act, AttachPartition):
        said = f"reads all of {act.partition} under ACCESS EXCLUSIVE unless a CHECK proves that it fits{default}"
        yield Remark(said, "a validated CHECK with the partition's bounds first", tier)
    else:
        said = f"locks {parent} against everybody for a moment{default}"
        yield Remark(said, "CREATE TABLE … (LIKE …), then ATTACH PARTITION, which lets others work", tier)


plugin = Rule(
    Tier.MINOR,
    _judge,
    (
        AttachPartition,
        CreateTable,
    ),
    fresh=True,
)
