"""Advances a change in children that die, until it is where it should be: ``python -m tests.engine.killer``.

It forks before anything is connected, so that every child is a worker of its own whose memory is gone with it. A dead
worker's lease would run for its time; here it is ended by hand, which is all that waiting would do.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

import psycopg

import orchestrator.advancing
import orchestrator.dialects.postgres.target
import orchestrator.gates  # noqa: F401 - imported once, before the children are made
from orchestrator.core.errors import OrchError
from orchestrator.core.progress import Progress
from orchestrator.plugins import discover
from orchestrator.service import Service
from state.model import State
from tests.service.world import service_at

MOST = 120
KILLED = 9
Point = tuple[str, int | None, str]
"""Something that is told: its kind, the step, and the words where it is about no step."""


def advance(url: str, change: str, goal: State, survived: set[Point] | None, say: int) -> None:
    """Approve what asks for it, advance, and die at the first point where nobody has died before, which is said."""

    def listen(progress: Progress) -> None:
        point = (progress.kind, progress.ordinal, "" if progress.ordinal else progress.message)
        if survived is not None and point not in survived:
            os.write(say, json.dumps(point).encode())
            os._exit(KILLED)

    with service_at(url) as service:
        if service.status(change).state is not goal:
            _consent(service, change)
            service.advance(change, listen=listen)
        os._exit(0 if service.status(change).state is goal else 1)


def _consent(service: Service, change: str) -> None:
    gate = service.status(change).gate
    if gate is not None and any(need.kind == "approval" for need in gate.missing):
        service.approve(change)


def _fork(url: str, change: str, goal: State, survived: set[Point] | None, patience: float | None) -> int:
    """The exit code of one child; killed by SIGKILL after ``patience`` seconds, when that is given."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            advance(url, change, goal, survived, say)
        except OrchError as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)  # noqa: T201
        os._exit(2)
    os.close(say)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if survived is not None and (said := os.read(hear, 10_000)):
        kind, ordinal, words = json.loads(said)
        survived.add((kind, ordinal, words))
    os.close(hear)
    return code


def _end_lease(url: str, change: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(
            "UPDATE orch.lease SET expires_at = clock_timestamp() WHERE change_id = %s AND owner IS NOT NULL", [change]
        )


def main(url: str, change: str, goal: str, how: str) -> None:
    """``how`` is ``events``, or the seed of the instants. Prints how each child ended.

    However fast the machine is, a child that follows one which ended by itself is killed almost at once, and each one after
    that may live a little longer.
    """
    discover("orchestrator.checks"), discover("orchestrator.signals"), discover("orchestrator.operations")
    seeded = random.Random(how)
    codes: list[int] = []
    survived: set[Point] | None = set() if how == "events" else None
    in_a_row = 0
    while len(codes) < MOST:
        patience = None if survived is not None else seeded.uniform(0.02, 0.08 + 0.1 * in_a_row)
        codes.append(_fork(url, change, State(goal), survived, patience))
        in_a_row = in_a_row + 1 if codes[-1] == -signal.SIGKILL else 0
        if codes[-1] == 0:
            break
        _end_lease(url, change)
    print(json.dumps(codes))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
