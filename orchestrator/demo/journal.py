"""The independent log: what the applications meant, written by themselves once the outcome is known.

Why it exists: a proof that asks the tool under test, its triggers or its tables proves nothing. Each application
session appends to a file of its own, after COMMIT has answered; the proof reads those files and the final table, no
more. A ``committed`` line is one transaction with the rows it wrote; ``maybe`` means that the connection was lost
while COMMIT was under way; ``failed`` carries the error the application saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.demo.facts import Shapes, Value

Kind = Literal["insert", "update", "delete", "read"]
Outcome = Literal["committed", "maybe", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction. ``rows`` are (key, revision) pairs, all holding ``values``: fact → shape → value.

    ``seconds`` is how long it took, ``at`` when it ended by this process's clock: for people, not for the proof.
    """

    kind: Kind
    outcome: Outcome
    application: str
    table: str
    rows: tuple[tuple[int, int], ...] = ()
    values: Mapping[str, Shapes] | None = None
    error: str | None = None
    seconds: float = 0.0
    at: float = 0.0


class Journal:
    """One append-only file of one application session."""

    def __init__(self, directory: Path, name: str) -> None:
        self._file = (directory / f"{name}.jsonl").open("a", encoding="utf-8")

    def append(self, entry: Entry) -> None:
        """Write one entry through to the operating system, so that the death of this process loses none."""
        self._file.write(json.dumps(asdict(entry), separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def entries(directory: Path) -> Iterator[Entry]:
    """Every entry of every session. Order between files means nothing: rows carry their own (see ``proof``)."""
    for path in sorted(directory.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield from (_entry(json.loads(line)) for line in lines)


def _entry(data: dict[str, Any]) -> Entry:
    return Entry(**{**data, "rows": tuple((int(key), int(revision)) for key, revision in data["rows"])})


BaselineRow = tuple[int, int, tuple[Value, ...]]


def write_baseline(directory: Path, table: str, fields: list[str], rows: Iterable[BaselineRow]) -> None:
    """What the table held before the applications started: a header naming fact and shape, then one row per line."""
    with (directory / f"{table}.baseline").open("w", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def baseline(directory: Path, table: str) -> tuple[list[str], Iterator[BaselineRow]]:
    """The header and the rows that ``write_baseline`` stored."""
    lines = (directory / f"{table}.baseline").open(encoding="utf-8")
    header: list[str] = json.loads(lines.readline())

    def rows() -> Iterator[BaselineRow]:
        with lines:
            for line in lines:
                key, revision, values = json.loads(line)
                yield key, revision, tuple(values)

    return header, rows()
