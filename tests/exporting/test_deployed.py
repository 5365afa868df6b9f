"""Phases that the team's own tool has deployed are recognised, proved by the catalog, and gone on from."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from orchestrator.cli.main import main
from orchestrator.cli.statustext import detailed
from orchestrator.core.errors import Busy, Indeterminate, LeaseLost, PlanRefused, Stale
from orchestrator.exporting import alembic as alembic_files
from orchestrator.exporting import golang_migrate, prisma
from orchestrator.exporting._model import Files, Start
from state.model import State
from tests.engine.killer import KILLED
from tests.exporting.tools import alembic, by_message, by_statement
from tests.service.world import ORDERS, QUICK, World, service_at, source

ROOT = Path(__file__).parents[2]
RENAME = "rename_column: {table: orders, column: email, to: mail}"


@pytest.fixture
def world(ready: str) -> Iterator[World]:
    with psycopg.connect(ready, autocommit=True) as link:
        link.execute(ORDERS.encode())
    with service_at(ready) as service:
        yield World(ready, service)


def files(world: World, write: object, operation: str = RENAME, more: str = QUICK) -> Files:
    exported = world.service.exported(source(operation, more=more), "change.yaml")
    return write(exported, Start(datetime(2026, 1, 1, tzinfo=UTC)))  # type: ignore[operator,no-any-return]


class Alembic:
    """The revisions of a change, copied and run phase by phase."""

    def __init__(self, world: World, home: Path, operation: str = RENAME, more: str = QUICK) -> None:
        self.url, self.versions = world.url, home / "versions"
        self.versions.mkdir()
        self.made = home / "made"
        for name, text in files(world, alembic_files.plugin.write, operation, more).items():
            (self.made / name).parent.mkdir(parents=True, exist_ok=True)
            (self.made / name).write_text(text)

    def run(self, *words: str) -> None:
        done = alembic(self.versions, self.url, *words)
        assert done.returncode == 0, done.stderr[-3000:]

    def deploy(self, *phases: str) -> None:
        for phase in phases:
            for file in (self.made / phase).glob("*.py"):
                shutil.copy(file, self.versions)
            self.run("upgrade", "head")


@pytest.fixture
def tool(world: World, tmp_path: Path) -> Alembic:
    """The tool of a submitted change whose expand it has deployed."""
    made = Alembic(world, tmp_path)
    world.submit(RENAME)
    made.deploy("1-expand")
    return made


def test_alembic_deploys_every_phase_and_orch_follows(world: World, tool: Alembic) -> None:
    assert world.to(State.EXPANDED).state is State.EXPANDED
    events = [event for event in world.service.events("change") if event.kind == "phase.deployed"]
    assert [(e.data["phase"], e.data["by"]) for e in events] == [("expand", "alembic")]
    assert str(events[0].data["at"]).startswith("revision ")
    (found,) = world.service.status("change").deployed
    shown = " ".join(" ".join(detailed(world.service.status("change"))).split())
    assert f"expand was deployed by alembic, {found.version}, found at" in shown
    tool.deploy("2-backfill")
    world.to(State.BACKFILLED)
    tool.deploy("3-switch_reads")
    world.to(State.SWITCHED)
    world.service.verify("change")
    world.service.approve("change")
    tool.deploy("4-contract")
    world.to(State.CONTRACTED)
    tool.deploy("5-purge")
    world.to(State.COMPLETED)
    told = [event.data["phase"] for event in world.service.events("change") if event.kind == "phase.deployed"]
    assert told == ["expand", "backfill", "switch_reads", "contract", "purge"]
    assert "break_glass.used" not in world.kinds()
    assert world.service.audit_verify() == []


@pytest.mark.parametrize(
    ("goal", "deployed"),
    [
        (State.EXPANDED, ()),
        (State.CONTRACTED, ("2-backfill", "3-switch_reads", "4-contract")),
        (State.CONTRACTED, ("2-backfill", "3-switch_reads", "4-contract", "5-purge")),
    ],
)
def test_a_worker_killed_while_it_records_what_was_deployed_loses_nothing(
    world: World, tool: Alembic, goal: State, deployed: tuple[str, ...]
) -> None:
    if deployed:
        world.to(State.SWITCHED)
        world.service.approve("change")
    tool.deploy(*deployed)
    before = world.seen()
    command = [sys.executable, "-m", "tests.engine.killer", world.url, "change", goal.value, "events"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])
    assert codes[-1] == 0
    assert (
        codes.count(KILLED)
        > len([step for step in world.service.status("change").steps if step.phase == "expand"]) // 2
    )
    assert world.seen() == before
    assert world.service.status("change").state is goal
    assert world.service.status("change").deployed[-1].by == "alembic"
    assert world.service.audit_verify() == []


def test_two_operators_at_once_record_what_was_deployed_once(world: World, tool: Alembic) -> None:
    before = world.seen()
    together = threading.Barrier(3)

    def advance(_: int) -> str:
        with service_at(world.url) as service:
            together.wait(timeout=60)
            try:
                return service.advance("change", through=State.EXPANDED).state.value
            except (Busy, LeaseLost) as error:
                return type(error).__name__

    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(advance, range(3)))
    assert "expanded" in said, said
    assert world.service.status("change").state is State.EXPANDED
    assert world.kinds().count("phase.deployed") == 1
    assert world.seen() == before
    assert world.service.audit_verify() == []


def test_orch_goes_on_by_itself_after_expand(world: World, tool: Alembic) -> None:
    world.to(State.COMPLETED)
    assert world.rows("SELECT count(*) FROM orders WHERE mail IS NULL") == [(0,)]


def test_contract_past_a_closed_gate_is_said_loudly(world: World, tool: Alembic) -> None:
    world.to(State.SWITCHED)
    tool.deploy("2-backfill", "3-switch_reads", "4-contract")
    before = world.seen()
    with pytest.raises(Indeterminate, match=r"deployed by alembic, revision .* while its gate was closed"):
        world.service.advance("change")
    assert world.seen() == before
    assert world.service.status("change").state is State.SWITCHED
    assert world.service.advance("change", break_glass="it ran at night").state is State.CONTRACTED
    assert world.service.status("change").glass[-1].gate == "contract"
    world.run("UPDATE orders SET quantity = 1")


def test_a_purge_past_a_closed_gate_is_said_and_recorded(world: World, tool: Alembic) -> None:
    world.to(State.SWITCHED)
    tool.deploy("2-backfill", "3-switch_reads", "4-contract", "5-purge")
    before = world.seen()
    with pytest.raises(Indeterminate, match="contract and purge of change was deployed"):
        world.service.advance("change")
    assert world.seen() == before
    world.service.advance("change", break_glass="all files ran at once")
    world.to(State.COMPLETED)
    assert world.seen() == before
    assert world.service.audit_verify() == []


def test_a_purge_before_the_switch_is_never_repaired_into_broken_writes(world: World, tool: Alembic) -> None:
    world.to(State.BACKFILLED)
    tool.deploy("2-backfill", "3-switch_reads", "4-contract", "5-purge")
    before = world.seen()
    with pytest.raises(Indeterminate, match="it is backfilled here"):
        world.service.advance("change")
    world.service.abort("change", reason="no good")
    with pytest.raises(Indeterminate, match="it is aborting here"):
        world.service.advance("change")
    assert world.seen() == before
    world.run("UPDATE orders SET quantity = 2")


def test_a_rename_below_a_view_past_a_closed_gate_is_said(world: World, tmp_path: Path) -> None:
    views = QUICK + "switch_reads: {by: views}\n"
    tool = Alembic(world, tmp_path, RENAME, views)
    world.submit(RENAME, more=views)
    tool.deploy("1-expand")
    world.to(State.SWITCHED)
    tool.deploy(*sorted(each.name for each in tool.made.iterdir())[1:-1])
    before = world.seen()
    with pytest.raises(Indeterminate, match="while its gate was closed"):
        world.service.advance("change")
    assert world.seen() == before
    world.service.advance("change", break_glass="it is done")
    world.to(State.COMPLETED)


def test_contract_before_the_switch_waits_for_the_way_down(world: World, tool: Alembic) -> None:
    world.to(State.BACKFILLED)
    tool.deploy("2-backfill", "3-switch_reads")
    (guard,) = (tool.made / "4-contract").glob("*see_that*")
    tool.deploy("4-contract")
    with pytest.raises(Indeterminate, match="it is backfilled here"):
        world.service.advance("change")
    tool.run("downgrade", guard.name.split("_")[0])
    world.to(State.COMPLETED)


def test_an_abort_never_drops_the_new_shape_while_the_old_is_parked(world: World, tool: Alembic) -> None:
    world.to(State.SWITCHED)
    tool.deploy("2-backfill", "3-switch_reads", "4-contract")
    before = world.seen()
    world.service.abort("change", reason="it is no good")
    with pytest.raises(Indeterminate, match="it is aborting here"):
        world.service.advance("change")
    assert world.seen() == before


def test_a_part_of_expand_names_what_is_lacking(world: World, tool: Alembic) -> None:
    tool.run("downgrade", "-1")
    with pytest.raises(Indeterminate, match="in part: alembic says that it stands at revision"):
        world.service.advance("change")
    tool.run("downgrade", "base")
    world.to(State.EXPANDED)
    assert "phase.deployed" not in world.kinds()


def test_a_revision_without_its_objects_proves_nothing(world: World, tmp_path: Path) -> None:
    tool = Alembic(world, tmp_path)
    world.submit(RENAME)
    for file in (tool.made / "1-expand").glob("*.py"):
        shutil.copy(file, tool.versions)
    tool.run("stamp", "head")
    assert world.to(State.EXPANDED).state is State.EXPANDED  # the plan still fits, so orch brings it about
    assert world.rows("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal") != [
        (0,)
    ]


def test_objects_without_a_revision_wait_for_a_word(world: World) -> None:
    made = files(world, golang_migrate.plugin.write)
    world.submit(RENAME)
    for name in sorted(each for each in made if each.startswith("1-expand") and each.endswith(".up.sql")):
        by_message(world.url, made[name])
    world.run("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    world.run("INSERT INTO schema_migrations VALUES (7, true)")
    with pytest.raises(Indeterminate, match="version 7 is dirty"):
        world.service.advance("change")
    world.run("UPDATE schema_migrations SET dirty = false")
    with pytest.raises(Stale, match="no migration tool's table says who deployed it"):
        world.service.advance("change")
    world.service.attest("change", deploy="expand", release="7")
    world.to(State.COMPLETED)


@pytest.fixture
def migrated(world: World, tmp_path: Path) -> Callable[[int, bool], None]:
    """A submitted change that was exported for golang-migrate after version 41, and whose expand ran; sets the tool's table."""
    world.submit(RENAME)
    (tmp_path / "orch.toml").write_text(f'registry = "{world.url}"\n[targets.shop]\nurl = "{world.url}"\n')
    words = ("export", "change", "--format", "golang-migrate", "--after", "000041", "--out", str(tmp_path / "made"))
    assert main((*words, "--config", str(tmp_path / "orch.toml"))) == 0
    for file in sorted((tmp_path / "made" / "1-expand").glob("*.up.sql")):
        by_message(world.url, file.read_text())
    world.run("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")

    def table(later: int, dirty: bool) -> None:
        last = max(int(file.name.split("_")[0]) for file in (tmp_path / "made" / "1-expand").glob("*.up.sql"))
        world.run(
            "DELETE FROM schema_migrations",
            f"INSERT INTO schema_migrations VALUES ({last + later}, {str(dirty).lower()})",
        )

    return table


def test_golang_migrate_is_known_by_the_versions_its_files_were_given(
    world: World, migrated: Callable[[int, bool], None]
) -> None:
    migrated(0, True)
    with pytest.raises(Indeterminate, match="is dirty"):
        world.service.advance("change")
    migrated(0, False)
    world.to(State.EXPANDED)
    (found,) = world.service.status("change").deployed
    assert (found.phase, found.by) == ("expand", "golang-migrate")
    world.to(State.COMPLETED)
    assert len(world.service.status("change").deployed) == 1, "what orch did itself is told of no tool"


def test_golang_migrate_behind_a_later_version_of_the_team_waits_for_a_word(
    world: World, migrated: Callable[[int, bool], None]
) -> None:
    migrated(1000, False)
    with pytest.raises(Stale, match="no migration tool's table says who deployed it"):
        world.service.advance("change")
    world.service.attest("change", deploy="expand", release="1041")
    world.to(State.EXPANDED)


def test_prisma_is_known_by_its_checksums(world: World) -> None:
    made = files(world, prisma.plugin.write)
    world.submit(RENAME)
    world.run(
        "CREATE TABLE _prisma_migrations (id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,"
        " migration_name text NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz DEFAULT now(),"
        " applied_steps_count int DEFAULT 0)"
    )
    for name in sorted(each for each in made if each.startswith("1-expand") and each.endswith("/migration.sql")):
        by_statement(world.url, made[name])
        digest = hashlib.sha256(made[name].encode()).hexdigest()
        directory = name.split("/")[1]
        world.run(
            "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name)"
            f" VALUES ('{directory}', '{digest}', now(), '{directory}')"
        )
    last = "(SELECT max(id) FROM _prisma_migrations)"
    world.run(f"UPDATE _prisma_migrations SET finished_at = NULL WHERE id = {last}")
    with pytest.raises(Indeterminate, match="broke off or still runs"):
        world.service.advance("change")
    world.run(f"UPDATE _prisma_migrations SET finished_at = now() WHERE id = {last}")
    world.to(State.EXPANDED)
    assert world.kinds().count("phase.deployed") == 1


def test_another_change_of_the_schema_is_still_stale(world: World) -> None:
    world.submit(RENAME)
    world.run("ALTER TABLE orders ALTER COLUMN email TYPE varchar(90)")
    with pytest.raises(Stale, match="the plan no longer fits"):
        world.service.advance("change")


def test_a_table_that_is_no_migration_tools_is_not_read(world: World) -> None:
    world.run("CREATE TABLE schema_migrations (version text)", "CREATE TABLE alembic_version (id int)")
    world.submit(RENAME)
    world.to(State.EXPANDED)
    assert "phase.deployed" not in world.kinds()


def test_a_change_submitted_after_its_expand_is_refused_with_the_way(world: World, tmp_path: Path) -> None:
    tool = Alembic(world, tmp_path)
    tool.deploy("1-expand")
    with pytest.raises(PlanRefused, match="take it back with the tool, orch submit FILE"):
        world.submit(RENAME)
    tool.run("downgrade", "base")
    world.submit(RENAME)
    tool.run("upgrade", "head")
    world.to(State.EXPANDED)
    assert world.kinds().count("phase.deployed") == 1
