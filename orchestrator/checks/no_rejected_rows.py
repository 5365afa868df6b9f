"""Is there a row whose value does not convert to the new shape?

Asked of the rows themselves, not of the list the triggers keep: a row's key may have changed since it was listed. Rows that
do not convert back (a value only the new type can hold) are rightful once reads are switched, and block undo, not contract.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Identifier

from orchestrator.checks import _sql
from orchestrator.checks._judge import DATA_GATES, judged
from orchestrator.core.plan import Plan
from orchestrator.core.ports import Reader
from orchestrator.core.sync import Conversion, Mirror
from state.model import Finding, GateName


class NoRejectedRows:
    """Counts rows with an old value and no new one, whose conversion raises."""

    name = "no_rejected_rows"
    gates = DATA_GATES

    def findings(self, plan: Plan, gate: GateName, reader: Reader) -> Iterator[Finding]:
        """One Finding per mirrored pair with a conversion."""
        for mirror in plan.mirrors():
            if mirror.up is not None:
                yield rejected(reader, mirror, mirror.up, source=mirror.old, empty=mirror.new)


def rejected(reader: Reader, mirror: Mirror, conversion: Conversion, *, source: str, empty: str) -> Finding:
    """Rows that hold ``source`` and no ``empty``, since the conversion raises or, where both are required, yields NULL."""
    fails = SQL("({fails} OR {required})").format(
        fails=_sql.converted(conversion, "fails_", source), required=SQL("true" if mirror.required else "false")
    )
    condition = SQL("{e} IS NULL AND {s} IS NOT NULL AND {fails}").format(
        e=Identifier(empty), s=Identifier(source), fails=fails
    )
    query = _sql.counted(_sql.table(mirror.table), condition, _sql.key(mirror.key))

    def count() -> tuple[int, tuple[str, ...]]:
        wrong, samples = reader.rows(query)[0]
        return wrong, tuple(samples)

    name = f"no_rejected_rows:{mirror.table}.{source}"
    return judged(name, query.as_string(None), f"rows do not convert to {empty}", count)


plugin = NoRejectedRows()
