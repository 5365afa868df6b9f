"""The tree of locks as lines, and what may be ended from there."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from rich.cells import cell_len

from orchestrator.core.locks import LockSession, TargetLocks
from tests.tui import strategies as some
from tests.tui.fakes import LOCKS, NOW, session
from tui.cancel import moved
from tui.headermodel import summary_line
from tui.line import text_of
from tui.locksmodel import locks_heading, locks_lines, locks_of_change, remedy, remedy_lines, rows, session_panel
from tui.viewmodel import Locks, World

SEEN = Locks(LOCKS, 0.4)
(SHOP,) = LOCKS
BATCH, OURS, APP = SHOP.sessions


def test_the_one_in_the_way_stands_on_top_and_the_queue_below_it() -> None:
    shown = [text_of(made) for made in locks_lines(SEEN, 120)]
    assert [made.split()[1] for made in shown] == ["48213", "51877", "51902"]
    assert "idle in transaction 6m, 1 behind: AccessShare on public.carts" in shown[0]
    assert "OURS carts-drop-legacy" in shown[1]
    assert "waits 1.2s for AccessExclusive on public.carts" in shown[1]
    assert shown[2].index("‖") > shown[1].index("‖") > shown[0].index("✖")


def test_two_targets_have_a_heading_each_and_a_lost_one_says_why() -> None:
    lost = TargetLocks("stock", trouble="the target is unreachable")
    shown = [text_of(made).strip() for made in locks_lines(Locks((SHOP, lost), 0.0), 100)]
    assert shown[0] == "· shop"
    assert shown[-1] == "✖ stock: the target is unreachable"


def test_nobody_waits_and_nothing_read_are_different_things() -> None:
    assert "Nobody waits" in text_of(locks_lines(Locks((TargetLocks("shop"),), 0.0), 80)[0])
    assert "Reading" in text_of(locks_lines(None, 80)[0])


def test_a_sleeper_is_ended_a_statement_cancelled_and_ours_paused() -> None:
    assert remedy(SHOP, BATCH) == (
        True,
        "ends the session: it sleeps in a transaction, and only its end frees the locks. What it did in it is rolled back",
    )
    assert remedy(SHOP, replace(BATCH, state="active"))[1].startswith("cancels the statement")
    assert remedy(SHOP, OURS) == (
        False,
        "not from here: it is ours; p pauses carts-drop-legacy after the batch in hand",
    )
    assert not remedy(SHOP, APP)[0]
    assert "pg_prepared_xacts" in remedy(SHOP, replace(BATCH, pid=0))[1]


def test_the_panel_says_who_waits_for_it() -> None:
    shown = "\n".join(map(text_of, session_panel(SHOP, BATCH, 100)))
    assert "blocks 51877 (OURS carts-drop-legacy) since 1.2s, wants AccessExclusiveLock on public.carts" in shown


def test_whatever_moved_voids_the_answer() -> None:
    def world(*sessions: LockSession) -> World:
        return World(NOW, age=0.1, locks=Locks((replace(SHOP, sessions=sessions),), 0.1))

    assert moved(SHOP, BATCH, world(*SHOP.sessions)) == ""
    assert "is active by now" in moved(SHOP, BATCH, world(replace(BATCH, state="active"), OURS))
    assert "any more" in moved(SHOP, BATCH, world(replace(BATCH, started=NOW), OURS))
    assert "any more" in moved(SHOP, BATCH, world(OURS, APP))
    assert "cannot be read" in moved(SHOP, BATCH, World(NOW, age=0.1))
    assert "cannot be read" in moved(SHOP, BATCH, World(NOW, age=0.1, locks=Locks((replace(SHOP, trouble="x"),), 0.1)))


def test_a_change_sees_only_what_is_near_it() -> None:
    shown = [text_of(made) for made in locks_of_change(SEEN, "carts-drop-legacy", 100)]
    assert "LOCKS" in shown[1]
    assert locks_of_change(SEEN, "orders-email", 100) == []
    assert locks_of_change(None, "carts-drop-legacy", 100) == []


def test_the_header_counts_who_waits() -> None:
    assert "3 Locks(2)" in text_of(summary_line(World(NOW, age=0.1, locks=SEEN), 120))


@settings(max_examples=100, deadline=None)
@given(some.locks, some.widths)
def test_every_line_is_exactly_as_wide_as_the_screen(locks: Locks | None, width: int) -> None:
    lines = [locks_heading(locks, width), *locks_lines(locks, width), *locks_of_change(locks, "c", width)]
    for row in rows(locks):
        one = row.node.session if row.node else session(1, "a", "b", 0.0, "")
        lines += [*session_panel(row.target, one, width), *remedy_lines(row.target, one, width)]
    assert {cell_len(text_of(made)) for made in lines} == {width}


@settings(max_examples=100, deadline=None)
@given(some.locks)
def test_no_two_rows_have_the_same_key(locks: Locks | None) -> None:
    if locks is not None and len({target.target for target in locks.targets}) == len(locks.targets):
        keys = [row.key for row in rows(locks)]
        assert len(keys) == len(set(keys))
