"""Where a comparison stands, kept in the Registry so that whoever comes after a kill goes on from there.

Why it exists: half a result is only worth what it rests on. It is taken up under the very same plan, question, table, sync and
server, while it is clean and young; anything else is begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.core import gate as gates
from orchestrator.core.comparison import Comparison, Standing, Tally, Walk, footing
from state import comparisons
from state.digest import canonical, text_sha256
from state.model import ComparisonRow, GateName
from state.store import Registry


@dataclass
class Blank:
    """The Book of a look that nobody goes on with: nothing is read from it, nothing kept."""

    since: datetime | None = None

    def open(self, comparison: Comparison, standing: Standing) -> Walk:
        """A Walk from the start."""
        return Walk(standing.moment)

    def note(
        self,
        walk: Walk,
        total: int | None,
        rate: float | None = None,
        eta: float | None = None,
        throttle: str | None = None,
    ) -> None:
        """Nothing is kept."""


@dataclass
class Book(Blank):
    """The comparisons of one look at a Gate. ``since`` is when the oldest began of those that were taken up."""

    registry: Registry = field(kw_only=True)
    gate: GateName = field(kw_only=True)
    change_id: str = field(kw_only=True)
    plan_sha256: str = field(kw_only=True)
    _name: str = ""
    _footing: str = ""
    _began: datetime | None = None

    def open(self, comparison: Comparison, standing: Standing) -> Walk:
        """Where the comparison stands, or its start."""
        rests = {**footing(comparison, standing), "plan": self.plan_sha256}
        self._name, self._footing = comparison.name, text_sha256(canonical(rests))
        now = self.registry.now()
        with self.registry.reading() as connection:
            row = comparisons.standing(connection, self.change_id, self.gate, self._name)
        if row is None or not self._good(row, now):
            self._began = now
            return Walk(standing.moment)
        self._began = row.began_at
        self.since = row.began_at if self.since is None else min(self.since, row.began_at)
        return _walk(row)

    def _good(self, row: ComparisonRow, now: datetime) -> bool:
        """Faults are looked for again: they are what people repair."""
        young = now - row.began_at < gates.EVIDENCE_MAX_AGE
        return row.footing == self._footing and young and row.mismatches == 0

    def note(
        self,
        walk: Walk,
        total: int | None,
        rate: float | None = None,
        eta: float | None = None,
        throttle: str | None = None,
    ) -> None:
        """Keep where it stands."""
        assert self._began is not None  # noqa: S101 - a comparison is opened first
        tally = walk.tally
        row = ComparisonRow(
            change_id=self.change_id,
            gate=self.gate,
            name=self._name,
            footing=self._footing,
            began_at=self._began,
            moment=walk.moment,
            late=walk.late,
            position=walk.position,
            rows_done=tally.rows,
            rows_total=total,
            mismatches=tally.wrong,
            samples=tally.samples,
            aside=tally.aside,
            rows_per_second=rate,
            eta_seconds=eta,
            throttle=throttle,
            done=walk.done,
            updated_at=self._began,
        )
        self.registry.compared(row)


def _walk(row: ComparisonRow) -> Walk:
    tally = Tally(row.rows_done, row.mismatches, row.samples, row.aside)
    return Walk(row.moment, row.position, tally, row.late, row.done)
