"""The Steps by which a table, or a column of it, answers to a second name without a copy; members of the union in ``step.py``.

Why it exists: views follow what they show by number, not by name. So a view under a new name, or in a schema of a version's
own, goes on working while contract renames what is below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import Access, TableName


@dataclass(frozen=True, slots=True)
class CreateView:
    """A second name of a table: an updatable view of all its columns, read and written as its invoker.

    ``shown`` are the names under which it has the ``columns``, where these differ; ``column_grants`` are by the table's names.
    Without an owner in ``access`` it belongs to the login, which gives all that the table's owner needs.
    """

    view: TableName
    table: TableName
    columns: tuple[str, ...]
    access: Access
    column_grants: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...] = ()
    comment: str | None = None
    shown: tuple[str, ...] = ()
    kind: Literal["create_view"] = "create_view"

    @property
    def names(self) -> tuple[str, ...]:
        """The view's own columns."""
        return self.shown or self.columns


@dataclass(frozen=True, slots=True)
class RenameTable:
    """The table takes its view's name, which ends the view, in one transaction; undo makes the view again."""

    view: CreateView
    kind: Literal["rename_table"] = "rename_table"


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """The schema of a version's views; ``usage`` are those who may use the schema of the tables, empty for PUBLIC."""

    schema: str
    change_id: str
    usage: tuple[str, ...] = ()
    kind: Literal["create_schema"] = "create_schema"


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """RENAME COLUMN, for a change in the catalog; undo renames it back. Views, indexes, constraints and policies follow."""

    table: TableName
    column: str
    to: str
    kind: Literal["rename_column"] = "rename_column"


@dataclass(frozen=True, slots=True)
class DropView:
    """The end of a version's view: its name leads to ``table`` from then on, by the rest of the search_path."""

    view: TableName
    table: TableName
    kind: Literal["drop_view"] = "drop_view"


@dataclass(frozen=True, slots=True)
class DropSchema:
    """The end of a version's schema, once it is empty."""

    schema: str
    change_id: str
    kind: Literal["drop_schema"] = "drop_schema"
