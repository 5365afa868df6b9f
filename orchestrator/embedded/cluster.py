"""One embedded cluster: made by initdb, configured by a file of ours, started by pg_ctl, stopped by signals.

Why it exists: it knows PostgreSQL's side of a server and nothing of who shares it.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from orchestrator.core.errors import Invalid, OrchError
from orchestrator.embedded import host, watchdog

Mode = Literal["fast", "immediate"]

_PORT = 5432
_CONF = "orch.conf"
_SIGNALS: dict[Mode, watchdog.Ladder] = {
    "fast": ((signal.SIGINT, 60.0),),
    "immediate": ((signal.SIGQUIT, 30.0),),
}
_DEFAULTS = {
    "listen_addresses": "",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server. ``bin_dir`` holds clients of its version: psql, pg_dump, pgbench."""

    directory: Path
    socket: Path
    bin_dir: Path

    @property
    def data(self) -> Path:
        """The cluster's data directory, owned by the server's account."""
        return self.directory / watchdog.DATA

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data / "server.log"

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """A libpq URL; SQLAlchemy takes it with ``postgresql+psycopg`` in front."""
        return (
            f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}"
            f"?host={quote(str(self.socket), safe='')}&port={_PORT}"
        )


def record(server: Server, temporary: bool) -> None:
    """Write down what a newcomer and the watchdog need to know; before anything runs."""
    spec = {"socket": str(server.socket), "bin_dir": str(server.bin_dir), "temporary": temporary}
    draft = server.directory / f"{watchdog.SPEC}.new"
    draft.write_text(json.dumps(spec), "utf-8")
    draft.replace(server.directory / watchdog.SPEC)


def recorded(home: Path) -> Server | None:
    """The server last started in the directory, running or not."""
    try:
        spec = json.loads((home / watchdog.SPEC).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Server(home, Path(spec["socket"]), Path(spec["bin_dir"]))


def listens(directory: Path) -> bool:
    """Whether a server accepts connections in the socket directory."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(directory / f".s.PGSQL.{_PORT}"))
        except OSError:
            return False
    return True


def initialise(server: Server, settings: Mapping[str, str], account: host.Account | None) -> None:
    """Build the cluster beside its place, so that a killed attempt is never taken for a whole one."""
    draft = server.directory / watchdog.NEW_DATA
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(0o700)
    host.give(draft, account)
    options = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C.UTF-8"]
    if settings.get("fsync") == "off":
        options.append("--no-sync")
    host.run(account, str(host.program(server.bin_dir, "initdb", account)), "-D", str(draft), *options)
    # As the server's account: root must not write where that account could have laid a link.
    include = f'echo "include = \'../{_CONF}\'" >> "$0"'
    host.run(account, "/bin/sh", "-c", include, str(draft / "postgresql.conf"))
    draft.rename(server.data)


def configure(server: Server, settings: Mapping[str, str]) -> None:
    """Write our settings, beside the cluster and read by it at its next start."""
    ours = {"unix_socket_directories": str(server.socket), "port": str(_PORT)}
    if clash := sorted(ours.keys() & settings.keys()):
        raise Invalid(f"the embedded PostgreSQL chooses {' and '.join(clash)} itself", "leave the setting out")
    values = _DEFAULTS | dict(settings) | ours
    lines = [f"{name} = '{_quoted(value)}'\n" for name, value in values.items()]
    conf = server.directory / _CONF
    conf.write_text("".join(lines), "utf-8")
    conf.chmod(0o644)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def start(server: Server, account: host.Account | None) -> None:
    """Start and wait until it accepts connections. Raises OrchError with the end of the log."""
    pg_ctl = str(host.program(server.bin_dir, "pg_ctl", account))
    options = ["--silent", "--wait", f"--timeout={_START_SECONDS}", f"--pgdata={server.data}", f"--log={server.log}"]
    try:
        host.run(account, pg_ctl, "start", *options)
    except OrchError as error:
        log = server.log.read_text("utf-8", "replace")[-2000:] if server.log.exists() else ""
        raise OrchError(f"{error.message}\n{log}".rstrip(), "correct what the log names, then start again") from error


def stop(server: Server, mode: Mode) -> None:
    """Stop and wait. Raises OrchError when it does not end in time."""
    if not watchdog.stop_processes(server.directory, _SIGNALS[mode]):
        raise OrchError(f"the embedded PostgreSQL in {server.directory} does not stop", f"see {server.log}")
