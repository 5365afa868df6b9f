"""What people want of a running backfill, looked for ten times a second beside the batches: hold, abort, other settings.

Why it exists: pause and tune must take effect within one batch, and asking the Registry before each of them would cost more than
the batches may.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from orchestrator.core.control import Control, control, tuned
from orchestrator.core.errors import OrchError
from orchestrator.engine.run import Run
from state import queries
from state.errors import RegistryError

EVERY = 0.1
"""Seconds between two looks: no longer than a batch usually takes."""
STALE = 5.0
"""Seconds without a look after which the Registry is asked at once, whatever it then raises."""


class Wishes:
    """Looks while inside. ``control`` is what the backfill is held to now: the file's words, then those of ``orch tune``."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._version = -1
        self._file = control(run.change.definition.get("backfill", {}))
        self.control: Control = self._file
        self._refusal: OrchError | None = None
        self._looked = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name=f"wishes {run.change.id}", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(STALE)

    def stop_if_held(self) -> None:
        """Raise Waiting when somebody has paused the Change, Blocked when it was aborted."""
        if time.monotonic() - self._looked > STALE:
            self._look()
        if self._refusal is not None:
            raise self._refusal

    def _look_on(self) -> None:
        while not self._over.wait(EVERY):
            try:
                self._look()
            except RegistryError:
                continue  # the lease is renewed in the same Registry: it tells when this lasts

    def _look(self) -> None:
        """Read the Change; what was tuned only when something was said since."""
        run = self._run
        with run.registry.reading() as connection:
            change = queries.change(connection, run.change.id)
            if change.version != self._version:
                said = queries.tuned(queries.said(connection, [change.id])).get(change.id, {})
                wanted = tuned(self._file, said)
                self.control = wanted if wanted != self.control else self.control
                self._version = change.version
        self._looked = time.monotonic()
        try:
            run.stop_if_not_as(change)
        except OrchError as refusal:
            self._refusal = refusal
