"""What is migrated is what is declared; migrating is safe to repeat and to do twice at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from migrations_meta.upgrade import config, upgrade
from state.connect import engine
from state.digest import NO_FINDINGS
from state.errors import NotReady, Unreachable
from state.machine import GATE_AHEAD
from state.model import GateName, State
from state.store import SCHEMA_VERSION, Registry
from state.tables import metadata

Connect = Callable[..., psycopg.Connection[Any]]

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'orch'::regnamespace AND conrelid <> coalesce(to_regclass('orch.registry_version'), 0)
AND contype <> 'n' ORDER BY 1, 2"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation
FROM information_schema.columns WHERE table_schema = 'orch'
AND table_name NOT IN ('registry_version', 'approval_standing') ORDER BY 1, 2"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'orch' AND tablename <> 'registry_version'"


def _catalog(connection: psycopg.Connection[Any]) -> list[list[Any]]:
    return [sorted(connection.execute(query).fetchall(), key=str) for query in (CONSTRAINTS, COLUMNS, INDEXES)]


def test_alembic_sees_no_difference(database: str) -> None:
    upgrade(database)
    registry = engine(database, application_name="test")
    options = {
        "include_schemas": True,
        "version_table": "registry_version",
        "version_table_schema": "orch",
        "compare_server_default": True,
    }
    with registry.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    registry.dispose()


def test_the_catalog_sees_no_difference_either(database: str, connect: Connect) -> None:
    upgrade(database)
    admin = connect()
    migrated = _catalog(admin)
    assert all(migrated)
    admin.execute("DROP SCHEMA orch CASCADE; CREATE SCHEMA orch")
    registry = engine(database, application_name="test")
    metadata.create_all(registry)
    registry.dispose()
    assert _catalog(admin) == migrated


def test_upgrading_again_does_nothing(database: str) -> None:
    assert upgrade(database) == ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
    assert upgrade(database) == []
    with Registry(database) as registry:
        registry.ready()


def test_upgrades_at_once_apply_each_version_once(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: upgrade(database), range(4)))
    assert sorted(applied) == [[], [], [], ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]]


def test_an_upgrade_waits_only_so_long(database: str, connect: Connect) -> None:
    connect().execute("SELECT pg_advisory_lock(hashtextextended('orch registry migrations', 0))")
    with pytest.raises(NotReady, match="still at work"):
        upgrade(database, wait_seconds=0.2)


def test_the_code_needs_the_newest_version(database: str) -> None:
    registry = engine(database, application_name="test")
    with registry.connect() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_current_head() == SCHEMA_VERSION
    registry.dispose()


def test_not_ready_says_what_to_do(database: str, connect: Connect) -> None:
    with Registry(database) as registry:
        with pytest.raises(NotReady, match="no schema orch yet; run: orch init"):
            registry.ready()
        upgrade(database)
        registry.ready()
        for version, words in (("0000", "needs 0009; run: orch init"), ("9999", "newer than this orch")):
            connect().execute("UPDATE orch.registry_version SET version_num = %s", [version])
            with pytest.raises(NotReady, match=words):
                registry.ready()
    with pytest.raises(NotReady, match="newer than this orch"):
        upgrade(database)


def test_nobody_there(tmp_path: object) -> None:
    with Registry(f"postgresql://nobody@/none?host={tmp_path}") as registry, pytest.raises(Unreachable, match="doctor"):
        registry.ready()


def test_the_gate_of_each_state_is_the_machines(database: str, connect: Connect) -> None:
    upgrade(database)
    admin = connect()
    admin.execute(
        "INSERT INTO orch.change SELECT 'a', '', '', '', '{}', '{}', 'p', '{}', 'planned', 1, '', now(), now(), now()"
    )
    for state in State:
        admin.execute("UPDATE orch.change SET state = %s", [state.value])
        expected = [GATE_AHEAD[state]] if state in GATE_AHEAD else []
        assert [gate for gate in GateName if _rests_at(admin, gate)] == expected


def _rests_at(admin: psycopg.Connection[Any], gate: GateName) -> bool:
    """Whether the database takes a decision at this gate, which is then rolled back."""
    call = "SELECT orch.decide_gate('a', %s, 'approve', 'p', %s, NULL, '1 h')"
    try:
        with admin.transaction(force_rollback=True):
            admin.execute(call, [gate.value, NO_FINDINGS])
    except psycopg.Error as error:
        if error.sqlstate != "OR002":
            raise
        return False
    return True


def test_every_session_is_alike(database: str) -> None:
    registry = engine(database, application_name="orch test")
    with registry.connect() as connection:
        for name, value in {
            "search_path": "pg_catalog, pg_temp",
            "TimeZone": "UTC",
            "statement_timeout": "30s",
            "application_name": "orch test",
            "transaction_isolation": "read committed",
        }.items():
            query = text("SELECT current_setting(:name)")
            assert connection.execute(query, {"name": name}).scalar_one() == value
    registry.dispose()
