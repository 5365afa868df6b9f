"""Statements in use from a file, for servers that keep no statistics of them.

Why it exists: a log, a proxy or a test run of the application can tell what it sends, too. SQL with ``;`` between the statements,
or CSV with a heading: ``query``, and ``calls`` and ``user`` where they are known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import postgast

from orchestrator.core.errors import Invalid
from orchestrator.core.reading import Coverage, Statement, Usage

SOURCE = "file"
_NEXT = "give SQL with ; between the statements, or CSV with a column query (and calls, user)"


def read(path: str) -> Usage:
    """The statements of a file, without the constants in them, each once. Raises Invalid."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", _NEXT) from None
    found = _from_csv(text, path) if path.lower().endswith(".csv") else _from_sql(text, path)
    merged: dict[tuple[str, str], Statement] = {}
    for each in found:
        key = (each.text, each.user)
        before = merged.get(key)
        calls = None if before is None or before.calls is None else before.calls + (each.calls or 0)
        merged[key] = each if before is None else Statement(each.text, calls, each.user)
    if not merged:
        raise Invalid(f"{path} holds no statement", _NEXT)
    return Usage(tuple(merged.values()), Coverage(SOURCE, len(merged)))


def _from_sql(text: str, path: str) -> Iterable[Statement]:
    try:
        texts = postgast.split(text)
    except postgast.PgQueryError as error:
        raise Invalid(f"{path} is not SQL: {str(error).splitlines()[0]}", _NEXT) from None
    return [Statement(_normal(each)) for each in texts if each.strip()]


def _from_csv(text: str, path: str) -> Iterable[Statement]:
    rows = csv.DictReader(io.StringIO(text))
    if "query" not in (rows.fieldnames or ()):
        raise Invalid(f"{path} has no column query", _NEXT)
    return [
        Statement(_normal(row["query"]), _number(row.get("calls"), path), row.get("user") or "")
        for row in rows
        if row["query"]
    ]


def _number(text: str | None, path: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        raise Invalid(f"{path}: calls is a whole number, not {text!r}", _NEXT) from None


def _normal(text: str) -> str:
    """Without constants, which are people's data; a text that the grammar does not take is left as it is, and not judged."""
    try:
        return str(postgast.normalize(text)).strip()
    except postgast.PgQueryError:
        return text.strip()
