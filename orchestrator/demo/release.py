"""The headless release: three changes to the end, gate after gate, with one planted corruption on the way.

Why it exists: what the screens let a person do, a pipeline must be able to see done, and fail if it was not. Each step
says what it does in a line; what must hold is asserted where it happens, and ``Unexpected`` names what did not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from orchestrator.core.errors import OrchError
from orchestrator.core.progress import Progress
from orchestrator.core.status import Status
from orchestrator.demo import shop
from orchestrator.demo.applications import Load
from orchestrator.service import Service
from state.model import GateName, State, Verdict

Say = Callable[[str], None]

_DAMAGE = "UPDATE orders SET email = 'nobody@damaged.example' WHERE id = %s RETURNING email"
_LOOK = "SELECT email FROM orders WHERE id = %s"
_REPAIR = "UPDATE orders SET email = %s WHERE id = %s"
_BACKFILL_LINE_EVERY = 2.0
_PATIENCE = 60.0


class Unexpected(Exception):
    """The demo saw something other than what it promises."""


@dataclass
class Release:
    """Carries changes through their gates and says so. ``breath`` is how long the applications work between phases."""

    service: Service
    load: Load
    url: str
    say: Say
    breath: float = 1.0
    _last_line: float = field(default=0.0, init=False)

    def submit(self, change: str) -> None:
        """Submit the packaged change file."""
        status, _ = self.service.submit(*shop.change_file(change))
        self.say(f"\n{change}: {status.title}")
        self.say(f"  submitted: {len(status.steps)} steps, plan {status.plan_sha256[:12]}")

    def to(self, change: str, goal: State) -> None:
        """Approve and advance, phase by phase, until the Change stands at ``goal``."""
        deadline = time.monotonic() + _PATIENCE
        while (status := self.service.status(change)).state is not goal:
            if time.monotonic() > deadline:
                raise Unexpected(f"{change} is {status.state.value} instead of {goal.value}: {status.why}")
            if status.state in (State.COMPLETED, State.ABORTED):
                raise Unexpected(f"{change} went past {goal.value} to {status.state.value}")
            self._phase(change, status)
            self._rest()

    def _phase(self, change: str, before: Status) -> None:
        self._consent(change, before)
        began = time.monotonic()
        after = self.service.advance(change, wait=30.0, listen=self._hear)
        seconds = time.monotonic() - began
        self.say(f"  {before.state.value} → {after.state.value} in {seconds:.1f} s{self._traffic()}")

    def _consent(self, change: str, status: Status) -> None:
        """Approve the gate ahead, if it asks for that."""
        if status.gate is None:
            return
        wants = any(n.kind == "approval" and n.verdict is not Verdict.PASS for n in status.gate.requirements)
        if wants:
            self.service.approve(change, gate=status.gate.phase, reason="demo")

    def refused(self, change: str) -> None:
        """Damage one row behind every trigger, see contract refused, and repair the row."""
        good = self._damage()
        self.say(f"  damaged order {shop.DAMAGED_ORDER} behind the triggers: its two shapes differ now")
        error = self._expect_refusal(change)
        self.say(f"  contract is refused, exit {error.exit_code}:")
        for line in str(error).splitlines():
            self.say(f"    | {line}")
        with self._behind_triggers() as connection:
            connection.execute(_REPAIR, [good, shop.DAMAGED_ORDER])
        self.say(f"  repaired order {shop.DAMAGED_ORDER}")
        self.verify(change)

    def _expect_refusal(self, change: str) -> OrchError:
        self.service.verify(change, listen=self._hear)
        try:
            self._consent(change, self.service.status(change))
            self.service.advance(change, listen=self._hear)
        except OrchError as error:
            self._is_the_damage(error, self.service.status(change))
            return error
        raise Unexpected(f"{change}: contract was not refused although an order is damaged")

    def _is_the_damage(self, error: OrchError, status: Status) -> None:
        found = [f for f in (status.evidence.findings if status.evidence else ()) if f.verdict is Verdict.FAIL]
        sampled = any(str(shop.DAMAGED_ORDER) in sample for finding in found for sample in finding.samples)
        if error.exit_code != 4 or [f.mismatches for f in found] != [1] or not sampled:
            raise Unexpected(f"contract was refused, but not for the damaged order alone: {error}")
        if found[0].name not in str(error):
            raise Unexpected(f"the refusal does not name the check {found[0].name}: {error}")
        self.say(f"  {found[0].name} found {found[0].mismatches} row, key {', '.join(found[0].samples)}")

    def _damage(self) -> str:
        with self._behind_triggers() as connection:
            row = connection.execute(_LOOK, [shop.DAMAGED_ORDER]).fetchone()
            connection.execute(_DAMAGE, [shop.DAMAGED_ORDER])
        return str(row[0]) if row else ""

    def _behind_triggers(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, application_name="saboteur", options="-c session_replication_role=replica")

    def verify(self, change: str) -> None:
        """Take fresh evidence for the gate ahead and say what it came to."""
        evidence = self.service.verify(change, listen=self._hear)
        passed = sum(finding.verdict is Verdict.PASS for finding in evidence.findings)
        self.say(f"  verified: {passed} of {len(evidence.findings)} checks pass")

    def contract(self, change: str, goal: State) -> None:
        """Redeploy the applications off the old shape, then contract."""
        self.load.drop_old(change)
        self.say("  redeployed: no application uses the old shape any longer")
        self.verify(change)
        self.to(change, goal)

    def undo(self, change: str) -> None:
        """Undo contract, and let the old version of the applications use the old shape again."""
        self.service.undo(change, reason="demo: the old version is needed once more")
        self.to(change, State.SWITCHED)
        self.load.bring_back(change)
        self.say("  undone: the old shape is back, and so is the old version")
        self._rest()

    def purge(self, change: str) -> None:
        """Drop what is parked, if anything is."""
        status = self.service.status(change)
        if status.gate is not None and status.gate.phase is GateName.PURGE:
            self.to(change, State.COMPLETED)

    def _rest(self) -> None:
        time.sleep(self.breath)

    def _traffic(self) -> str:
        now = self.load.counters
        return f" ({now.attempted:,} writes so far, {now.failed} failed)"

    def _hear(self, progress: Progress) -> None:
        if progress.kind == "step.retry":
            self.say(f"    {progress.message}")
        elif progress.kind == "backfill" and time.monotonic() - self._last_line > _BACKFILL_LINE_EVERY:
            self._last_line = time.monotonic()
            self.say(f"    {_filled(progress)}")


def _filled(progress: Progress) -> str:
    if progress.rows_done is None:
        return progress.message
    speed = f", {progress.rows_per_second:,.0f} rows/s" if progress.rows_per_second else ""
    why = f", waits: {progress.throttle}" if progress.throttle else ""
    return f"{progress.rows_done:,} of {progress.rows_total or 0:,} rows{speed}{why}"


def play(release: Release) -> None:
    """The release: the first Change with a refused contract and an undo, the others straight through."""
    release.submit(shop.EMAIL)
    release.to(shop.EMAIL, State.SWITCHED)
    release.refused(shop.EMAIL)
    release.contract(shop.EMAIL, State.CONTRACTED)
    release.undo(shop.EMAIL)
    release.contract(shop.EMAIL, State.CONTRACTED)
    release.purge(shop.EMAIL)
    release.submit(shop.QUANTITY)
    release.to(shop.QUANTITY, State.SWITCHED)
    release.contract(shop.QUANTITY, State.CONTRACTED)
    release.purge(shop.QUANTITY)
    release.submit(shop.PHONE)
    release.to(shop.PHONE, State.SWITCHED)
    release.contract(shop.PHONE, State.COMPLETED)
