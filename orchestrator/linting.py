"""Lints many files at once: which there are, on as many processors as there are, with one look at a database.

Why it exists: rules judge what is sent, formats say what that is; where files lie, and how fast thousands of them are read, is
another concern.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

from orchestrator.core.errors import Invalid
from orchestrator.core.known import Known
from orchestrator.formats._model import ROOM, Source, format_of
from orchestrator.lint._run import Report, judge, lint
from orchestrator.plugins import discover

PARALLEL = 200
"""From so many files on a second process is worth its start."""
_NOT_OURS = frozenset({"node_modules", "__pycache__", "site-packages"})
"""Directories of other people's files, besides hidden ones."""


def files(paths: Sequence[str]) -> list[Path]:
    """The files to lint: those named, and those of a migration tool below directories. Raises Invalid when there is none."""
    found: list[Path] = []
    for each in paths:
        path = Path(each)
        if path.is_dir():
            found += sorted(_below(path))
        elif path.is_file():
            found.append(path)
        else:
            raise Invalid(f"there is no {each}", "orch lint PATH, a file or a directory of migrations")
    if not found:
        tools = ", ".join(sorted(each.tool for each in discover(ROOM).values()))
        raise Invalid(f"no migration in {', '.join(paths)}", f"orch lint looks below directories for files of {tools}")
    return list(dict.fromkeys(found))


def _below(directory: Path) -> Iterator[Path]:
    suffixes = {suffix for each in discover(ROOM).values() for suffix in each.suffixes}
    for place, directories, names in os.walk(directory, onerror=_refuse):
        directories[:] = [each for each in directories if each not in _NOT_OURS and not each.startswith(".")]
        for name in names:
            path = Path(place, name)
            suffix = path.suffix.lower()
            if suffix in suffixes and path.is_file() and (suffix == ".sql" or _is_migration(path)):
                yield path


def _refuse(error: OSError) -> None:
    raise Invalid(f"{error.filename} cannot be read: {error.strerror}", "check its rights")


def _is_migration(path: Path) -> bool:
    """Whether a file that may be anything is one of a tool's."""
    try:
        return format_of(_source(path), least=2) is not None
    except Invalid:
        return True  # the one that cannot be read is told of when its turn comes


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
    each = partial(lint_file, known=known)
    processors = os.cpu_count() or 1
    if len(found) < PARALLEL or processors < 2:
        return total(map(each, found))
    with ProcessPoolExecutor(min(processors, 8), mp_context=get_context("fork")) as pool:
        return total(pool.map(each, found, chunksize=max(1, len(found) // (processors * 8))))


def look(url: str, rehearse_from: int = 0) -> Known:
    """What the database knows; from ``rehearse_from`` rows on a rehearsal is asked for. Raises Invalid when it is unreachable."""
    from orchestrator.dialects.postgres import knowing  # the driver, which most runs do without

    return replace(knowing.look(url), rehearse_from=rehearse_from)


def lint_file(path: Path, known: Known | None = None) -> Report:
    """Judge one file in the way of its tool; a report without a file where no release runs it. Raises Invalid when it cannot
    be read.
    """
    source = _source(path)
    found = format_of(source)
    if found is None:
        return lint(source.text, str(path), known=known)
    script = found.read(source)
    return Report() if script is None else judge(script, str(path), known)


def _source(path: Path) -> Source:
    directory = path.parent

    def beside(name: str) -> str | None:
        other = directory / name
        return text_of(_bytes(other)) if other.is_file() else None

    return Source(path, text_of(_bytes(path)), beside, partial(_names, directory))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", "check its rights") from None


@lru_cache
def _names(directory: Path) -> Collection[str]:
    return frozenset(os.listdir(directory))


def total(reports: Iterable[Report]) -> Report:
    """Many reports as one."""
    every = list(reports)
    return Report(
        tuple(finding for each in every for finding in each.findings),
        sum(each.files for each in every),
        sum(each.statements for each in every),
        sum(each.suppressed for each in every),
    )
