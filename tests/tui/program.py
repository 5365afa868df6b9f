"""The screens over a service in memory, as a program for a real terminal: ``python -m tests.tui.program``."""

from __future__ import annotations

import os
import sys

from textual.drivers.linux_driver import LinuxDriver

from orchestrator.core.view import Identity
from tests.tui.fakes import FakeService
from tui.app import drive
from tui.preferences import Preferences

if __name__ == "__main__":
    service = FakeService()
    if os.environ.get("HANG_AFTER_START"):
        first = service.statuses
        asked: list[int] = []

        def statuses() -> list[object]:
            if asked:
                service.hanging.clear()
            asked.append(1)
            return list(first())

        service.statuses = statuses  # type: ignore[method-assign, assignment]
    if os.environ.get("END_IF_ASKED_TOO_EARLY"):
        frames: list[str] = []
        identity, write = service.identity, LinuxDriver.write

        def writing(driver: LinuxDriver, data: str) -> None:
            frames.extend(["the first"] if "not connected yet" in data else [])
            write(driver, data)

        def asked_first() -> Identity:
            if not frames:
                os._exit(3)
            return identity()

        LinuxDriver.write = writing  # type: ignore[method-assign, assignment]
        service.identity = asked_first  # type: ignore[method-assign]
    sys.exit(drive(service, preferences=Preferences(mouse=not os.environ.get("NO_MOUSE"))))
