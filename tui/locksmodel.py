"""The Locks as lines: the tree of who waits for whom on the targets, and one session in full.

Why it exists: a step that does not get its lock waits for a person who does not know of it. The one to look at stands on top:
whoever waits for nobody and keeps the most waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.core.locks import LockSession, LockWait, Node, TargetLocks
from tui.detailmodel import section
from tui.line import Line, Role, Span, line, pad, paragraph
from tui.numbers import age_text
from tui.viewmodel import Locks

DEEPEST = 4
"""Levels that are drawn indented; those below stand as deep."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. ``node`` is None for the heading of a target, and for what is said instead of a tree."""

    key: str
    target: TargetLocks
    node: Node | None = None


def key_of(target: TargetLocks, session: LockSession) -> str:
    """What the cursor follows: the same number started at another time is somebody else."""
    return f"{target.target}/{session.pid}/{session.started}"


def rows(locks: Locks | None) -> list[Row]:
    """The list in order: each target that has something to tell, with its tree."""
    found: list[Row] = []
    for target in locks.targets if locks else ():
        tree = target.tree()
        if target.trouble or (tree and locks is not None and len(locks.targets) > 1):
            found.append(Row(target.target, target))
        again = (f"{key_of(target, n.session)}{f'#{at}' if n.again else ''}" for at, n in enumerate(tree))
        found += [Row(key, target, node) for key, node in zip(again, tree, strict=True)]
    return found


def locks_heading(locks: Locks | None, width: int) -> Line:
    """The names of the columns, and how old this is."""
    age = f"read {age_text(locks.age)} ago " if locks else ""
    text = f"   {'PID':<15}{pad('WHO', _who(width))} STATE / LOCK"
    room = width - len(age)
    return (
        line(width, (pad(text, room), Role.MUTED), (age, Role.MUTED)) if room > 30 else line(width, (text, Role.MUTED))
    )


def locks_lines(locks: Locks | None, width: int) -> list[Line]:
    """One line for each session; when nobody waits, that."""
    found = rows(locks)
    if found:
        return [_row(row, width) for row in found]
    text = "Reading the locks." if locks is None else "Nobody waits for a lock on any target."
    return [line(width, (f"   {text}", Role.MUTED))]


def _row(row: Row, width: int) -> Line:
    target, node = row.target, row.node
    if node is None:
        trouble = f": {target.trouble}" if target.trouble else ""
        role = Role.BAD if trouble else Role.TITLE
        return line(width, (f" {'✖' if trouble else '·'} {target.target or 'locks'}{trouble}", role))
    session, depth = node.session, min(node.depth, DEEPEST)
    mark, role = ("‖", Role.WARN) if node.wait else ("✖", Role.BAD)
    pid = f" {'  ' * depth}{mark} {session.pid}"
    who = pad(who_text(session), _who(width)) + " "
    return line(
        width, (pad(pid, 18), role), (who, Role.MOVE if session.ours else Role.PLAIN), (_doing(row, node), Role.PLAIN)
    )


def _who(width: int) -> int:
    return 12 if width < 70 else min(20 + max(width - 80, 0) // 4, 36)


def who_text(session: LockSession) -> str:
    """The change that ours work for; of others what they call themselves, or their login."""
    if session.ours:
        return f"OURS {session.change or session.application}"
    return session.application or session.user or "?"


def _doing(row: Row, node: Node) -> str:
    session, wait = node.session, node.wait
    if node.again:
        return "waits here, too; see above"
    if wait is not None:
        return f"waits {age_text(wait.seconds)} for {short(wait.mode)} on {wait.what}"
    behind = row.target.stands_in_the_way(session.pid)
    return f"{session.state} {age_text(session.in_state)}, {len(behind)} behind: {_held(behind)}"


def _held(behind: tuple[LockWait, ...]) -> str:
    first = behind[0] if behind else None
    return f"{short(first.held) or 'queued before'} on {first.what}" if first else ""


def short(mode: str) -> str:
    """``AccessShare`` for ``AccessShareLock``."""
    return mode.replace("Lock", "")


def session_panel(target: TargetLocks | None, session: LockSession | None, width: int) -> list[Line]:
    """One session in full: who it is, what it does and since when, whom it keeps waiting."""
    if target is None or session is None:
        return []
    head = f" backend {session.pid}  "
    facts = f"{who_text(session)}  user {session.user or '?'}  target {target.target}"
    lines = [line(width, (head, Role.TITLE), (facts, Role.MOVE if session.ours else Role.PLAIN))]
    since = f"{session.state} for {age_text(session.in_state)}, transaction open for {age_text(session.in_transaction)}"
    started = f", connected {session.started:%Y-%m-%d %H:%M:%S}Z" if session.started else ""
    waits = f", waits: {session.event}" if session.event else ""
    lines += paragraph(width, since + waits + started, lead=(" ", Role.PLAIN))
    said = "runs" if session.state == "active" else "ran last"
    lines += paragraph(width, session.statement or "not to be seen by this login", lead=(f" {said} ", Role.MUTED))
    for spans in _relations(target, session):
        lines += paragraph(width, spans[1][0], lead=spans[0])
    return lines


def remedy_lines(target: TargetLocks | None, session: LockSession | None, width: int) -> list[Line]:
    """What K would do to the session, or why nothing."""
    if target is None or session is None:
        return []
    return paragraph(width, remedy(target, session)[1], Role.MUTED, lead=(" K  ", Role.MUTED))


def _relations(target: TargetLocks, session: LockSession) -> Iterator[tuple[Span, Span]]:
    for wait in target.waits:
        if wait.waiter == session.pid:
            text = f"{wait.blocker} for {wait.mode} on {wait.what} since {age_text(wait.seconds)}"
            yield (" ‖ waits for ", Role.WARN), (f"{text}, which has {wait.held or 'asked before'}", Role.PLAIN)
    for wait in target.stands_in_the_way(session.pid):
        waiter = target.session(wait.waiter)
        who = f" ({who_text(waiter)})" if waiter else ""
        text = f"{wait.waiter}{who} since {age_text(wait.seconds)}, wants {wait.mode} on {wait.what}"
        yield (" ✖ blocks ", Role.BAD), (text, Role.PLAIN)


def remedy(target: TargetLocks, session: LockSession) -> tuple[bool, str]:
    """Whether the session may be ended from here, and what that would do, or why not. The service has the last word."""
    if session.ours:
        return False, f"not from here: it is ours; p pauses {session.change or 'its change'} after the batch in hand"
    if session.pid == 0:
        return False, "not from here: COMMIT PREPARED or ROLLBACK PREPARED, see pg_prepared_xacts"
    if session.started is None or not target.stands_in_the_way(session.pid):
        return False, "not from here: nobody waits for it"
    if session.state == "active":
        return True, "cancels the statement it runs; the session goes on"
    return (
        True,
        "ends the session: it sleeps in a transaction, and only its end frees the locks. What it did in it is rolled back",
    )


def locks_of_change(locks: Locks | None, change: str, width: int) -> list[Line]:
    """The part of Detail: who stands in the way of this change, and who waits for it; nothing when nobody does."""
    near = [target.of_change(change) for target in locks.targets] if locks else []
    found = [row for target in near for row in rows(Locks((target,), 0.0)) if row.node is not None]
    if not found:
        return []
    return [
        *section(width, f"LOCKS  read {age_text(locks.age if locks else 0.0)} ago"),
        *(_row(row, width) for row in found),
    ]
