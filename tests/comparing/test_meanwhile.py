"""The application writes between two ranges: nothing that is right is called wrong, and nothing wrong gets away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from orchestrator.core.errors import Waiting
from orchestrator.core.progress import Progress
from orchestrator.core.sight import Sight
from orchestrator.core.throttle import Pressure
from orchestrator.engine import comparing, monitor
from state.model import State, Verdict
from tests.comparing.conftest import Ranges, Walked
from tests.support.changes import Bench, Change

RENAME = "rename_column: {table: TABLEt, column: a, to: b}"
ROWS = 70
UNSEEN = "SET session_replication_role = replica"
SEEN = "RESET session_replication_role"


@pytest.fixture
def change(bench: Bench, ranges: Ranges) -> Change:
    """A filled table, before the switch."""
    bench.run("CREATE TABLE t (k int PRIMARY KEY, a text, c text)")
    bench.run(f"INSERT INTO t SELECT i, 'a' || i, 'c' FROM generate_series(1, {ROWS}) i")
    made = bench.submit(RENAME)
    made.to(State.BACKFILLED)
    ranges.seen.clear()
    return made


def _at(walked: Walked, action: Callable[[], None], key: int = 35) -> None:
    """Do something once, when the comparison of the shapes has come past a key."""
    done: list[bool] = []

    def once(check: str, position: tuple[str, ...] | None) -> None:
        if not done and check.startswith("shapes_agree") and position and int(position[0]) >= key:
            done.append(True)
            action()

    walked(once)


def test_a_wrong_row_whose_key_moves_behind_is_found(bench: Bench, change: Change, walked: Walked) -> None:
    """F9, by key: it was ahead while what is behind was read, and behind when what is ahead was."""
    bench.run(UNSEEN, "UPDATE t SET b = 'drifted' WHERE k = 60", SEEN)
    _at(walked, lambda: bench.run("UPDATE t SET k = -1 WHERE k = 60"))
    found = change.finding("shapes_agree")
    assert (found.verdict, found.mismatches, found.samples) == (Verdict.FAIL, 1, ("k=-1",))


def test_a_wrong_row_that_is_written_behind_is_found(bench: Bench, change: Change, walked: Walked) -> None:
    _at(walked, lambda: bench.run(UNSEEN, "INSERT INTO t VALUES (-5, 'a', 'c', 'drifted')", SEEN))
    assert change.finding("shapes_agree").samples == ("k=-5",)


def test_rows_beyond_the_last_key_of_the_beginning_are_compared(
    bench: Bench, change: Change, walked: Walked, ranges: Ranges
) -> None:
    more = f"INSERT INTO t SELECT i, 'a', 'c' FROM generate_series({ROWS + 1}, {ROWS + 50}) i"
    _at(walked, lambda: bench.run(more, UNSEEN, f"UPDATE t SET b = 'drifted' WHERE k = {ROWS + 40}", SEEN))
    found = change.finding("shapes_agree")
    assert (found.rows, found.samples) == (ROWS + 50, (f"k={ROWS + 40}",))


def test_what_the_application_writes_meanwhile_is_never_called_wrong(
    bench: Bench, change: Change, walked: Walked
) -> None:
    """Both shapes, keys, rows that come and go: at full speed in sessions of its own, while the table is compared."""
    over = threading.Event()
    written = [0, 0]
    failed: list[BaseException] = []

    def write(number: int) -> None:
        link = bench.connect()
        try:
            while not over.is_set():
                written[number] += 1
                some = written[number] % ROWS + 1
                link.execute(f"UPDATE t SET a = a || 'x' WHERE k % 7 = {some % 7}".encode())
                link.execute(f"UPDATE t SET b = 'n' || {some} WHERE k = {some}".encode())
                link.execute(f"UPDATE t SET k = k + {1000 * (number + 1)} WHERE k = {some}".encode())
                link.execute(
                    f"UPDATE t SET k = k - {1000 * (number + 1)} WHERE k = {some + 1000 * (number + 1)}".encode()
                )
                link.execute(
                    f"INSERT INTO t (k, a) VALUES ({-some - number * 1000}, 'y') ON CONFLICT DO NOTHING".encode()
                )
                link.execute(f"DELETE FROM t WHERE k = {-some - number * 1000}".encode())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            found = change.finding("shapes_agree")
            assert (found.verdict, found.detail) == (Verdict.PASS, f"0 of {found.rows} rows differ")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert min(written) > 10


def test_a_sync_that_is_replaced_meanwhile_leaves_no_verdict(bench: Bench, change: Change, walked: Walked) -> None:
    ((trigger,),) = bench.rows(
        "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname LIKE '%upd'"
    )
    off_and_on = (f"ALTER TABLE t DISABLE TRIGGER {trigger}", f"ALTER TABLE t ENABLE TRIGGER {trigger}")
    _at(walked, lambda: bench.run(off_and_on[0], "UPDATE t SET a = 'drifted' WHERE k = 1", off_and_on[1]))
    found = change.finding("shapes_agree")
    assert found.verdict is Verdict.UNKNOWN
    assert "was replaced" in found.detail


def test_a_table_that_is_made_anew_meanwhile_leaves_no_verdict(bench: Bench, change: Change, walked: Walked) -> None:
    again = ("CREATE TABLE u (LIKE t INCLUDING ALL)", "DROP TABLE t", "ALTER TABLE u RENAME TO t")
    _at(walked, lambda: bench.run(*again))
    assert change.finding("shapes_agree").verdict is Verdict.UNKNOWN


def test_somebodys_lock_is_waited_out_and_told(bench: Bench, change: Change, walked: Walked) -> None:
    other = bench.connect(autocommit=False)
    told: list[Progress] = []
    _at(walked, lambda: other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE"))  # type: ignore[arg-type]

    def listen(progress: Progress) -> None:
        told.append(progress)
        if progress.throttle:
            other.rollback()

    found = change.service.verify(change.id, checks=["shapes_agree"], listen=listen).findings[0]
    assert (found.verdict, found.rows) == (Verdict.PASS, ROWS)
    assert any("waits for a lock on" in (progress.throttle or "") for progress in told)


def test_a_signal_stops_it_is_told_and_it_goes_on_by_itself(
    bench: Bench, change: Change, walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = [1.0, 1.0]
    shown: list[str | None] = []

    class Press:
        name = "press"

        def read(self, _: Sight) -> Iterator[Pressure]:
            yield Pressure("press", pressed.pop() if pressed else 0.0, "the press is hot")

    monkeypatch.setattr(comparing, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(monitor, "EVERY", 0.3)
    monkeypatch.setattr(monitor, "discover", lambda _: {"press": Press})

    def listen(progress: Progress) -> None:
        if progress.throttle:
            status = change.service.status(change.id)
            shown.extend(each["throttle"] for each in status.to_json()["comparisons"])

    assert change.service.verify(change.id, listen=listen).findings[0].verdict is Verdict.PASS
    assert pressed == []
    assert set(shown) == {"the press is hot"}
    assert change.service.status(change.id).comparisons == ()


def test_a_hold_stops_an_advance_within_a_range(bench: Bench, change: Change, walked: Walked, ranges: Ranges) -> None:
    _at(walked, lambda: (change.service.pause(change.id, reason="not now"), None)[1])
    bench.run(f"UPDATE t SET c = 'd' WHERE k <= {ROWS}")
    from orchestrator.engine import run

    original = run.HOLD_POLL
    run.HOLD_POLL = 0.0
    try:
        with pytest.raises(Waiting, match="not now"):
            change.service.advance(change.id)
    finally:
        run.HOLD_POLL = original
    assert 35 <= ranges.rows("shapes_agree") <= 42
    change.service.resume(change.id)
    assert change.service.advance(change.id).state is State.SWITCHED
