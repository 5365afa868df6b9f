"""What ``orch doctor`` looks at: is everything there, allowed and set so that a Change can run safely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.core.errors import OrchError
from orchestrator.core.ports import Reader, Target, TargetError
from orchestrator.core.view import Diagnosis
from orchestrator.refusals import explained
from orchestrator.rights import rights
from state.errors import Unprivileged
from state.model import Verdict
from state.store import Registry


def diagnose(registry: Registry, targets: Mapping[str, Target]) -> list[Diagnosis]:
    """Every finding, good or bad."""
    return [*_registry(registry), *(found for target in targets.values() for found in _target(target))]


def _registry(registry: Registry) -> Iterator[Diagnosis]:
    try:
        with explained():
            registry.ready()
            yield Diagnosis("registry", Verdict.PASS, "reachable, schema up to date")
            with registry.reading() as connection:
                yield from rights(connection)
    except OrchError as error:
        step = _MEMBERSHIP if isinstance(error.__cause__, Unprivileged) else "orch init"
        yield Diagnosis("registry", Verdict.FAIL, error.message, step)


_MEMBERSHIP = "ask an administrator: GRANT orch_operator, orch_worker or orch_auditor TO this login"


def _target(target: Target) -> Iterator[Diagnosis]:
    name = f"target {target.name}"
    try:
        with target.reader() as reader:
            yield Diagnosis(name, Verdict.PASS, "reachable")
            for look in (_version, _bootstrapped, _may_create, _timeouts, _prepared, _replica_role):
                verdict, detail, step = look(reader)
                yield Diagnosis(f"{name}: {look.__name__.strip('_').replace('_', ' ')}", verdict, detail, step)
    except OrchError as error:
        yield Diagnosis(name, Verdict.FAIL, error.message, error.next_step)
    except TargetError as error:
        yield Diagnosis(name, Verdict.UNKNOWN, str(error), "look at the server's log")


Answer = tuple[Verdict, str, str]


def _one(reader: Reader, query: str) -> Any:
    return reader.rows(query)[0][0]


def _version(reader: Reader) -> Answer:
    number = int(_one(reader, "SELECT current_setting('server_version_num')"))
    if number < 140000:
        return (
            Verdict.FAIL,
            f"PostgreSQL {number // 10000} is too old",
            "14 is the oldest that can work, 15 is supported",
        )
    if number < 150000:
        return Verdict.UNKNOWN, "PostgreSQL 14: best effort", "15 to 18 are supported"
    return Verdict.PASS, f"PostgreSQL {number // 10000}", ""


def _bootstrapped(reader: Reader) -> Answer:
    if _one(reader, "SELECT to_regclass('orch_target.marker') IS NULL"):
        return Verdict.FAIL, "schema orch_target is missing", "orch init"
    return Verdict.PASS, "schema orch_target is there", ""


def _may_create(reader: Reader) -> Answer:
    if not _one(reader, "SELECT has_database_privilege(current_database(), 'CREATE')"):
        return Verdict.FAIL, "the login may not CREATE in the database", "GRANT CREATE ON DATABASE … TO …"
    foreign = _one(
        reader,
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND NOT pg_has_role(c.relowner, 'USAGE')",
    )
    if foreign:
        return (
            Verdict.UNKNOWN,
            f"{foreign} tables belong to roles the login is no member of: they cannot be altered",
            "GRANT the owning role to the login",
        )
    return Verdict.PASS, "the login may alter every table", ""


def _timeouts(reader: Reader) -> Answer:
    milliseconds = int(_one(reader, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"))
    if milliseconds <= 100:
        return (
            Verdict.FAIL,
            f"deadlock_timeout is {milliseconds} ms: application transactions may be killed before our DDL yields",
            "set deadlock_timeout above 100ms (the default is 1s)",
        )
    return Verdict.PASS, f"deadlock_timeout {milliseconds} ms is above our lock_timeout of 100 ms", ""


def _prepared(reader: Reader) -> Answer:
    old = _one(
        reader, "SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE prepared < now() - interval '10 minutes'"
    )
    if old:
        return Verdict.FAIL, f"{old} prepared transactions hold locks and old rows", "COMMIT or ROLLBACK PREPARED them"
    return Verdict.PASS, "no prepared transaction is left over", ""


def _replica_role(reader: Reader) -> Answer:
    may = _one(
        reader,
        "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user",
    )
    if not may:
        return (
            Verdict.UNKNOWN,
            "triggers: skip needs the right to SET session_replication_role",
            "GRANT SET ON PARAMETER session_replication_role TO … (only for changes that skip triggers)",
        )
    return Verdict.PASS, "triggers: skip is possible", ""
