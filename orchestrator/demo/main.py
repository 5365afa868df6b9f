"""``orch demo``: a bundled PostgreSQL, a shop, applications that never stop, and three changes to take through.

Why it exists: the first ten minutes decide whether somebody trusts a tool. With a screen the visitor drives the release;
without one it drives itself (``release``). Either way the applications' own log has the last word, and the exit code is
0 only if no write failed, none is lost and the history verifies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import OrchError
from orchestrator.demo import shop
from orchestrator.demo.applications import Load
from orchestrator.demo.proof import Report
from orchestrator.embedded import create_database, running
from orchestrator.service import Service
from state.model import State

_FEWEST_ROWS = 100
_OVERLAP = 2.0
"""Seconds that old versions go on after reads were switched, before the fleet is redeployed without them."""
_SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB", "synchronous_commit": "on"}
_PARTLY_FILLED = frozenset({State.EXPANDING, State.EXPANDED, State.BACKFILLING, State.ABORTING})
_OLD_SHAPE_LEFT = frozenset(
    {State.SWITCHED, State.CONTRACTING, State.CONTRACTED, State.PURGING, State.COMPLETED, State.UNDOING}
)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


@dataclass(frozen=True, slots=True)
class _Scene:
    """The database with the shop in it, how orch reaches it, and the directory of everything."""

    url: str
    config: Config
    directory: Path
    rows: int

    def states(self) -> dict[str, State]:
        """Where the changes stand."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT id, state::text FROM orch.change").fetchall()
        return {str(change): State(state) for change, state in rows}


def run(headless: bool, rows: int = 200_000, keep: bool = False) -> int:
    """Run the demo; returns the exit code. ``keep`` leaves the database up until interrupted, and its files for good.

    Raises Invalid without ``headless`` and without a terminal, OrchError when the bundled PostgreSQL does not start.
    """
    if not headless:
        from tui import terminal

        terminal.require()
    began = time.monotonic()
    with _scene(max(rows, _FEWEST_ROWS), keep) as scene, Service(scene.config, client="demo") as service:
        service.init()
        with Load(scene.url, shop.tables(scene.rows), directory=scene.directory / "log", weights=(3, 1)) as load:
            _say("  three versions of the shop's application are at work")
            fulfilled = _headless(scene, service, load) if headless else _interactive(scene, service, load)
            load.stop()
            unfilled = bool(_PARTLY_FILLED & set(scene.states().values()))
            report = load.finish(unfilled=unfilled)
        good = _verdict(service, report, time.monotonic() - began) and fulfilled
        if keep:
            _stay(scene)
    return 0 if good else 1


@contextmanager
def _scene(rows: int, keep: bool) -> Iterator[_Scene]:
    directory = Path(tempfile.mkdtemp(prefix="orch-demo-"))
    directory.chmod(0o711)  # the server's account may differ from ours
    try:
        began = time.monotonic()
        with running(directory / "server" if keep else None, settings=_SETTINGS) as server:
            url = create_database(server, "shop")
            with psycopg.connect(url) as connection:
                shop.create(connection, rows)
            _say(f"PostgreSQL with a shop of {rows:,} orders, ready in {time.monotonic() - began:.1f} s")
            yield _Scene(url, Config(url, {"shop": TargetConfig("shop", url)}), directory, rows)
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def _headless(scene: _Scene, service: Service, load: Load) -> bool:
    """Play the release; False, with the reason printed, when it does not come out as promised."""
    from orchestrator.demo.release import Release, Unexpected, play

    try:
        play(Release(service, load, scene.url, _say))
    except OrchError as error:
        _say(f"\nthe release stopped, exit {error.exit_code}: {error}")
        return False
    except Unexpected as error:
        _say(f"\nthe demo does not hold: {error}")
        return False
    return True


def _interactive(scene: _Scene, service: Service, load: Load) -> bool:
    """Submit the changes and hand over to the screens; a worker runs what the visitor approves."""
    from tui.app import run as show

    for change in shop.CHANGES:
        service.submit(*shop.change_file(change))
    with _worker(scene), _redeployments(scene, load):
        code = show(scene.config)
    return code == 0


@contextmanager
def _worker(scene: _Scene) -> Iterator[None]:
    """A worker of our own configuration, whatever orch.toml or environment the visitor has."""
    config = scene.directory / "orch.toml"
    config.write_text(f'registry = "{scene.url}"\n[targets.shop]\nurl = "{scene.url}"\n', encoding="utf-8")
    command = [sys.executable, "-m", "orchestrator.cli.main", "worker", "--config", str(config)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ORCH_")}
    with (scene.directory / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--parent-pid", str(os.getpid())],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _redeployments(scene: _Scene, load: Load) -> Iterator[None]:
    """Plays the team that owns the applications: they leave the old shape after the switch, and return if it does."""
    over = threading.Event()
    watcher = threading.Thread(target=_redeploy, args=(scene, load, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _redeploy(scene: _Scene, load: Load, over: threading.Event) -> None:
    since: dict[str, float] = {}
    while not over.wait(0.3):
        for change, state in scene.states().items():
            if state not in _OLD_SHAPE_LEFT:
                since.pop(change, None)
                load.bring_back(change)
            elif time.monotonic() - since.setdefault(change, time.monotonic()) >= _OVERLAP:
                load.drop_old(change)


def _verdict(service: Service, report: Report, seconds: float) -> bool:
    problems = service.audit_verify()
    history = "verified" if not problems else f"{len(problems)} problems"
    _say("\nwhat the applications logged against what the tables hold")
    for line in report.lines():
        _say(f"  {line}")
    _say(f"  {'history':<28}{history:>12}")
    _say(f"  {'duration':<28}{f'{seconds:.0f} s':>12}")
    for problem in problems[:5]:
        _say(f"  ! {problem}")
    return report.ok and not problems


def _stay(scene: _Scene) -> None:
    _say(f"\nthe database stays up until you press Ctrl-C; its files are in {scene.directory}")
    _say(f"  export ORCH_URL='{scene.url}'")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
