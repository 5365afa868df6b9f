"""Is the server one that orch was made for?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import EVERYWHERE, Answer, Look, Sight, one
from state.model import Verdict


def see(sight: Sight) -> Iterator[Answer]:
    """The server's version, judged."""
    yield judge(int(one(sight.reader, "SELECT current_setting('server_version_num')")))


def judge(number: int) -> Answer:
    """14 is the oldest with what the protocol needs; 15 to 18 are tested in full."""
    major = number // 10000
    if major < 14:
        detail = f"PostgreSQL {major} is too old: steps would fail half way"
        return Answer("version", Verdict.FAIL, detail, "pg_upgrade to 15 or later, then orch doctor")
    if major < 15:
        return Answer(
            "version", Verdict.UNKNOWN, "PostgreSQL 14: best effort", "pg_upgrade to 15 or later when you can"
        )
    return Answer("version", Verdict.PASS, f"PostgreSQL {major}")


plugin = Look(EVERYWHERE, see)
