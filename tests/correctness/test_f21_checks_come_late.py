"""F21: a CHECK on rows that are not filled yet fails unrelated updates of the application."""

from __future__ import annotations

import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.support.release import Release


@pytest.mark.parametrize(
    "operation",
    [
        "rename_column: {table: t, column: email, to: mail}",
        "change_type: {table: t, column: n, to: big, type: bigint}",
        "set_not_null: {table: t, column: email, fill: \"'none'\"}",
        "set_not_null: {table: t, column: email, fill: \"st || 'x'\"}",
        "add_column: {table: t, column: fresh, type: text, fill: \"'f'\", not_null: true}",
        "add_column: {table: t, column: fresh, type: uuid, default: gen_random_uuid(), not_null: true}",
    ],
)
def test_an_unrelated_update_succeeds_between_any_two_steps(release: Release, operation: str) -> None:
    release.run("INSERT INTO t (email, n) SELECT 'e', 1 FROM generate_series(1, 30)")
    if "rename" in operation or "change_type" in operation:
        release.run("ALTER TABLE t ALTER email SET NOT NULL", "ALTER TABLE t ALTER n SET NOT NULL")
    else:
        release.run("UPDATE t SET email = NULL WHERE id > 10")
    release.submit(operation, more="backfill: {batch_rows: 10}\n")
    seen: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind in ("step.started", "step.done", "backfill"):
            release.run("UPDATE t SET other = other + 1")
            seen.append(progress.message)

    release.to(State.COMPLETED, listen=listen)
    assert release.rows("SELECT DISTINCT other FROM t") == [(len(seen),)]
    assert len(seen) > 6
