"""What a statement means to the server, and whether it means the same once some Steps are applied.

Why it exists: "it still plans" is not "it is still right" (F7): a positional INSERT shifts, a name is captured by an outer
table. So what is compared is what the names resolve to, and the judgement is one pure function over it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from orchestrator.core.catalog import TableName
from orchestrator.core.step import Step
from orchestrator.core.viewstep import CreateView

ColumnId = tuple[int, int]
"""A column as the catalog knows it, (table, attribute): a rename leaves it alone. Attribute 0 is the whole row."""


class How(StrEnum):
    """In which way a statement depends on what goes."""

    BREAKS = "breaks"
    NAMES = "names it"
    INSERT = "positional INSERT"
    NATURAL = "NATURAL JOIN"
    STAR = "SELECT *"
    WHOLE_ROW = "whole row"
    OTHERWISE = "means something else"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that somebody sent. ``calls`` is None where nobody counted; ``id`` is by what its source knows it."""

    text: str
    calls: int | None = None
    user: str = ""
    path: str | None = None
    id: str = ""

    @property
    def digest(self) -> str:
        """By what it is known in evidence: texts are not kept there for ever."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Traits:
    """What the grammar alone says: it names no columns where it could have."""

    star: bool = False
    positional: bool = False
    natural: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a statement resolves to. ``tree`` is equal where the meaning is; ``columns`` are all that it reads or writes,
    ``targets`` those of them that it writes; ``results`` names what it returns.
    """

    tree: Any
    columns: frozenset[ColumnId]
    targets: frozenset[ColumnId]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the server did not plan a statement."""

    sqlstate: str
    message: str


Answer = Meaning | Refused


@dataclass(frozen=True, slots=True)
class Verdictless:
    """A statement about which nothing could be said, and why. ``named``: it names what goes, so it may be a reader."""

    statement: Statement
    why: str
    named: bool = False


@dataclass(frozen=True, slots=True)
class Reads:
    """A statement that the Steps would break or change, and how."""

    statement: Statement
    how: How
    why: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A column that goes, by the name people know."""

    table: TableName
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Going:
    """What the Steps take away: columns as the catalog knows them, with the names people know."""

    columns: Mapping[ColumnId, Gone]

    def touched(self, found: frozenset[ColumnId]) -> tuple[ColumnId, ...]:
        """Those of the columns found that go."""
        return tuple(sorted(each for each in found if each in self.columns))

    def named(self, found: Iterable[ColumnId]) -> str:
        """Some of what goes, for people."""
        return ", ".join(dict.fromkeys(str(self.columns[each]) for each in found))

    def whole(self, found: frozenset[ColumnId]) -> bool:
        """Whether a whole row is read of which a column goes."""
        tables = {table for table, _ in self.columns}
        return any(attribute == 0 and table in tables for table, attribute in found)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much a source of statements can have seen. Times in seconds; None where the server does not say.

    ``hidden`` are statements of others that this login may not read, ``evicted`` how often entries were thrown out.
    """

    source: str
    total: int = 0
    observed: float | None = None
    evicted: int | None = None
    hidden: int = 0
    track: str = ""
    utilities: int = 0


@dataclass(frozen=True, slots=True)
class Readers:
    """How it is found out who still reads the old shape, as the change file says.

    ``period`` is how long nobody may have been seen to read it, in seconds; ``accept`` are the kinds of dependence that the
    author answers for; ``old_versions`` is a LIKE pattern of application_name, and ``new_versions`` that of those from whom an
    abort would take the new shape. ``reason`` is why, where less is asked than could be.
    """

    statements: Literal["pg_stat_statements", "file", "none"] = "pg_stat_statements"
    period: float = 86400.0
    accept: tuple[Literal["star", "whole_row"], ...] = ()
    old_versions: str | None = None
    reason: str = ""
    new_versions: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Statements that name a table, and what their source may have missed. ``missing`` says why there is no source."""

    statements: tuple[Statement, ...]
    coverage: Coverage
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is to be tried on a clone: Steps, after what is known of the Change's syncs and views, and statements in use."""

    change_id: str
    syncs: tuple[str, ...]
    views: tuple[CreateView, ...]
    steps: tuple[Step, ...]
    tables: tuple[TableName, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A function, or the triggers of a table, that depend on what goes; ``sure`` unless it could only be read as a text."""

    name: str
    why: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What the clone showed.

    ``untried`` are writes that failed before the Steps already, ``lacks`` is how many statements of the schema the clone did not
    take. ``impossible`` says why there is no proof, ``step`` what to do.
    """

    judged: int = 0
    reads: tuple[Reads, ...] = ()
    unread: tuple[Verdictless, ...] = ()
    bodies: tuple[Body, ...] = ()
    functions: int = 0
    untried: tuple[str, ...] = ()
    lacks: int = 0
    impossible: str = ""
    step: str = ""


def judge(before: Meaning, after: Answer, going: Going, traits: Traits) -> tuple[How, str] | None:
    """How a statement that planned before depends on what goes; None where it means the same afterwards."""
    touched = going.touched(before.columns)
    names = going.named(touched)
    if isinstance(after, Refused):
        unnamed = traits.natural and after.sqlstate in ("42703", "42702")
        return (How.NATURAL if unnamed else How.BREAKS), f"{after.message} (SQLSTATE {after.sqlstate})"
    if traits.positional and (set(touched) & before.targets or before.targets != after.targets):
        return How.INSERT, names or "its values go to other columns"
    if going.whole(before.columns):
        return How.WHOLE_ROW, "a column of it goes"
    if before.tree != after.tree and traits.natural:
        return How.NATURAL, names or "it joins by other columns"
    if traits.star and (touched or before.tree != after.tree or before.results != after.results):
        return How.STAR, names or "its result has other columns"
    if touched:
        return How.NAMES, names
    if before.tree != after.tree:
        return How.OTHERWISE, "its names lead elsewhere"
    if before.results != after.results:
        return How.OTHERWISE, "its result has other names"
    return None
