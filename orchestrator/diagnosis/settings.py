"""Do the server's time limits let our steps finish, and end whoever is in their way?

What our own sessions need we set in them (``lock_timeout``, ``statement_timeout``, ``idle_in_transaction_session_timeout``). What
is left depends on the server: what an application's session may do to us, and what ends a session from outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight, milliseconds, names
from state.model import Verdict

LOCK_TIMEOUT = 100
SHORTEST_IDLE = 60_000
"""ms. A session of ours rests for less between two statements, unless its Change is paused."""


def see(sight: Sight) -> Iterator[Answer]:
    """One answer for each limit the server knows."""
    login, database = names(sight.reader)
    for name, judge in JUDGES.items():
        value = milliseconds(sight.reader, name)
        if value is not None:
            verdict, detail, step = judge(value)
            yield Answer(name, verdict, detail, step.format(login=login, database=database))


Judged = tuple[Verdict, str, str]


def _deadlock(value: int) -> Judged:
    if value > LOCK_TIMEOUT:
        return Verdict.PASS, f"{value} ms is above our lock_timeout of {LOCK_TIMEOUT} ms", ""
    return (
        Verdict.FAIL,
        f"{value} ms: application transactions may be killed before our DDL yields, which it does after {LOCK_TIMEOUT} ms",
        "ALTER SYSTEM SET deadlock_timeout = '1s'; SELECT pg_reload_conf()",
    )


def _dead_client(value: int) -> Judged:
    if value:
        return Verdict.PASS, f"a statement ends within {value} ms of its client (builds of indexes are exempt)", ""
    return (
        Verdict.UNKNOWN,
        "0: the statement of a worker that died runs on with its locks until the next orch advance ends it",
        "ALTER ROLE {login} SET client_connection_check_interval = '2s'",
    )


def _open_transaction(value: int) -> Judged:
    if value:
        return Verdict.PASS, f"a session of this login that leaves its transaction open is ended after {value} ms", ""
    return (
        Verdict.UNKNOWN,
        "0: an application that leaves a transaction open blocks every step on its tables, and vacuum, for as long as it likes",
        "ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '5min'",
    )


def _idle(value: int) -> Judged:
    if not 0 < value < SHORTEST_IDLE:
        return Verdict.PASS, f"{value} ms does not end sessions of ours", ""
    return (
        Verdict.UNKNOWN,
        f"{value} ms: a session of ours that waits for a standby or for load to fall is cut, and its step begun anew",
        "ALTER ROLE {login} SET idle_session_timeout = 0",
    )


def _transaction(value: int) -> Judged:
    if not value:
        return Verdict.PASS, "0: builds and validations may take as long as they need", ""
    return (
        Verdict.FAIL,
        f"{value} ms: a build or validation that takes longer is killed, and the index is left invalid each time",
        "ALTER ROLE {login} SET transaction_timeout = 0",
    )


JUDGES = {
    "deadlock_timeout": _deadlock,
    "client_connection_check_interval": _dead_client,
    "idle_in_transaction_session_timeout": _open_transaction,
    "idle_session_timeout": _idle,
    "transaction_timeout": _transaction,
}
plugin = Look(AT_TARGET, see)
