"""That rows were filled leaves nothing in the catalog but the marker; that they cannot be does."""

from __future__ import annotations

from orchestrator.core.ports import Seen
from orchestrator.core.step import Backfill, Filled
from orchestrator.core.sync import Argument, Conversion
from tests.steps.scene import ORDERS, Scene, expect

STEP = Backfill(ORDERS, "note", (Argument("id", "bigint"),), "s1", source="email")


def test_what_is_seen(scene: Scene) -> None:
    expect(scene, STEP, ("", Seen.ABSENT, ""))
    scene.run("INSERT INTO orch_target.marker (step_id, fence, plan_sha256, passed) VALUES ('s', 1, 'p', true)")
    expect(scene, STEP, ("", Seen.ABSENT, ""))
    expect(scene, STEP, ("UPDATE orch_target.marker SET done_at = now()", Seen.DONE, ""))
    expect(scene, STEP, ("ALTER TABLE orders DROP note", Seen.FOREIGN, "has no column note"))


def test_each_of_its_columns_must_be_there(scene: Scene) -> None:
    value = Conversion("up_s1", "'x'", (), "text")
    step = Backfill(ORDERS, "note", (), "s1", value=value, also=(Filled("fresh", value),))
    expect(scene, step, ("", Seen.FOREIGN, "has no column fresh"))
    expect(scene, step, ("ALTER TABLE orders ADD fresh text", Seen.ABSENT, ""))
