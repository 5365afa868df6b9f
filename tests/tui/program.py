"""The screens over a service in memory, as a program for a real terminal: ``python -m tests.tui.program``."""

from __future__ import annotations

import os
import sys

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
    sys.exit(drive(service, preferences=Preferences(mouse=not os.environ.get("NO_MOUSE"))))
