"""The tree of who waits for whom, and what is shown of statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.locks import LONGEST, LockSession, LockWait, TargetLocks, cleaned


def session(pid: int, *, ours: bool = False, change: str | None = None) -> LockSession:
    return LockSession(pid, None, "u", "app", "active", "", 0.0, 0.0, "", ours, change)


def wait(waiter: int, blocker: int, seconds: float = 1.0) -> LockWait:
    return LockWait(waiter, blocker, "AccessExclusiveLock", "public.orders", "AccessShareLock", seconds)


def drawn(locks: TargetLocks) -> list[tuple[int, int, bool]]:
    return [(node.session.pid, node.depth, node.again) for node in locks.tree()]


def test_the_head_of_a_queue_comes_first_and_the_longest_wait_first_below_it() -> None:
    locks = TargetLocks("t", tuple(map(session, (1, 2, 3, 4))), (wait(2, 1, 5), wait(3, 2, 1), wait(4, 1, 9)))
    assert drawn(locks) == [(1, 0, False), (4, 1, False), (2, 1, False), (3, 2, False)]


def test_who_waits_for_two_is_drawn_out_once() -> None:
    locks = TargetLocks("t", tuple(map(session, (1, 2, 3, 4))), (wait(3, 1), wait(3, 2), wait(4, 3)))
    assert drawn(locks) == [(1, 0, False), (3, 1, False), (4, 2, False), (2, 0, False), (3, 1, True)]


def test_a_circle_ends() -> None:
    locks = TargetLocks("t", tuple(map(session, (1, 2))), (wait(1, 2), wait(2, 1)))
    assert drawn(locks) == [(1, 0, False), (2, 1, False), (1, 2, True)]


def test_behind_others_ours_is_blocked_too() -> None:
    locks = TargetLocks("t", (session(1), session(2), session(3, ours=True)), (wait(2, 1), wait(3, 2)))
    assert locks.blocks_ours(1)
    assert locks.blocks_ours(2)
    assert not locks.blocks_ours(3)


def test_of_a_change_only_what_is_near_it() -> None:
    ours = session(2, ours=True, change="c")
    locks = TargetLocks("t", (session(1), ours, session(3), session(4)), (wait(2, 1), wait(4, 3)))
    assert {each.pid for each in locks.of_change("c").sessions} == {1, 2}


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] != pair[1]), max_size=20))
def test_everybody_is_in_the_tree_and_drawn_out_once(pairs: list[tuple[int, int]]) -> None:
    locks = TargetLocks("t", tuple(map(session, range(9))), tuple(wait(*pair) for pair in dict.fromkeys(pairs)))
    once = [node.session.pid for node in locks.tree() if not node.again]
    assert sorted(once) == sorted({pid for pair in pairs for pid in pair})


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("ALTER ROLE a\n  PASSWORD 'hush'", "ALTER ROLE a PASSWORD '…'"),
        ("SELECT 'it''s' , 'hush'", "SELECT '…' , '…'"),
        (r"SELECT E'a\'hush', 1", "SELECT '…', 1"),
        (r"SELECT 'C:\', 'hush'", "SELECT '…', '…'"),
        ("SELECT 1 -- it's\n, 'hush'", "SELECT 1 , '…'"),
        ("/* it's */ SELECT 'hush'", "SELECT '…'"),
        ("SELECT \"it's\", 'hush'", "SELECT \"it's\", '…'"),
        ("DO $x$ hush 'hush' $$ hush $x$; SELECT $1", "DO '…'; SELECT $1"),
        ("INSERT INTO t VALUES ('hush and cut by the ser", "INSERT INTO t VALUES ('…'"),
        (None, ""),
    ],
)
def test_texts_are_not_shown(statement: str | None, shown: str) -> None:
    assert cleaned(statement) == shown


def test_a_long_statement_is_cut() -> None:
    assert len(cleaned("x" * 5000)) == LONGEST


@given(st.text("'\"$e\\-/*x \n", max_size=30), st.text("abc", min_size=1, max_size=5))
def test_a_statement_is_one_line(before: str, word: str) -> None:
    assert "\n" not in cleaned(f"{before}{word}")
