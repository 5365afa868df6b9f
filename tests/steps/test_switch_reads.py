"""The read switch is on when it is wholly on; on the way there, one part after the other."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import SwitchReads
from tests.steps.scene import Case, Scene, expect

INSERT = "INSERT INTO orch_target.read_switch (change_id, percent) VALUES "
SET = INSERT + "('c', {}) ON CONFLICT (change_id) DO UPDATE SET percent = excluded.percent"
KEYS = "SELECT array_agg(i) FROM generate_series(1, 10000) i WHERE orch_target.reads_new('c', i::text)"
CLOCK = "SELECT orch_target.reads_new('c'), orch_target.reads_new('c', NULL)"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        (INSERT + "('c', 0), ('d', 100)", Seen.ABSENT, ""),
        (INSERT + "('c', 100)", Seen.DONE, ""),
        (INSERT + "('c', 40)", Seen.PARTIAL, "reads of c are switched for 40 %"),
    ],
)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    expect(scene, SwitchReads("c"), case)


def test_a_part_is_done_from_its_percentage_on(scene: Scene) -> None:
    step = SwitchReads("c", percent=50, before=10, after=60.0)
    seen = {}
    for percent in (0, 10, 30, 50, 51, 100):
        scene.run(SET.format(percent))
        seen[percent] = scene.sees(step).seen
    a, p, d = Seen.ABSENT, Seen.PARTIAL, Seen.DONE
    assert seen == {0: a, 10: a, 30: p, 50: d, 51: d, 100: d}


def test_a_part_is_sent_and_taken_back_wholly(scene: Scene) -> None:
    scene.run(SET.format(10))
    step = SwitchReads("c", percent=50, before=10)
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.link.execute("SELECT percent FROM orch_target.read_switch").fetchall() == [(0,)]


def test_the_function_that_applications_ask_says_the_same(scene: Scene) -> None:
    for percent, seen in ((100, Seen.DONE), (0, Seen.ABSENT)):
        scene.run(SET.format(percent))
        answer = scene.link.execute("SELECT orch_target.reads_new('c')").fetchone()
        assert (scene.sees(SwitchReads("c")).seen, answer) == (seen, (seen is Seen.DONE,))


def _keys(scene: Scene, percent: int) -> set[int]:
    scene.run(SET.format(percent))
    row = scene.link.execute(KEYS.encode()).fetchone()
    assert row is not None
    return set(row[0] or [])


def test_whoever_read_the_new_shape_goes_on_doing_so_as_the_ramp_rises(scene: Scene) -> None:
    before: set[int] = set()
    for percent in (0, 1, 10, 33, 50, 99, 100):
        keys = _keys(scene, percent)
        assert before <= keys
        assert abs(len(keys) - percent * 100) < 200  # of 10,000 keys; four standard deviations
        before = keys


def test_halfway_one_transaction_gets_one_answer_and_others_may_get_another(scene: Scene) -> None:
    scene.run(SET.format(50))
    scene.link.execute("SET TimeZone = 'Pacific/Apia'")
    first = scene.link.execute(CLOCK.encode()).fetchone()
    scene.link.execute("SET TimeZone = 'UTC'")
    scene.link.execute("SELECT pg_sleep(0.01)")
    assert scene.link.execute(CLOCK.encode()).fetchone() == first
    assert first in ((True, True), (False, False))
