"""What each tool's own table says of the files that were exported for it, without a database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from orchestrator.core.exported import Exported, Unit
from orchestrator.exporting import alembic, golang_migrate, prisma
from orchestrator.exporting._model import Ledger, Row, Start, Tool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = (
    Unit("expand", "add", ("SELECT 1",), (), ""),
    Unit("expand", "sync", ("SELECT 2",), (), ""),
    Unit("contract", "park", ("SELECT 2",), (), ""),
)
THREE = Exported("change", "a" * 64, UNITS, (("expand", "feat"), ("contract", "chore")))
VERSIONS = ("42", "43", "44")


def read(tool: Tool, rows: Sequence[Row], versions: Sequence[str] = ()) -> Ledger | None:
    assert tool.history is not None
    return tool.history.read(THREE, rows, versions)


def test_a_head_of_alembic_stands_for_what_comes_before_it() -> None:
    names = [path.split("/")[1].split("_")[0] for path in alembic.plugin.write(THREE, Start(NOW))]
    for number, name in enumerate(names, 1):
        found = read(alembic.plugin, [("other",), (name,)])
        assert found is not None
        assert found.units == frozenset(range(1, number + 1))
    assert read(alembic.plugin, [("other",)]) is None
    assert read(alembic.plugin, []) is None


def test_golang_migrate_counts_up_to_its_version_but_not_one_that_broke_off() -> None:
    clean, dirty = (read(golang_migrate.plugin, [(43, state)], VERSIONS) for state in (False, True))
    assert clean is not None
    assert (clean.units, clean.trouble) == (frozenset({1, 2}), "")
    assert dirty is not None
    assert dirty.units == {1}
    assert "43 is dirty" in dirty.trouble


def test_golang_migrate_says_nothing_by_a_version_of_the_teams() -> None:
    for version, versions in ((45, VERSIONS), (41, VERSIONS), (43, ())):
        found = read(golang_migrate.plugin, [(version, False)], versions)
        assert found is not None
        assert not found.units
    assert read(golang_migrate.plugin, [], VERSIONS) is None


def test_the_versions_that_are_remembered_are_those_of_the_files() -> None:
    for start in (Start(NOW), Start(NOW, "000041")):
        assert golang_migrate.plugin.versions is not None
        files = {path.split("/")[1].split("_")[0] for path in golang_migrate.plugin.write(THREE, start)}
        assert files == set(golang_migrate.plugin.versions(THREE, start))


def test_prisma_counts_what_finished_and_was_not_rolled_back() -> None:
    files = prisma.plugin.write(THREE, Start(NOW))
    sums = [
        hashlib.sha256(files[path].encode()).hexdigest() for path in sorted(files) if path.endswith("/migration.sql")
    ]
    ran = read(prisma.plugin, [("1", sums[0], NOW, None), ("2", sums[1], NOW, NOW), ("3", "other", NOW, None)])
    assert ran is not None
    assert (ran.units, ran.trouble) == (frozenset({1}), "")
    broken = read(prisma.plugin, [("1", sums[0], NOW, None), ("2", sums[1], None, None)])
    assert broken is not None
    assert broken.units == {1}
    assert "2 broke off" in broken.trouble
    assert read(prisma.plugin, [("2", sums[1], NOW, NOW)]) is None
