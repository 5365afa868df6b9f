"""The worker that this screen may start for itself.

Why it exists: a person who tries orch out, or runs a release from one terminal, needs no second one. It is an ordinary
worker: it takes leases like all others, its output goes to a file, and only the one started here is ever stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.config import Config

PATIENCE = 0.1


def settings(config: Config) -> tuple[str, dict[str, str]]:
    """A configuration file saying what ``config`` says, and the environment it takes the URLs from.

    URLs can hold passwords, so none is written to the file; whatever else configured us must not reach the worker.
    """
    environ = {name: value for name, value in os.environ.items() if name not in ("ORCH_URL", "ORCH_REGISTRY_URL")}

    def kept(url: str) -> str:
        name = f"ORCH_TUI_URL_{sum(1 for known in environ if known.startswith('ORCH_TUI_URL_'))}"
        environ[name] = url
        return f'"env:{name}"'

    lines = [f"registry = {kept(config.registry_url)}"]
    for name, target in config.targets.items():
        replicas = ", ".join(kept(url) for url in target.replicas)
        lines += [f"[targets.{json.dumps(name)}]", f"url = {kept(target.url)}", f"replicas = [{replicas}]"]
        lines.append(f"rehearse_from = {target.rehearse_from}")
    return "\n".join(lines) + "\n", environ


def start(config: Config) -> OwnWorker:
    """A worker of our configuration, that also ends by itself when this process is gone."""
    home = Path(tempfile.mkdtemp(prefix="orch-tui-"))
    text, environ = settings(config)
    file = home / "orch.toml"
    file.write_text(text, "utf-8")
    program = [sys.executable, "-m", "orchestrator.cli.main", "worker"]
    return OwnWorker([*program, "--config", str(file), "--parent-pid", str(os.getpid())], environ, home)


class OwnWorker:
    """A child process with its log."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], home: Path) -> None:
        self.log = home / "worker.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                list(arguments),
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._told = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def news(self) -> str:
        """Once: that it ended by itself, and where to read why."""
        code = self._process.poll()
        if code is None or self._told:
            return ""
        self._told = True
        return f"the worker started by this screen ended with exit {code}; its log: {self.log}"

    def stop(self) -> None:
        """Ask it to end after the batch in hand; do not wait for that."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
        # It may go on with its batch after us: that is meant, so nothing is left to be said.
        self._process.returncode = self._process.returncode or 0
