"""Does what was acknowledged survive a crash? A step recorded as done must be done after it (F12)."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import EVERYWHERE, Answer, Look, Sight
from state.model import Verdict

_SETTINGS = """
SELECT pg_is_in_recovery(), current_setting('fsync') = 'on', current_setting('synchronous_commit'),
       (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')
"""


def see(sight: Sight) -> Iterator[Answer]:
    """The server's standing as a primary, and what its commits are worth."""
    standby, fsync, ours, default = sight.reader.rows(_SETTINGS)[0]
    if standby:
        yield Answer(
            "server", Verdict.FAIL, "a standby: nothing can be written", "point the URL at the primary: orch.toml"
        )
    if not fsync:
        detail = "fsync is off: a crash of the machine loses approvals, outcomes and rows that were acknowledged"
        yield Answer("durability", Verdict.UNKNOWN, detail, "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()")
    elif ours == default:
        yield Answer("durability", Verdict.PASS, f"what is acknowledged is durable: synchronous_commit = {ours}")
    else:
        detail = f"synchronous_commit is {default} here; for outcomes and approvals we set {ours}, for batches it stays"
        yield Answer("durability", Verdict.PASS, detail)


plugin = Look(EVERYWHERE, see)
