"""Follows one Change until it has arrived somewhere, whatever becomes of the connection meanwhile.

Why it exists: a release is watched for hours, over networks that drop and servers that restart; a watch must outlive both, and
must end by itself when a person is needed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator.core.arrival import arrived, never, not_yet, trouble
from orchestrator.core.duration import words
from orchestrator.core.errors import Busy, Unreachable
from orchestrator.core.status import Status
from state.model import State

POLL = 1.0
"""Seconds between looks."""
ANSWER = 10.0
"""Seconds that one look may take: a server that stopped answers no call and fails none."""
GRACE = 10.0
"""Seconds for which trouble must last: a worker may be about to try again."""

Read = Callable[[], Status]


@dataclass(frozen=True, slots=True)
class Look:
    """What was read last; ``lost`` says why nothing newer could be read."""

    status: Status
    lost: str = ""


def watch(
    read: Read,
    until: State,
    timeout: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Look]:
    """Look once a second until ``until`` is reached or passed; ``timeout`` is in seconds.

    Raises OrchError when it can no longer be reached, when only a person can help, when patience is over, and when the very
    first look fails.
    """
    began, look, troubled = clock(), Look(answer(read)), None
    while True:
        yield look
        now = clock()
        if not look.lost:
            if arrived(look.status.state, until):
                return
            troubled = _troubled(look.status, until, troubled, now)
        if timeout is not None and now - began >= timeout:
            raise Unreachable(look.lost, "orch doctor") if look.lost else not_yet(look.status, until, words(timeout))
        sleep(POLL if timeout is None else min(POLL, began + timeout - now))
        look = _again(read, look.status)


def _troubled(status: Status, until: State, since: float | None, now: float) -> float | None:
    """Since when there is trouble. Raises what cannot end well."""
    if (end := never(status, until)) is not None:
        raise end
    found = trouble(status)
    if found is None:
        return None
    if since is not None and now - since >= GRACE:
        raise found
    return now if since is None else since


def _again(read: Read, known: Status) -> Look:
    try:
        return Look(answer(read))
    except (Unreachable, Busy) as error:
        return Look(known, error.message)


def answer(read: Read, patience: float = ANSWER) -> Status:
    """What ``read`` returns or raises. Raises Unreachable when it does neither in time; it is left behind then."""
    found: list[Status] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(read())
        except BaseException as error:
            failed.append(error)

    asking = threading.Thread(target=run, name="orch-watch", daemon=True)
    asking.start()
    asking.join(patience)
    if found:
        return found[0]
    if not failed:
        raise Unreachable(f"the registry has not answered for {words(patience)}", "orch doctor")
    raise failed[0]
