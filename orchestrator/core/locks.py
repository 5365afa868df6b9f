"""Who waits for whom on a target: sessions, what they hold and want, and the tree they make.

Why it exists: "blocked" helps nobody; who blocks, since when and with which lock does. The server says for each waiting session
which others stand in its way (pg_blocking_pids), queued ones too; the tree is made of that here, purely, cycles included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

LONGEST = 400
"""Characters of a statement that are kept."""
_TOKENS = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"?)
      | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<text>\be'(?:[^'\\]|''|\\.)*(?:'|\Z)|'(?:[^']|'')*(?:'|\Z)|(?P<tag>\$(?:[a-z_]\w*)?\$).*?(?:(?P=tag)|\Z))""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""What an apostrophe may stand in. The server cuts statements, so each may end with the text."""
_SPACE = re.compile(r"\s+")


def cleaned(statement: str | None) -> str:
    """A statement on one line, without the texts in it: they may be what people keep in rows, or a password."""
    if statement is None:
        return ""
    short = _SPACE.sub(" ", _TOKENS.sub(_without_text, statement)).strip()
    return short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"


def _without_text(token: re.Match[str]) -> str:
    return token[0] if token["name"] else "'…'" if token["text"] else " "


@dataclass(frozen=True, slots=True)
class LockSession:
    """A session that waits or stands in the way. ``change`` is the Change it works for, where it is ours; seconds.

    ``pid`` 0 is a prepared transaction, which no session has. ``started`` is None where it could not be read.
    """

    pid: int
    started: datetime | None
    user: str
    application: str
    state: str
    event: str
    in_state: float
    in_transaction: float
    statement: str
    ours: bool = False
    change: str | None = None


@dataclass(frozen=True, slots=True)
class LockWait:
    """``waiter`` wants ``mode`` on ``what`` since ``seconds``; ``blocker`` has ``held`` there, or asked before."""

    waiter: int
    blocker: int
    mode: str
    what: str
    held: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TargetLocks:
    """Everybody on one target who waits for a lock or is waited for. ``trouble`` is why that could not be read."""

    target: str
    sessions: tuple[LockSession, ...] = ()
    waits: tuple[LockWait, ...] = ()
    trouble: str = ""

    @property
    def waiting(self) -> frozenset[int]:
        """Who waits."""
        return frozenset(wait.waiter for wait in self.waits)

    def session(self, pid: int) -> LockSession | None:
        """The session of that number."""
        return next((each for each in self.sessions if each.pid == pid), None)

    def wants(self, pid: int) -> LockWait | None:
        """What it waits for: a session waits for one lock at a time."""
        return next((wait for wait in self.waits if wait.waiter == pid), None)

    def stands_in_the_way(self, pid: int) -> tuple[LockWait, ...]:
        """Who waits for it, the longest first."""
        return tuple(sorted((w for w in self.waits if w.blocker == pid), key=lambda w: (-w.seconds, w.waiter)))

    def blocks_ours(self, pid: int) -> bool:
        """Whether a session of ours waits for it, directly or behind others."""
        behind = {node.session.pid for node in self._below(pid, 0, {pid})}
        return any(each.ours for each in self.sessions if each.pid in behind)

    def of_change(self, change: str) -> TargetLocks:
        """Only what concerns a Change: its sessions, those in its way and those that wait for it."""
        ours = {each.pid for each in self.sessions if each.change == change}
        waits = tuple(wait for wait in self.waits if wait.waiter in ours or wait.blocker in ours)
        near = ours | {pid for wait in waits for pid in (wait.waiter, wait.blocker)}
        return TargetLocks(self.target, tuple(s for s in self.sessions if s.pid in near), waits, self.trouble)

    def tree(self) -> tuple[Node, ...]:
        """Those nobody keeps waiting first, each followed by who waits for it. Nobody is left out; a circle ends."""
        rows: list[Node] = []
        told: set[int] = set()
        for root in self._roots():
            if root.pid in told:
                continue
            told.add(root.pid)
            rows += [Node(root, 0, None), *self._below(root.pid, 1, told)]
        return tuple(rows)

    def _roots(self) -> list[LockSession]:
        """Blockers that wait for nobody, with the longest queue first; then the rest, of whom some are in a circle."""
        waiting, blocking = self.waiting, {wait.blocker for wait in self.waits}
        return sorted(
            (each for each in self.sessions if each.pid in waiting | blocking),
            key=lambda each: (each.pid in waiting, -len(self.stands_in_the_way(each.pid)), each.pid),
        )

    def _below(self, pid: int, depth: int, told: set[int]) -> Iterator[Node]:
        for wait in self.stands_in_the_way(pid):
            session = self.session(wait.waiter)
            if session is None:
                continue
            again = wait.waiter in told
            yield Node(session, depth, wait, again)
            if not again:
                told.add(wait.waiter)
                yield from self._below(wait.waiter, depth + 1, told)


@dataclass(frozen=True, slots=True)
class Node:
    """A session in the tree, and what it waits for there. ``again``: it was shown before, with all below it."""

    session: LockSession
    depth: int
    wait: LockWait | None
    again: bool = False
