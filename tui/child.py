"""The worker that this screen may start for itself.

Why it exists: a person who tries orch out, or runs a release from one terminal, needs no second one. It is an ordinary
worker: it takes leases like all others, its output goes to a file, and only the one started here is ever stopped.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.config import Config

MODULE = "orchestrator.cli.main"
PATIENCE = 0.1


def environment(config: Config) -> dict[str, str]:
    """Ours, and what the worker needs to find the same registry and target."""
    found = dict(os.environ)
    found["ORCH_REGISTRY_URL"] = config.registry_url
    if config.default_target is not None:
        found["ORCH_URL"] = config.default_target.url
    return found


def command() -> list[str]:
    """A worker that also ends by itself when this process is gone."""
    return [sys.executable, "-m", MODULE, "worker", "--parent-pid", str(os.getpid())]


class OwnWorker:
    """A child process with its log."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str]) -> None:
        self.log = Path(tempfile.mkdtemp(prefix="orch-tui-")) / "worker.log"
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
