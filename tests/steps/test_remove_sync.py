"""A sync is removed when nothing of it is left, neither trigger nor function."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import InstallSync, RemoveSync
from orchestrator.core.sync import Argument, Conversion, Fill
from tests.steps.scene import ORDERS, Scene

VALUE = Conversion("fill_s2", "'x'", (), "text")
SYNC = Fill("s2", "c", ORDERS, "note", "character varying(20)", (Argument("id", "bigint"),), "~fill", VALUE)


@pytest.mark.parametrize(
    ("by_hand", "seen"),
    [
        ("SELECT 1", Seen.ABSENT),
        ('DROP TRIGGER "~fill_ins" ON orders', Seen.ABSENT),
        ('ALTER TABLE orders DISABLE TRIGGER "~fill_ins"', Seen.ABSENT),
        (
            'DROP TRIGGER "~fill_ins" ON orders;\nDROP FUNCTION orch_target.sync_s2();\n'
            "DROP FUNCTION orch_target.fill_s2(), orch_target.try_fill_s2(), orch_target.fails_fill_s2()",
            Seen.DONE,
        ),
    ],
)
def test_what_is_seen(scene: Scene, by_hand: str, seen: Seen) -> None:
    scene.send(InstallSync(SYNC))
    scene.run(*by_hand.split(";\n"))
    assert scene.sees(RemoveSync(SYNC)).seen is seen


def test_a_rest_is_removed_by_sending_it_and_undone_by_installing(scene: Scene) -> None:
    scene.send(InstallSync(SYNC))
    scene.run('DROP TRIGGER "~fill_ins" ON orders')
    scene.send(RemoveSync(SYNC))
    assert scene.sees(RemoveSync(SYNC)).seen is Seen.DONE
    scene.send(RemoveSync(SYNC), undo=True)
    assert scene.sees(InstallSync(SYNC)).seen is Seen.DONE
