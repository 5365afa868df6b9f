"""The one door for CLI, TUI, worker and demo: plan, submit, advance, approve, hold, abort, audit.

Why it exists: what may be done is decided in one place, whoever asks. Every method reads what it needs, asks the machine and
the gate, and writes through the store; nothing here remembers anything between calls, so any number of processes agree.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orchestrator import homecoming, statuses, together
from orchestrator.core.arrival import arrived
from orchestrator.core.audit import Anchor, Problem
from orchestrator.core.errors import Blocked, Invalid, Waiting
from orchestrator.core.progress import Listener, Progress, nobody
from orchestrator.core.reckoning import reckon
from orchestrator.core.status import Status
from orchestrator.core.view import CommandView, Diagnosis, Identity, PlanView, RunningView, StepView
from orchestrator.engine.lease import TTL
from orchestrator.refusals import explained
from state import freezes, known, queries
from state.machine import GATE_AHEAD, TERMINAL, WORKING, Command, decide
from state.model import OF_NONE, ChangeRow, Event, EventRow, Evidence, Freeze, GateName, Rehearsed, State
from state.store import Registry

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.core.exported import Exported
    from orchestrator.core.locks import TargetLocks
    from orchestrator.core.ports import Target
    from orchestrator.core.reading import Usage
    from orchestrator.refreshing import Fleet

POLL = 1.0
"""Seconds between looks at a closed gate while ``advance --wait`` waits."""


class Service:
    """Everything that can be done with Changes. Safe to share between threads. Raises OrchError."""

    def __init__(self, config: Config, *, client: str = "cli", lease_seconds: float = TTL) -> None:
        self._config = config
        self._client = client
        self._lease_seconds = lease_seconds

    @cached_property
    def _registry(self) -> Registry:
        return Registry(self._config.registry_url, application_name=f"orch-{self._client}")

    def close(self) -> None:
        """Close idle connections."""
        if "_registry" in self.__dict__:
            self._registry.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _target(self, name: str | None) -> Target:
        from orchestrator.dialects.postgres.target import PostgresTarget

        found = self._config.target(name)
        return PostgresTarget(found.name, found.url, found.replicas, found.rehearse_from)

    # -- setting up ----------------------------------------------------------------------------------------------

    def init(self, *, roles: bool = False, moved: str | None = None) -> list[str]:
        """Create or update the Registry's schema and ``orch_target`` on every target; returns what was done.

        With ``roles``, only the Registry, handed to its roles: ``orch_target`` must belong to the login that runs changes.
        ``moved`` is why the Registry is at home elsewhere than where it was set up.
        """
        from migrations_meta.upgrade import separate, settle, upgrade

        url = self._config.registry_url
        with explained():
            done = separate(url) if roles else [f"registry: version {version}" for version in upgrade(url)]
            done += settle(url, moved) if moved else []
        if roles:
            return done
        for name in self._config.targets:
            done += self._target(name).bootstrap()
        return done

    def doctor(self) -> list[Diagnosis]:
        """What is missing or dangerous, and what to do about it. Raises nothing for what it finds."""
        from orchestrator.diagnosis import diagnose
        from orchestrator.dialects.postgres.target import PostgresTarget

        desk = PostgresTarget("registry", self._config.registry_url)
        return diagnose(self._registry, desk, {name: self._target(name) for name in self._config.targets})

    def identity(self) -> Identity:
        """Where the Registry is and as whom we are connected."""
        with explained(), self._registry.reading() as connection:
            return statuses.identity(connection)

    # -- plan and submit -----------------------------------------------------------------------------------------

    def plan(self, source: str, path: str) -> PlanView:
        """Compile a change file against its target. Writes nothing."""
        from orchestrator import compiling

        with explained():
            compiled = compiling.compiled(source, path, self._config, self._target)
        return compiling.view(compiled.plan, compiled.sha256, self._target(compiled.plan.target))

    def submit(self, source: str, path: str) -> tuple[Status, bool]:
        """Store a change file with its Plan. The same again changes nothing (False)."""
        from orchestrator import compiling

        compiled = compiling.known(source, path)
        with explained():
            self._registry.ready()
            with self._registry.reading() as connection:
                begun = compiling.has_begun(connection, compiled)
            if begun:
                return self.status(compiled.change), False
            new = compiling.compiled(source, path, self._config, self._target)
            compiling.readers_can_be_seen(new.plan, self._target(new.plan.target))
            row, changed = self._registry.submit(*compiling.records(new, source), judge=partial(compiling.apart, new))
        return self.status(row.id), changed

    def exported(self, source: str, path: str) -> Exported:
        """A change file compiled for another migration tool. Writes nothing. Raises Invalid for what only orch can run."""
        from orchestrator import compiling

        with explained():
            compiled = compiling.compiled(source, path, self._config, self._target)
            return self._target(compiled.plan.target).exported(compiled.plan, compiled.sha256)

    def remember_export(self, change_id: str, tool: str, plan_sha256: str, versions: Sequence[str]) -> None:
        """Keep which versions the files of a stored Change bear, so that the tool's table can be read later."""
        data = {"tool": tool, "plan_sha256": plan_sha256, "versions": list(versions)}
        with explained():
            self._registry.record(change_id, Event.EXPORTED, data)

    # -- reading -------------------------------------------------------------------------------------------------

    def status(self, change_id: str) -> Status:
        """Where a Change stands, why, and what is missing."""
        with explained(), self._registry.reading() as connection:
            return statuses.status(known.one(connection, change_id), full=True)

    def statuses(self) -> list[Status]:
        """All Changes, without their steps' definitions."""
        with explained(), self._registry.reading() as connection:
            return [statuses.status(each, full=False) for each in known.outlines(connection)]

    def fleet(self, before: Fleet | None = None) -> Fleet:
        """Every Change as ``statuses`` tells it, reading again only what moved since ``before``."""
        from orchestrator.refreshing import refreshed

        with explained(), self._registry.reading() as connection:
            return refreshed(connection, before)

    def gate_steps(self, change_id: str) -> tuple[StepView, ...]:
        """What the gate ahead will run: exact SQL, locks and undo."""
        from orchestrator import compiling, gates

        row = self._row(change_id)
        gate = GATE_AHEAD.get(row.state)
        if gate is None:
            return ()
        plan = gates.plan_of(row)
        return compiling.view(plan, row.plan_sha256, self._target(row.target), gate.value).steps

    def events(self, change_id: str | None = None, *, after: int = 0, limit: int | None = None) -> list[EventRow]:
        """The history, of one Change or of all."""
        with explained(), self._registry.reading() as connection:
            if change_id is not None:
                queries.change(connection, change_id)
            return queries.events(connection, change_id, after_seq=after, limit=limit)

    def latest_events(self, limit: int) -> list[EventRow]:
        """The last events of all Changes, in order."""
        with explained(), self._registry.reading() as connection:
            return queries.latest(connection, limit)

    def commands(self, *, after: int = 0, limit: int = 200) -> tuple[CommandView, ...]:
        """What was last sent to the targets by any worker, after a sequence number, and how it ended; oldest first."""
        from orchestrator import commands

        with explained(), self._registry.reading() as connection:
            return commands.last(connection, self._target, after, limit)

    def running(self) -> tuple[RunningView, ...]:
        """What sessions of ours do on the targets at this moment, whichever worker's they are."""
        with explained(), self._registry.reading() as connection:
            changes = queries.change_ids(connection)
        with explained():
            return tuple(each for name in self._config.targets for each in self._target(name).doing(changes))

    def hints(self, stopped: threading.Event) -> Iterator[str]:
        """The Change of each event as it is appended, until ``stopped``; first of all an empty one, once it listens.

        A hint and never the fact: read again, and ask from time to time all the same. Raises Invalid when nothing is heard.
        """
        with explained():
            yield from self._registry.hints(stopped)

    def audit_verify(self, *, anchor: str | None = None) -> list[Problem]:
        """Recompute the hash chain, fold every Change and compare every row; what does not agree.

        With ``anchor``, the file of an earlier ``audit_anchor``, the chain must run through it. Raises Invalid.
        """
        from orchestrator import auditing

        with explained():
            return auditing.problems(self._registry, anchor)

    def audit_anchor(self, path: str) -> Anchor:
        """Write the head of the history to a file, once everything agrees with it and with an anchor already there.

        Raises Blocked with what does not agree, Invalid for a file that cannot be used.
        """
        from orchestrator import auditing

        with explained():
            return auditing.anchored(self._registry, path)

    def locks(self) -> tuple[TargetLocks, ...]:
        """Who waits for whom on each target; what cannot be read says so."""
        from orchestrator import locking

        with explained(), self._registry.reading() as connection:
            changes = queries.change_ids(connection)
        return locking.locks(map(self._target, self._config.targets), changes)

    def ready(self) -> list[str]:
        """Changes that a worker may run now: work in hand that nobody runs, and ready gates.

        Contract and purge count only once ``advance`` was asked for. A gate whose only lack is evidence is looked at, too,
        once its approvals are there.
        """

        from orchestrator import readiness

        with explained(), self._registry.reading() as connection:
            return readiness.ready(known.outlines(connection))

    def fallen_back(self) -> list[str]:
        """Changes that are over by the Registry and not by a Target that lost its last commits; ``advance`` repairs them."""
        from orchestrator import readiness

        with explained(), self._registry.reading() as connection:
            over = known.ended_lately(connection)
        return readiness.fallen_back(over, self._target)

    # -- acting --------------------------------------------------------------------------------------------------

    def retry_rows(self, change_id: str, *, listen: Listener = nobody) -> Status:
        """Try the rows again that a backfill was refused, now that they or what refused them was repaired. Raises Blocked."""
        state = self._row(change_id).state
        if state is not State.BACKFILLING:
            raise Blocked(
                f"{change_id} is {state.value}: rows are tried again by the backfill only. What the checks of a gate name is"
                " repaired in the table, where the sync carries it over",
                f"orch verify {change_id}",
            )
        return self.advance(change_id, through=State.BACKFILLED, listen=listen)

    def approve(
        self,
        change_id: str,
        *,
        gate: GateName | None = None,
        reason: str | None = None,
        version: int | None = None,
        statements: str | None = None,
        listen: Listener = nobody,
    ) -> Status:
        """Approve the gate ahead, on fresh evidence, as the database login we are.

        ``statements`` is a file of statements in use, for the Checks.
        """
        return self._speak(change_id, "approve", gate, reason, version, listen, _captured(statements))

    def reject(
        self, change_id: str, *, reason: str, gate: GateName | None = None, version: int | None = None
    ) -> Status:
        """Reject the gate ahead; earlier approvals of it no longer count."""
        return self._speak(change_id, "reject", gate, reason, version, nobody)

    def _speak(
        self,
        change_id: str,
        decision: str,
        gate: GateName | None,
        reason: str | None,
        version: int | None,
        listen: Listener,
        captured: Usage | None = None,
    ) -> Status:
        from orchestrator import gates

        row = self._row(change_id)
        ahead = gates.ahead(row, gate)
        gates.same_version(row, version)
        with explained():
            if decision == "approve":
                gates.fresh(self._registry, row, ahead, self._target(row.target), listen, captured=captured)
            with self._registry.reading() as connection:
                digest = gates.evidence_digest(connection, row, ahead)
            self._registry.decide_gate(
                change_id,
                ahead,
                decision,
                plan_sha256=row.plan_sha256,
                evidence_sha256=digest,
                reason=reason,
                valid_for=gates.validity(row, ahead),
            )
        return self.status(change_id)

    def verify(
        self,
        change_id: str,
        *,
        checks: Sequence[str] = (),
        statements: str | None = None,
        listen: Listener = nobody,
    ) -> Evidence:
        """Run the Checks of the gate ahead now. With ``checks``, only those: shown, not kept as Evidence.

        ``statements`` is a file of statements in use, for the Checks.
        """
        from orchestrator import gates

        row = self._row(change_id)
        gate = GATE_AHEAD.get(row.state)
        if gate is None:
            raise Blocked(f"{change_id} is {row.state.value}: no gate is ahead", f"orch status {change_id}")
        captured = _captured(statements)
        return gates.verify(self._registry, row, gate, self._target(row.target), listen, only=checks, captured=captured)

    def follow(self, change_id: str, *, checks: Sequence[str] = (), listen: Listener = nobody) -> Evidence:
        """Follow the comparisons that somebody else makes for the gate ahead; then the latest Evidence. Raises Waiting."""
        from orchestrator.following import follow

        return follow(self._registry, change_id, checks, listen)

    def pause(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Hold a Change; a running backfill stops within a batch."""
        return self._record(change_id, Command.HOLD, {"reason": reason}, version)

    def resume(self, change_id: str, *, reason: str | None = None, version: int | None = None) -> Status:
        """Lift the hold."""
        if self._row(change_id).hold is None:
            raise Blocked(f"{change_id} is not held", f"orch status {change_id}")
        return self._record(change_id, Command.RESUME, {"reason": reason} if reason else {}, version)

    def hold_everything(self, *, reason: str) -> list[str]:
        """Hold every Change that is neither over nor held; what runs stops within a batch. Returns which. Raises Invalid."""
        with explained():
            return together.hold_everything(self._registry, reason)

    def let_go(self, *, reason: str | None = None) -> list[str]:
        """Lift the holds that were set on everything at once, and no other. Returns which."""
        with explained():
            return together.let_go(self._registry, reason)

    def source(self, change_id: str) -> str:
        """The change file of a Change that has not begun, as it was submitted. Raises Blocked."""
        from orchestrator import rehearsing

        with explained():
            return rehearsing.source(self._registry, change_id)

    def keep_rehearsal(self, change_id: str, found: Rehearsed) -> str:
        """Keep a rehearsal as evidence for the expand gate of its Change; why not, where that has another Plan."""
        from orchestrator import rehearsing

        with explained():
            return rehearsing.kept(self._registry, change_id, found)

    def tune(self, change_id: str, settings: Mapping[str, Any], *, version: int | None = None) -> Status:
        """Hold the backfill to other settings, a running one from its next batch on. Raises Invalid for what cannot be."""
        from orchestrator import tuning

        with explained(), self._registry.reading() as connection:
            tuning.refuse_wrong(known.one(connection, change_id), settings)
        return self._record(change_id, Command.TUNE, settings, version)

    def attest(
        self, change_id: str, *, deploy: str, release: str, url: str | None = None, version: int | None = None
    ) -> Status:
        """Keep as evidence that a deploy has happened; ``release`` is what was deployed. Raises Invalid without words."""
        said = {"deploy": deploy, "version": release, **({"url": url} if url else {})}
        if not all(word.strip() and word.isprintable() for word in said.values()):
            raise Invalid("a deploy has a name and a version, each in one line", f"orch attest {change_id} --help")
        return self._record(change_id, Command.ATTEST, said, version)

    def cancel(self, target: str, pid: int, started: datetime, *, active: bool, reason: str) -> str:
        """Cancel what a session in the way runs or, where it is not ``active``, end it; the history is told first.

        Raises Stale where it is no longer as it was looked at, Blocked for sessions of ours and those in nobody's way.
        """
        from orchestrator import locking

        with explained():
            return locking.cancel(self._registry, self._target(target), pid, started, active=active, reason=reason)

    def freezes(self) -> tuple[Freeze, ...]:
        """What keeps phases from starting now."""
        with explained(), self._registry.reading() as connection:
            return freezes.standing(queries.said(connection, [OF_NONE]), queries.now(connection))

    def freeze(
        self, until: datetime | timedelta | None, *, reason: str, target: str | None = None
    ) -> tuple[Freeze, ...]:
        """Let no phase start until then, on one target or on all; None lifts. What runs goes on to its end."""
        if target is not None:
            self._config.target(target)
        with explained():
            moment = self._registry.now() + until if isinstance(until, timedelta) else until
            self._registry.freeze(moment, reason, target)
        return self.freezes()

    def abort(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Record that everything is to be undone; ``advance`` or a worker carries it out."""
        self._nothing_lost(change_id, "abort")
        return self._record(change_id, Command.ABORT, {"reason": reason}, version)

    def undo(self, change_id: str, *, reason: str, version: int | None = None) -> Status:
        """Record that contract (or the read switch) is to be undone; ``advance`` or a worker carries it out."""
        self._nothing_lost(change_id, "undo")
        return self._record(change_id, Command.UNDO, {"reason": reason}, version)

    def _nothing_lost(self, change_id: str, verb: str) -> None:
        """Refuse to go back while a row holds a value that only the new shape can (F16)."""
        from orchestrator import gates

        row = self._row(change_id)
        gates.going_back_loses(row, self._target(row.target), verb)

    def request(self, change_id: str, *, version: int | None = None) -> Status:
        """Ask the worker to go through the gate ahead once it is ready."""
        from orchestrator import gates

        row = self._row(change_id)
        if row.state in WORKING:
            return self.status(change_id)
        with explained():
            gate = gates.ahead(row, None)
            self._registry.record(change_id, Event.REQUESTED, {"gate": gate.value}, seen_version=version)
        return self.status(change_id)

    def _record(self, change_id: str, command: Command, data: Mapping[str, Any], version: int | None) -> Status:
        row = self._row(change_id)
        with explained():
            event = decide(row.state, command, statuses.shape(row))
            self._registry.record(change_id, event, data, seen_version=version)
        return self.status(change_id)

    # -- advance -------------------------------------------------------------------------------------------------

    def advance(
        self,
        change_id: str,
        *,
        through: State | None = None,
        wait: float = 0.0,
        break_glass: str | None = None,
        statements: str | None = None,
        listen: Listener = nobody,
    ) -> Status:
        """Go on with the work in hand, or run the next phase if its gate is ready.

        One phase, then return; with ``through``, on to that state, unless it lies behind. A closed gate is waited at for
        ``wait`` seconds. ``statements`` is a file of statements in use, for the Checks.
        Raises the refusal that says what is missing.
        """
        from orchestrator.advancing import phase

        captured = _captured(statements)
        with explained():
            homecoming.at_home(self._registry)
        deadline = time.monotonic() + wait
        while not self._rests(row := self._row(change_id), through, listen):
            try:
                with explained():
                    target = self._target(row.target)
                    ttl = self._lease_seconds
                    phase(self._registry, target, change_id, self._client, break_glass, listen, ttl, captured)
            except Waiting as missing:
                if time.monotonic() >= deadline:
                    raise
                listen(Progress(change_id, None, "waiting", missing.message))
                self._pause(change_id, deadline, listen)
                continue
            if through is None:
                break
        return self.status(change_id)

    def _pause(self, change_id: str, deadline: float, listen: Listener) -> None:
        """Until a further try may come further, or the deadline: each takes the lease, and is written into the history."""
        from orchestrator import readiness

        while True:
            time.sleep(POLL)
            with explained(), self._registry.reading() as connection:
                status = statuses.status(known.one(connection, change_id), full=False)
            if time.monotonic() >= deadline or readiness.may_go_on(status):
                return
            listen(Progress(change_id, None, "waiting", status.why))

    def _rests(self, row: ChangeRow, through: State | None, listen: Listener) -> bool:
        """Whether nothing is to be done. An end is compared with the target, which may have lost its last commits."""
        from orchestrator.advancing import phase

        if not _arrived(row, through):
            return False
        if row.state in TERMINAL:
            with explained():
                target = self._target(row.target)
                with self._registry.reading() as connection:
                    steps = queries.steps(connection, row.id)
                if not reckon(row.state, steps, target.marks(row.id)).agrees:
                    phase(self._registry, target, row.id, self._client, None, listen, self._lease_seconds)
        return True

    def _row(self, change_id: str) -> ChangeRow:
        with explained(), self._registry.reading() as connection:
            return queries.change(connection, change_id)


def _captured(path: str | None) -> Usage | None:
    """Statements in use from a file. Raises Invalid."""
    if path is None:
        return None
    from orchestrator.dialects.postgres.proof.captured import read

    return read(path)


def _arrived(row: ChangeRow, through: State | None) -> bool:
    """Whether ``through`` is reached or passed, or nothing is left to do. Raises Blocked when it can never be reached."""
    if through is not None and arrived(row.state, through):
        return True
    if row.state not in TERMINAL:
        return False
    if through is not None:
        raise Blocked(f"{row.id} is {row.state.value}, and never {through.value} again", f"orch audit {row.id}")
    return True
