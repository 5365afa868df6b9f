"""How long two thousand migration files of all formats take to judge, without a database."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.bench.scene import ROUNDS, Ratio
from tests.formats.many import FILES, linted, written


def all_of_it() -> list[Ratio]:
    """Seconds on the wall, the start of the program included; the bar is 3 on 2 processors."""
    rounds = []
    with tempfile.TemporaryDirectory() as room:
        written(Path(room))
        for _ in range(ROUNDS):
            began = time.perf_counter()
            linted(Path(room))
            rounds.append(time.perf_counter() - began)
    return [Ratio(f"orch lint, {FILES:,} files of all formats", "s (bar: 3)", tuple(rounds))]
