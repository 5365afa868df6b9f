"""Two versions of an application around one Change, for tests of any operation.

``with TwoVersions(url, table) as load:`` runs old, new and dual-writing sessions until ``load.finish()``, which compares
the table with what they logged: ``Report(attempted, failed, lost, …)``, each fault one sentence. How the six operations
are described (``make`` returns a value from a ``random.Random``)::

    rename_column  Field("email", "email", "customer_email", make, change=ID)
    change_type    Field("quantity", "quantity", "quantity_big", make, up=…, down=…, change=ID)
    set_not_null   Field("phone", "phone", "phone", make, make_new=…, up=fill, absent_new="unknown", change=ID)
    add_column     Field("region", None, "region", make, absent_new="eu", change=ID)
    drop_column    Field("fax", "fax", None, make, absent_old=None, change=ID)
    add_index      plain("email", make)

The table needs an integer key with a default and a ``revision integer NOT NULL DEFAULT 1`` (``prepare`` adds it). The new
version uses the new shape when the Registry in the same database says so; without a Registry pass ``stages=ByHand()``.
Before contract call ``load.drop_old(ID)`` (every session leaves the old shape) or ``load.retire("old")`` (these sessions
stop for good); after an undo ``load.bring_back(ID)``.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.demo.applications import VERSIONS, ByHand, FromRegistry, Load, Stages, prepare
from orchestrator.demo.facts import Field, Table, Version, Writes, plain
from orchestrator.demo.proof import Report

__all__ = [
    "DUAL",
    "NEW",
    "OLD",
    "ByHand",
    "Field",
    "FromRegistry",
    "Report",
    "Table",
    "TwoVersions",
    "Version",
    "Writes",
    "plain",
    "prepare",
]

OLD, NEW, DUAL = VERSIONS


class TwoVersions(Load):
    """A Load on one table. Leave a version out with None; ``pause`` is the mean rest between two transactions."""

    def __init__(
        self,
        url: str,
        table: Table,
        *,
        old: Version | None = OLD,
        new: Version | None = NEW,
        dual: Version | None = DUAL,
        stages: Stages | None = None,
        directory: Path | None = None,
        pause: float = 0.01,
        seed: int = 1,
    ) -> None:
        versions = [version for version in (old, new, dual) if version is not None]
        super().__init__(url, [table], versions=versions, stages=stages, directory=directory, pause=pause, seed=seed)
