"""Stops an embedded server when nobody uses it any more, even after SIGKILL of every user.

Why it exists: a killed process runs no clean-up, but the kernel drops its file locks. Every user of a server holds a
shared lock on ``users.lock``; a detached process running this file waits for the exclusive one and then stops the
server. It imports the standard library only and is run by path, so that it starts in milliseconds and survives a
virtualenv that is removed under it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
import uuid
from pathlib import Path

USERS = "users.lock"
WATCHDOG = "watchdog.lock"
SPEC = "server.json"
DATA = "data"
NEW_DATA = "data.new"
_PROGRAMS = (b"postgres", b"pg_ctl", b"initdb", b"sh")

Ladder = tuple[tuple[signal.Signals, float], ...]
FAST_THEN_HARDER: Ladder = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))


def is_current(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one at ``path``: a removed directory may have been made anew."""
    try:
        there = path.stat()
    except OSError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def stop_processes(directory: Path, ladder: Ladder = FAST_THEN_HARDER) -> bool:
    """Send each signal in turn, each with its seconds of patience. Returns whether everything has ended."""
    for number, patience in ladder:
        told: set[int] = set()
        deadline = time.monotonic() + patience
        while alive := _processes(directory):
            for pid in alive - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= alive
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return True
    return not _processes(directory)


def shut_down(directory: Path) -> None:
    """Stop what runs in ``directory`` and remove what was temporary. The caller holds the exclusive users lock."""
    try:
        spec = json.loads((directory / SPEC).read_text("utf-8"))
    except OSError:
        return
    stop_processes(directory)
    shutil.rmtree(spec["socket"], ignore_errors=True)
    if spec["temporary"]:
        _remove(directory)


def _remove(directory: Path) -> None:
    """Rename first: a newcomer then finds either the whole directory or none."""
    doomed = directory.with_name(f".{directory.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):
        directory.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _processes(directory: Path) -> set[int]:
    """Postmaster, pg_ctl and initdb of this directory; backends rewrite their titles and follow the postmaster."""
    data = [os.fsencode(directory / name) for name in (DATA, NEW_DATA)]
    if not Path("/proc/self/cmdline").exists():
        return _from_pid_file(directory / DATA / "postmaster.pid")
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and any(_mentions(entry / "cmdline", path) for path in data):
            found.add(int(entry.name))
    return found - {os.getpid()}


def _mentions(command_line: Path, path: bytes) -> bool:
    """An argument equal to the path, or the quoted path within the shell command pg_ctl starts the server with."""
    try:
        words = command_line.read_bytes().split(b"\0")
    except OSError:
        return False
    if os.path.basename(words[0]) not in _PROGRAMS:
        return False
    return any(word in (path, b"--pgdata=" + path) or b'"%s"' % path in word for word in words)


def _from_pid_file(path: Path) -> set[int]:
    try:
        pid = int(path.read_text("utf-8").splitlines()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return set()
    return {pid}


def _lock_alone(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _detach() -> None:
    """Leave the starter's process group and session, so that neither its Ctrl-C nor its end reaches us."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _say_ready() -> None:
    """The starter reads our output to its end: closing it is the sign that the guard stands."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


def main(directory: Path) -> None:
    """Guard one directory until its last user is gone."""
    _detach()
    own = _lock_alone(directory / WATCHDOG)
    if own is None:
        return
    users = os.open(directory / USERS, os.O_RDWR)
    _say_ready()
    fcntl.flock(users, fcntl.LOCK_EX)
    if is_current(users, directory / USERS):
        shut_down(directory)
    # In this order: whoever gets the users lock next must not find a guard that is about to leave.
    os.close(own)
    os.close(users)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
