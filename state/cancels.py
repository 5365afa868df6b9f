"""That somebody ends a session on a Target which stands in the way.

Why it exists: it is done to other people's work, and belongs to no Change alone. The history keeps it, written by
``orch.record_cancel`` as ``session_user``, before it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from state.deciding import explained


def record(connection: Connection, facts: Mapping[str, Any], reason: str) -> None:
    """Write it down. Raises Refused, ReasonRequired, NotGranted."""
    with explained("the registry"):
        connection.execute(select(func.orch.record_cancel(cast(dict(facts), JSONB), cast(reason, Text))))
