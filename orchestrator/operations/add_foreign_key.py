"""Let columns refer to rows of another table (FOREIGN KEY), without a scan under a strong lock.

An old version's write might break it, on either table, so it comes in contract: NOT VALID for new rows (SHARE ROW EXCLUSIVE on
both tables for a change in the catalog), then validated beside reads and writes. The contract gate names the rows that refer
to nothing by key and waits for them.

Of a partitioned table, before PostgreSQL 18, that is done on each partition by itself; the key of the whole table then takes
these for its parts, without reading a row, under ACCESS EXCLUSIVE on the other table for a change in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from orchestrator.core.catalog import Catalog, Index, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, Settings
from orchestrator.core.sync import Rule
from orchestrator.operations import _constraint, _table
from orchestrator.operations._constraint import quoted
from orchestrator.operations._model import Name, OperationModel, at, key_of, shortened

Action = Literal["no action", "restrict", "cascade", "set null"]
_ALIKE = (frozenset({"smallint", "integer", "bigint"}), frozenset({"text", "character varying"}))
"""Types of which one may refer to another."""


class AddForeignKey(OperationModel):
    """``add_foreign_key: {table: orders, columns: [customer], references: customers, to: [id], on_delete: cascade}``.

    Without ``to`` it refers to the primary key, without ``name`` it is called as PostgreSQL would: ``orders_customer_fkey``.
    """

    columns: list[Name] = Field(min_length=1)
    references: str
    to: list[Name] = []
    name: Name | None = None
    on_delete: Action = "no action"
    on_update: Action = "no action"

    def tables(self) -> tuple[str, ...]:
        """Both tables."""
        return (self.table, self.references)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The constraint only."""
        return at(catalog, self.table, f"constraint {self._name(catalog)}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns of both tables."""
        to = self._to(catalog.table(self.references))
        return at(catalog, self.table, *self.columns) | at(catalog, self.references, *to)

    def _name(self, catalog: Catalog) -> str:
        return self.name or shortened("_".join((catalog.table(self.table).name.name, *self.columns)), "_fkey")

    def _to(self, parent: Table) -> tuple[str, ...]:
        if self.to:
            return tuple(self.to)
        keys = [c.columns for c in parent.constraints if c.kind == "p" and not c.inbound]
        if not keys:
            raise PlanRefused(f"{parent.name} has no primary key to refer to", "say to which unique columns: to:")
        return keys[0]

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """NOT VALID, then VALIDATE, in contract."""
        table, parent = catalog.table(self.table), catalog.table(self.references)
        _table.alone(table, partitioned=True)
        _table.alone(parent, partitioned="by sql:, ALTER TABLE … ADD FOREIGN KEY … NOT VALID, then VALIDATE CONSTRAINT")
        name, to = self._name(catalog), self._to(parent)
        _constraint.free_name(table, name)
        self._refuse(table, parent, to)
        rule = Rule("reference", key_of(table), tuple(self.columns), references=parent.name, to=to)
        steps = _constraint.added(table, name, self._definition(parent, to), rule, parent.name)
        return Draft(tuple(steps), (*_constraint.notes(table, name, "23503"), *self._notes(table, parent)))

    def _definition(self, parent: Table, to: tuple[str, ...]) -> str:
        ours, theirs = (", ".join(map(quoted, names)) for names in (self.columns, to))
        actions = "".join(
            f" ON {event} {action.upper()}"
            for event, action in (("UPDATE", self.on_update), ("DELETE", self.on_delete))
            if action != "no action"
        )
        where = f"{quoted(parent.name.schema)}.{quoted(parent.name.name)}"
        return f"FOREIGN KEY ({ours}) REFERENCES {where} ({theirs}){actions}"

    def _refuse(self, table: Table, parent: Table, to: tuple[str, ...]) -> None:
        if len(to) != len(self.columns):
            raise PlanRefused(
                f"{len(self.columns)} columns of {table.name} cannot refer to {len(to)} of {parent.name}",
                "name as many columns in to: as in columns:",
            )
        if not any(_is_key(index, to) for index in parent.indexes):
            raise PlanRefused(
                f"{parent.name} has no unique constraint over {', '.join(to)}", "add_unique by a change before this one"
            )
        for ours, theirs in zip(self.columns, to, strict=True):
            _same_type(table, ours, parent, theirs)
        empties = [name for name in self.columns if table.column(name).not_null]
        if empties and "set null" in (self.on_delete, self.on_update):
            raise PlanRefused(
                f"{table.name}.{empties[0]} is NOT NULL: SET NULL would fail whatever it is to follow",
                "choose another action, or drop_not_null by a change before this one",
            )

    def _notes(self, table: Table, parent: Table) -> Iterator[str]:
        yield f"from contract on, deletes and key updates of {parent.name} heed {table.name} (on delete {self.on_delete})"
        if not any(set(index.columns) >= set(self.columns) for index in table.indexes):
            yield f"no index of {table.name} has {', '.join(self.columns)}: each delete in {parent.name} reads all of it"


def _is_key(index: Index, to: tuple[str, ...]) -> bool:
    """Whether a foreign key may refer to what the index keeps unique: bare columns, all rows."""
    keys = index.definition.rsplit(" USING btree ", 1)[-1]
    bare = sorted(part.strip('"').replace('""', '"') for part in keys[1:-1].split(", ")) == sorted(to)
    return index.unique and index.valid and bare


def _same_type(table: Table, ours: str, parent: Table, theirs: str) -> None:
    first, second = (t.column(c).type.split("(")[0] for t, c in ((table, ours), (parent, theirs)))
    if first != second and not any({first, second} <= alike for alike in _ALIKE):
        raise PlanRefused(
            f"{table.name}.{ours} is {first}, {parent.name}.{theirs} is {second}",
            "change_type one of them by a change before this one",
        )


plugin = AddForeignKey
