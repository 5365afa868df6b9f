"""Give a primary key another type, in a new column, with every column that refers to it by a foreign key.

The new columns have new names (``to``): swapping types under the same names fails prepared statements (0A000). A variant that
ends with the old names is for later; rename the columns in the application. From expand on both keys are kept equal, and so
are both columns of every reference, whoever writes them: cascades too. One default or identity gives both their numbers: until
contract the old column's, from then on the new one's, in which no number comes back, also when contract is undone.

In contract one transaction drops the old foreign keys and makes the new column the primary key; it takes ACCESS EXCLUSIVE on the
table and all that refer to it, waits for none of them longer than 100 ms, and tries again. Undo builds the old key's index beside
reads and writes and proves the old foreign keys before it swaps back.

Until contract old versions must find every row, so a key that the old type cannot hold fails its writer (22003); a sequence
that is about to run out is relieved by contract, not before. ON CONFLICT on either key works from the end of the backfill on:
either has a unique index then, at which upserts of one key would collide (23505), so every insert claims its key first (an
advisory lock, waited for 0.2 s at most, for the first 32 keys of a transaction). Upserts of more keys in one transaction may
collide with others of the same keys, and are to be tried again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Column, Table, TableName
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import SetDefault
from orchestrator.core.sync import Conversion
from orchestrator.operations import _keyed, _rekey
from orchestrator.operations._copy import Copy, notes_of
from orchestrator.operations._model import Name, OperationModel, checked, identity, new_column
from orchestrator.operations._rekey import MoveDefault, Part

_WHOLE = ("smallint", "integer", "bigint")
_WIDER = {
    "smallint": {"integer", "bigint", "numeric", "text"},
    "integer": {"bigint", "numeric", "text"},
    "bigint": {"numeric", "text"},
    "uuid": {"text"},
}
"""Casts that keep every value apart and never fail."""


class Reference(BaseModel):
    """A column that refers to the key, and its new name. ``up`` and ``down`` where the key has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    table: str
    column: Name
    to: Name
    up: str | None = None
    down: str | None = None


class ChangePrimaryKeyType(OperationModel):
    """``change_primary_key_type: {table: orders, column: id, to: order_id, type: bigint, references: […]}``.

    ``references`` names every column that refers to the key: ``{table: lines, column: order_id, to: order_ref}``. Without
    ``up`` and ``down`` the type must be one to which every key converts (int to bigint, numeric or text, uuid to text); with
    them, the key and its constraints are built in contract only, when no old version can write one that does not convert, and
    until then there is no ON CONFLICT on the new column. ``default`` is for the new column, where the old one's does not do.
    """

    column: Name
    to: Name
    type: str
    up: str | None = None
    down: str | None = None
    default: str | None = None
    references: list[Reference] = []

    def tables(self) -> tuple[str, ...]:
        """The table and those that refer to it."""
        return (self.table, *(reference.table for reference in self.references))

    def types(self) -> tuple[str, ...]:
        """The new type."""
        return (self.type,)

    def questions(self) -> tuple[Question, ...]:
        """All conversions, and the new default."""
        asked = [question for each in self._all() for question in _questions(each, self.type)]
        if self.default is not None:
            asked.append(Question(self.table, self.default, self.type))
        return tuple(asked)

    def _all(self) -> tuple[Reference, ...]:
        own = Reference(table=self.table, column=self.column, to=self.to, up=self.up, down=self.down)
        return (own, *self.references)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """All of the tables: their keys, and what hangs on them, get other names."""
        return frozenset((str(catalog.table(name).name), "*") for name in self.tables())

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """Copies of all columns, kept in sync, filled; then the key, the foreign keys and the numbers change hands."""
        table = catalog.table(self.table)
        _keyed.is_key(table, self.column)
        self._all_referring(catalog, table)
        parts = tuple(self._part(catalog, each, settings) for each in self._all())
        _keyed.apart(tuple((part.copy.table, part.copy.old) for part in parts))
        move = self._move(catalog, table, parts[0].copy)
        steps = tuple(_rekey.steps(parts, move, settings))
        return Draft(steps, tuple(self._notes(parts)))

    def _all_referring(self, catalog: Catalog, table: Table) -> None:
        """Refuse a reference too few, ready to paste, or too many. Raises PlanRefused."""
        found = dict.fromkeys(
            (where, columns[0]) for where, columns, _ in _keyed.referring(table, self.column) if len(columns) == 1
        )
        given = [(catalog.table(each.table).name, each.column) for each in self.references]
        missing = [(where, column) for where, column in found if (where, column) not in given]
        if missing:
            raise PlanRefused(
                f"{table.name}.{self.column} is referred to by columns that references: does not name",
                "add these, under names of your choice: " + ", ".join(_pasted(*each) for each in missing),
            )
        for where, column in given:
            if (where, column) not in found:
                raise PlanRefused(f"{where}.{column} does not refer to {table.name}.{self.column}", "leave it out")
        if len(set(given)) < len(given):
            raise PlanRefused("references: names a column twice", "name every column once")

    def _part(self, catalog: Catalog, each: Reference, settings: Settings) -> Part:
        table, key = catalog.table(each.table), catalog.table(self.table)
        column = table.column(each.column)
        is_key = table.name == key.name and each.column == self.column
        primary = _keyed.preconditions(catalog, table, column, is_key=is_key)
        new_column(table, each.to)
        sync_id = identity(settings.change_id, table, each.column)
        up, down = _conversions(catalog, each, column, catalog.type(self.type), sync_id)
        copy = Copy(
            table=table,
            old=column,
            new=each.to,
            new_type=catalog.type(self.type),
            sync_id=sync_id,
            settings=settings,
            subscribes=catalog.subscribes,
            default=None if is_key else self._kept(catalog, table, column),
            up=up,
            down=down,
            lossless=each.up is None,
            strict=True,
            claims=primary[0].columns if primary else (),
        )
        return Part(copy, primary, () if is_key else _keyed.foreign_keys(table, each.column, key, self.column))

    def _kept(self, catalog: Catalog, table: Table, column: Column) -> str | None:
        """The default of a reference goes over as it is. Raises PlanRefused where it may mean something else then."""
        if column.default is None or _alike(column.type, catalog.type(self.type)):
            return column.default
        raise PlanRefused(
            f"{table.name}.{column.name} has the default {column.default}, which need not be one of type {self.type}",
            "drop_default by a change before this one, and set_default by one after it",
        )

    def _move(self, catalog: Catalog, table: Table, copy: Copy) -> PlannedStep | None:
        column, new_type = copy.old, copy.new_type
        what = f"what fills {copy.where} fills {copy.new} from here on"
        numbers = new_type if column.numbers and new_type in _WHOLE and column.numbers.type == column.type else None
        if column.identity:
            if new_type not in _WHOLE or self.default is not None:
                raise PlanRefused(
                    f"{copy.where} is an identity, which cannot become {'a default' if self.default else new_type}",
                    "ALTER COLUMN … DROP IDENTITY and give it a sequence default first",
                )
            kind = _keyed.identity_kind(table, column)
            move = MoveDefault(
                table.name, column.name, copy.new, identity=kind, sequence=column.numbers, numbers=numbers
            )
            return PlannedStep("contract", move, what)
        default = self._default(catalog, table, column, new_type)
        if default is None:
            return None
        if column.default is None:
            return PlannedStep("contract", SetDefault(table.name, copy.new, default), f"{copy.new}: default {default}")
        moved = MoveDefault(
            table.name, column.name, copy.new, default, column.default, sequence=column.numbers, numbers=numbers
        )
        return PlannedStep("contract", moved, what)

    def _default(self, catalog: Catalog, table: Table, column: Column, new_type: str) -> str | None:
        if self.default is not None:
            error = catalog.fact(Question(self.table, self.default, self.type)).error
            if error is not None:
                raise PlanRefused(f"default of {table.name}.{self.to}: {error}", "correct the expression")
            return self.default
        if column.default is None or _alike(column.type, new_type):
            return column.default
        raise PlanRefused(
            f"{table.name}.{column.name} has the default {column.default}; the new column's is not said",
            f"add default: with an expression of type {self.type}",
        )

    def _notes(self, parts: tuple[Part, ...]) -> Iterator[str]:
        key = parts[0].copy
        for part in parts:
            yield from notes_of(part.copy)
        if key.new_type != key.old.type:
            yield f"until contract, a key of {key.table.name} that {key.old.type} cannot hold fails its writer (22003)"
        if key.fallible:
            yield f"until contract there is no ON CONFLICT ({key.new}): only then is {key.new} known to be unique"
        else:
            yield (
                f"from the end of the backfill until contract, an upsert of more than 32 new keys of {key.table.name} in one"
                " transaction may collide with another of the same keys (23505)"
            )
        if key.old.identity:
            yield (
                f"contract gives {key.new} a sequence of the same name that goes on where the old one stands: a session's"
                " currval and lastval begin anew, and pg_get_serial_sequence knows the new column only from then on"
            )
        elif key.old.default is not None and key.old.numbers is None and "nextval(" in key.old.default:
            yield f"the sequence of {key.where} is not its own: widen it yourself (ALTER SEQUENCE … AS {key.new_type})"


def _questions(each: Reference, new_type: str) -> tuple[Question, ...]:
    up = Question(each.table, each.up, new_type, each.column)
    return up, Question(each.table, each.down, f"%{each.column}", each.to, ((each.to, new_type),))


def _conversions(
    catalog: Catalog, each: Reference, column: Column, new_type: str, sync_id: str
) -> tuple[Conversion | None, Conversion | None]:
    """Both ways; None where the type stays. Raises PlanRefused."""
    where = f"{each.table}.{each.column}"
    if (each.up is None) != (each.down is None):
        raise PlanRefused(f"{where} has one of up: and down: only", "a key goes both ways: give both, or neither")
    if each.up is None:
        if column.type == new_type:
            return None, None
        if new_type not in _WIDER.get(column.type, ()):
            raise PlanRefused(
                f"not every {column.type} of {where} is known to convert to {new_type}",
                f"give up: and down: for {where}, each an expression over that one column",
            )
    found = []
    sides = zip(_questions(each, new_type), (each.column, each.to), ("up", "down"), strict=True)
    for question, reads, way in sides:
        arguments = checked(catalog, question, what=f"{way} of {where}", synced=True)
        if [argument.name for argument in arguments] != [reads]:
            raise PlanRefused(
                f"{way} of {where} must read the column {reads} and no other",
                f"give an expression over {reads} alone",
            )
        returns = new_type if way == "up" else column.type
        found.append(Conversion(f"{way}_{sync_id}", question.sql, arguments, returns))
    return found[0], found[1]


def _alike(old: str, new: str) -> bool:
    return old == new or (old in _WHOLE and new in (*_WHOLE, "numeric"))


def _pasted(where: TableName, column: str) -> str:
    """A reference as the change file has it (YAML takes JSON's quotes)."""
    plain = re.compile(r"[a-z_][a-z0-9_]*\Z")
    table = str(where)
    if not (plain.match(where.schema) and plain.match(where.name)):
        table = ".".join('"' + part.replace('"', '""') + '"' for part in (where.schema, where.name))
    values = {"table": table, "column": column, "to": f"{column}_new"}
    shown = (
        f"{key}: {value if re.match(r'[a-z_][a-z0-9_.]*$', value) else json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
    )
    return "{" + ", ".join(shown) + "}"


plugin = ChangePrimaryKeyType
