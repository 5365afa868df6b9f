"""The embedded server: rights, sharing, and leaving nothing behind however its users end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from orchestrator import embedded
from orchestrator.core.errors import Invalid, OrchError
from orchestrator.embedded import host, watchdog
from tests.support.server import bin_dir

FAST = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}

# Joins the directory given first, prints where it is, and stays until its stdin closes.
USER = """
import sys
from pathlib import Path
from orchestrator import embedded
place = Path(sys.argv[1]) if sys.argv[1] else None
binaries = Path(sys.argv[2]) if sys.argv[2] else None
with embedded.running(place, settings={"fsync": "off"}, bin_dir=binaries, temporary=True) as server:
    print(server.directory, server.socket, sep="\\n", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory the server's account can reach, with a space in its path."""
    base = Path(tempfile.mkdtemp(prefix="orch test "))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


@pytest.fixture
def user() -> Iterator[Callable[[Path | None], subprocess.Popen[str]]]:
    """Start processes that use a server, killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(directory: Path | None) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", USER, str(directory or ""), str(bin_dir() or "")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def said(process: subprocess.Popen[str]) -> embedded.Server:
    assert process.stdout is not None
    directory, socket = process.stdout.readline().strip(), process.stdout.readline().strip()
    return embedded.Server(Path(directory), Path(socket), embedded.binaries(bin_dir()))


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)
    assert process.returncode == 0


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def account_of(server: embedded.Server) -> int:
    pid = (server.data / "postmaster.pid").read_text().split()[0]
    return Path(f"/proc/{pid}").stat().st_uid


def test_starts_below_a_path_with_spaces_and_stops_at_the_end(place: Path) -> None:
    with embedded.running(place / "a server", settings=FAST, bin_dir=bin_dir()) as server:
        assert answer(server.url(), "select current_user::text") == "postgres"
        assert answer(server.url(), "show server_encoding") == "UTF8"
        assert answer(server.url(), "show listen_addresses") == ""
    assert not watchdog._processes(server.directory)
    assert not server.socket.exists()
    assert (server.data / "PG_VERSION").exists(), "a given directory is kept"


def test_a_kept_directory_starts_again_with_its_data(place: Path) -> None:
    with embedded.running(place / "kept", settings=FAST, bin_dir=bin_dir()) as server:
        embedded.create_database(server, "shop")
    with embedded.running(place / "kept", settings=FAST, bin_dir=bin_dir()) as server:
        assert answer(server.url("shop"), "select current_database()::text") == "shop"
        embedded.drop_database(server, "shop")
        assert answer(server.url(), "select count(*) from pg_database where datname = 'shop'") == 0


def test_runs_without_roots_rights_and_changes_no_mode_above(place: Path) -> None:
    above = place / "closed to writers"
    above.mkdir(0o711)
    modes = {path: path.stat().st_mode for path in (above, *above.parents)}
    with embedded.running(above / "server", settings=FAST, bin_dir=bin_dir()) as server:
        assert account_of(server) != 0
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert len(os.fsencode(server.socket)) < 80
    assert {path: path.stat().st_mode for path in modes} == modes


def test_two_processes_that_need_the_account_make_it_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = place / "made"
    useradd = place / "useradd"
    useradd.write_text(f'#!/bin/sh\nsleep 0.2\necho "$@" >> "{made}"\n')
    useradd.chmod(0o755)
    ours = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(useradd))
    monkeypatch.setattr(host, "_entry", lambda _: ours if made.exists() else None)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: host.account_for_server(), range(3)))
    assert found == [host.Account(ours.pw_uid, ours.pw_gid)] * 3
    assert len(made.read_text().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that its server cannot pass")
def test_refuses_a_directory_closed_to_the_servers_account(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(0o700)
    with pytest.raises(Invalid, match="may not pass"), embedded.running(closed / "server", bin_dir=bin_dir()):
        pass
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs binaries as somebody else")
def test_binaries_closed_to_the_account_are_copied_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = place / "closed"
    closed.mkdir(0o700)
    prefix = embedded.binaries(bin_dir()).parent
    package = closed / prefix.parent.name
    libraries = prefix.parent.with_name(f"{package.name}.libs")
    shutil.copytree(prefix, package / prefix.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    cache = place / "cache"
    cache.mkdir(0o755)
    monkeypatch.setattr(host, "_cache", lambda: cache)
    with embedded.running(place / "server", settings=FAST, bin_dir=package / prefix.name / "bin") as server:
        assert account_of(server) != 0
    assert len(list(cache.iterdir())) == 1
    assert not [path for path in cache.rglob("*") if path.stat().st_mode & 0o022]


def test_settings_are_applied_and_ours_cannot_be_taken(place: Path) -> None:
    wanted = FAST | {"work_mem": "7MB", "application_name": "it's \\ here"}
    with embedded.running(place / "set", settings=wanted, bin_dir=bin_dir()) as server:
        assert answer(server.url(), "show work_mem") == "7MB"
        assert answer(server.url(), "show application_name") == "it's \\ here"
        embedded.restart(server, settings=FAST | {"work_mem": "9MB"})
        assert answer(server.url(), "show work_mem") == "9MB"
    with pytest.raises(Invalid, match="port"), embedded.running(place / "set", settings={"port": "1"}):
        pass


def test_a_server_that_does_not_start_says_why(place: Path) -> None:
    broken = FAST | {"shared_buffers": "many"}
    with pytest.raises(OrchError, match="shared_buffers"), embedded.running(None, settings=broken, bin_dir=bin_dir()):
        pass


def test_a_directory_without_binaries_is_refused(place: Path) -> None:
    with pytest.raises(Invalid, match="no PostgreSQL server in"), embedded.running(bin_dir=place):
        pass


def test_restart_immediate_recovers_like_after_a_crash(place: Path) -> None:
    with embedded.running(place / "crash", settings=FAST, bin_dir=bin_dir()) as server:
        answer(server.url(), "select pg_create_restore_point('before')")
        embedded.restart(server, "immediate")
        assert answer(server.url(), "select 1") == 1
        assert "was not properly shut down" in server.log.read_text()


def test_a_stopped_server_is_started_at_the_same_url(place: Path) -> None:
    with embedded.running(place / "stopped", settings=FAST, bin_dir=bin_dir()) as server:
        embedded.stop(server)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url())
        with pytest.raises(Invalid, match="no embedded PostgreSQL runs"), embedded.attach(server.directory):
            pass
        with embedded.running(server.directory, settings=FAST, bin_dir=bin_dir()):
            assert answer(server.url(), "select 1") == 1


def test_attach_never_makes_a_server(place: Path) -> None:
    with pytest.raises(Invalid, match="no embedded PostgreSQL runs"), embedded.attach(place / "nothing"):
        pass
    assert not (place / "nothing").exists()


def test_two_processes_race_to_start_and_share(
    place: Path, user: Callable[[Path | None], subprocess.Popen[str]]
) -> None:
    directory = place / "shared"
    first, second = user(directory), user(directory)
    server = said(first)
    assert said(second) == server
    leave(first)
    assert answer(server.url(), "select 1") == 1
    with embedded.attach(directory) as joined:
        leave(second)
        assert answer(joined.url(), "select 1") == 1
    assert not directory.exists()
    assert not watchdog._processes(directory)


def test_users_that_come_and_go_always_find_a_server(place: Path) -> None:
    """The last user's removal and a newcomer's start race again and again."""
    command = [sys.executable, "-c", USER, str(place / "busy"), str(bin_dir() or "")]
    for _ in range(2):
        started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [process.wait(60) for process in started] == [0, 0]
    assert not (place / "busy").exists()


def test_sigkill_of_the_only_user_stops_the_server_and_removes_its_data(
    user: Callable[[Path | None], subprocess.Popen[str]],
) -> None:
    process = user(None)
    server = said(process)
    assert answer(server.url(), "select 1") == 1
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: not server.directory.exists())
    assert not watchdog._processes(server.directory)
    assert not server.socket.exists()


def test_sigkill_while_starting_leaves_nothing_running(
    place: Path, user: Callable[[Path | None], subprocess.Popen[str]]
) -> None:
    directory = place / "early"
    process = user(directory)
    wait_until(lambda: bool(directory.exists() and watchdog._processes(directory)))
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(place.iterdir()))
    wait_until(lambda: not watchdog._processes(directory))


def test_a_killed_watchdog_is_replaced_by_the_next_user(place: Path) -> None:
    with embedded.running(place / "guarded", settings=FAST, bin_dir=bin_dir()) as server:
        path = server.directory / watchdog.WATCHDOG
        for pid in watchdogs(server.directory):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not watchdogs(server.directory))
        with embedded.attach(server.directory):
            assert len(watchdogs(server.directory)) == 1
        assert path.exists()


def watchdogs(directory: Path) -> list[int]:
    name = os.fsencode(directory)
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if is_watchdog(entry, name)]


def is_watchdog(entry: Path, directory: bytes) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return directory in words and any(word.endswith(b"watchdog.py") for word in words)


def test_importing_it_loads_no_driver() -> None:
    code = "import sys, orchestrator.embedded; print({'psycopg', 'sqlalchemy', 'textual'} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"


def test_the_runs_own_server_has_the_settings_of_a_test_run(connect: Callable[..., psycopg.Connection[object]]) -> None:
    connection = connect()
    settings = "select current_setting('fsync'), current_setting('max_connections'), current_setting('autovacuum')"
    assert connection.execute(settings).fetchone() == ("off", "200", "on")
    assert connection.autocommit
