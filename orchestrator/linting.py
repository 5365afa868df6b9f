"""Lints many files at once: which there are, on as many processors as there are, with one look at a database.

Why it exists: rules judge a text; where texts come from, and how fast thousands of them are read, is another concern.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from orchestrator.core.errors import Invalid
from orchestrator.core.known import Known
from orchestrator.lint._run import Report, lint

PARALLEL = 200
"""From so many files on a second process is worth its start."""


def files(paths: Sequence[str]) -> list[Path]:
    """The files to lint: those named, and those of a migration tool below directories. Raises Invalid when there is none."""
    found: list[Path] = []
    for each in paths:
        path = Path(each)
        if path.is_dir():
            found += sorted(p for p in path.rglob("*.sql") if p.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise Invalid(f"there is no {each}", "orch lint PATH, a file or a directory of migrations")
    if not found:
        raise Invalid(f"no migration in {', '.join(paths)}", "orch lint looks for *.sql below directories")
    return list(dict.fromkeys(found))


def text_of(data: bytes) -> str:
    """Bytes of a file as text, whatever their encoding. What is no text keeps a zero byte."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lint_files(paths: Iterable[Path], known: Known | None = None) -> Report:
    """Judge every file."""
    found = list(paths)
    judge = partial(lint_file, known=known)
    processors = os.cpu_count() or 1
    if len(found) < PARALLEL or processors < 2:
        return total(map(judge, found))
    with ProcessPoolExecutor(min(processors, 8), mp_context=get_context("fork")) as pool:
        return total(pool.map(judge, found, chunksize=max(1, len(found) // (processors * 8))))


def look(url: str) -> Known:
    """What the database knows. Raises Invalid when it is unreachable."""
    from orchestrator.dialects.postgres import knowing  # the driver, which most runs do without

    return knowing.look(url)


def lint_file(path: Path, known: Known | None = None) -> Report:
    """Judge one file. Raises Invalid when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", "check its rights") from None
    return lint(text_of(data), str(path), known=known)


def total(reports: Iterable[Report]) -> Report:
    """Many reports as one."""
    every = list(reports)
    return Report(
        tuple(finding for each in every for finding in each.findings),
        sum(each.files for each in every),
        sum(each.statements for each in every),
        sum(each.suppressed for each in every),
    )
