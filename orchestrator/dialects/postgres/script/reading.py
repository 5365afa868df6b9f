"""A script as Statements: what each does, where it stands, and what of it nobody understands.

Why it exists: everything that judges migrations begins here. The real grammar reads the whole script at once; only when it
refuses is the script cut up, so that one broken statement stands alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as nodes

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.others import other_acts
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.splitting import commas, pieces, resume, skip
from orchestrator.dialects.postgres.script.tables import Spot, alter_table, create_table

WHOLE = 1_000_000
"""Scripts of more characters are cut up first: the tree of 20 MB of rows would not fit into memory."""
LONG = 200_000
"""INSERTs of more characters are rows; they are not parsed. In a script that is cut up for its size no INSERT … VALUES is."""
MANY = 500
"""After so many broken statements a script is taken for something else."""

_RELATION = re.compile(
    r'(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+))*(?:\s*\*)?'
)
_INSERT = re.compile(r'insert\s+into\s+(?:"?(\w+)"?\.)?"?(\w+)"?', re.IGNORECASE)
_ROWS = re.compile(r"insert\s+into\s+[\w.\"]+\s*(?:\([^()]*\)\s*)?values\b", re.IGNORECASE)
_VARIABLE = re.compile(r"(?<![:\w]):(?=['\"A-Za-z_])")
_VALUE = re.compile(r"(?<![:\w]):[A-Za-z_]\w*")
_WORD_BEFORE = re.compile(r"(\w+|\.)\s*$")
_OF_NAMES = frozenset(
    {"table", "from", "into", "update", "join", "index", "on", "column", "only", "exists", "view", "schema", "to", "constraint",
     "type", "references", "."}
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\$\{([\w:.-]+)\}")
_ON_TABLES = ("TABLE", "FOREIGN_TABLE", "MATVIEW")


@dataclass(frozen=True, slots=True)
class Statement:
    """``start`` and ``end`` are characters of the script; with an ``error`` there are no acts, and ``error_at`` is its place."""

    text: str
    start: int
    end: int
    acts: tuple[Act, ...] = ()
    error: str = ""
    error_at: int = 0


class _Refused(Exception):
    """``at`` counts characters: unlike the places of nodes, which count bytes."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def read(text: str, base: int = 0) -> tuple[Statement, ...]:
    """The statements of a script, whatever is in it. Never raises. ``base`` is where the text begins in a longer one."""
    if "\0" in text:
        return (Statement("", base, base, error="it is not text: it holds zero bytes", error_at=base),)
    if len(text) <= WHOLE:
        try:
            return tuple(_parsed(text, base))
        except _Refused:
            pass
    return tuple(_cut(text, base))


def _cut(text: str, base: int) -> Iterator[Statement]:
    at = broken = 0
    while at < len(text):
        for piece in pieces(text, at):
            at = piece.end
            try:
                yield from _piece(text[piece.start : piece.end], base + piece.start, len(text) > WHOLE)
            except _Refused as refused:
                broken += 1
                error_at = min(piece.start + refused.at, piece.end)
                at = resume(text, piece, error_at)
                start, end = base + piece.start, base + at
                yield Statement(text[piece.start : at], start, end, (), str(refused), base + error_at)
                if at < piece.end or broken >= MANY:
                    break
        else:
            return
        if broken >= MANY:
            message = f"{MANY} statements are not PostgreSQL's; the rest of the file is not read"
            yield Statement("", base + at, base + at, (), message, base + at)
            return


def _piece(part: str, start: int, is_of_many: bool) -> list[Statement]:
    is_rows = len(part) > LONG or (is_of_many and _ROWS.match(part) is not None)
    if is_rows and (insert := _INSERT.match(part)) is not None:
        name = Name(insert.group(1) or "", insert.group(2))
        return [Statement(part, start, start + len(part), (acts.Insert(start, name),))]
    try:
        return list(_parsed(part, start))
    except _Refused:
        for filled in dict.fromkeys(_filled(part)):
            try:
                found = list(_parsed(filled, start))
            except _Refused:
                continue
            return [replace(each, text=part[each.start - start : each.end - start]) for each in found]
        raise


def _filled(part: str) -> Iterator[str]:
    """The statement with its variables and placeholders filled in, nothing moved: as values where no name must stand, then all of
    them as names.
    """
    named = _PLACEHOLDER.sub(lambda m: f"p_{re.sub(r'[^a-zA-Z0-9_]', '_', m.group(1))}_", part)
    yield _VARIABLE.sub(
        " ",
        _VALUE.sub(lambda m: m.group() if _takes_name(named, m) else "$" + "1".rjust(len(m.group()) - 1, "0"), named),
    )
    yield _VARIABLE.sub(" ", named)


def _takes_name(part: str, variable: re.Match[str]) -> bool:
    """Whether the name of an object must stand here, by the word before it."""
    before = _WORD_BEFORE.search(part, max(0, variable.start() - 40), variable.start())
    return part[variable.end() : variable.end() + 1] == "." or (
        before is not None and before.group(1).lower() in _OF_NAMES
    )


def _parse(text: str) -> Any:
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as error:
        raise _Refused(error.message, max(error.cursorpos - 1, 0)) from None
    except (DecodeError, RecursionError):
        raise _Refused("nested too deeply to be judged", 0) from None
    except UnicodeEncodeError:
        raise _Refused("it is not text: it holds half characters", 0) from None


def _parsed(part: str, start: int) -> Iterator[Statement]:
    tree = _parse(part)
    places = _Places(part)
    for raw in tree.stmts:
        first = skip(part, places.character(raw.stmt_location))
        last = places.character(raw.stmt_location + raw.stmt_len) if raw.stmt_len else len(part.rstrip())
        found = tuple(_acts(raw.stmt, part, first, last, lambda byte: start + places.character(byte)))
        yield Statement(part[first:last], start + first, start + last, found)


def _acts(node: Any, text: str, first: int, last: int, spot: Spot) -> Iterator[Act]:
    """The acts of one statement, which is ``text[first:last]``; ``spot(0)`` is where the text begins in the script."""
    kind = node.WhichOneof("node")
    if kind is None:
        return
    inner = getattr(node, kind)
    base = spot(0)
    if kind == "create_stmt":
        yield from create_table(inner, base + first, spot)
    elif kind == "alter_table_stmt" and nodes.ObjectType.Name(inner.objtype).removeprefix("OBJECT_") in _ON_TABLES:
        places = [base + at for at in _commands(text, spot(inner.relation.location) - base, last)]
        yield from alter_table(inner, (places + [base + first] * len(inner.cmds))[: len(inner.cmds)], spot)
    else:
        yield from other_acts(kind, inner, base + first)


def _commands(text: str, relation: int, end: int) -> list[int]:
    """Where the commands of ALTER TABLE stand; the grammar does not say."""
    name = _RELATION.match(text, relation)
    first = skip(text, name.end() if name else relation, end)
    return [first, *(skip(text, comma + 1, end) for comma in commas(text, first, end))]


class _Places:
    """Bytes of the parser → characters of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._wide: list[int] = []
        self._extra: list[int] = []
        if not text.isascii():
            self._measure(text)

    def _measure(self, text: str) -> None:
        extra = 0
        for match in re.finditer(r"[^\x00-\x7f]", text):
            extra += len(match.group().encode("utf-8", "replace")) - 1
            self._wide.append(match.start() + extra)
            self._extra.append(extra)

    def character(self, byte: int) -> int:
        """The character that a byte belongs to."""
        if not self._wide:
            return byte
        index = bisect_right(self._wide, byte - 1)
        return byte - (self._extra[index - 1] if index else 0)
