"""Let no two rows meet (EXCLUDE), on a table that is small enough: no two bookings of one room at the same time.

PostgreSQL builds an exclusion constraint under ACCESS EXCLUSIVE only, there is no concurrent way. So a table of more than 1,000
rows or 1 MB is refused when planning, and again when the step runs, which counts under the lock and gives up after 500 ms. An
old version's write might break it, so it comes in contract, whose gate names rows that break it by key and waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.core.step import AddExclusion as AddExclusionStep
from orchestrator.core.sync import Rule
from orchestrator.operations import _constraint, _small, _table
from orchestrator.operations._constraint import quoted
from orchestrator.operations._index import Asked, Key
from orchestrator.operations._model import Name, OperationModel, at, key_of, shortened


def _operator(text: str) -> str:
    if "--" in text or "/*" in text:
        raise ValueError("an operator begins no comment")
    return text


class Element(Key):
    """One key, and the operator that must not be true of any two rows (of all the elements together)."""

    operator: Annotated[str, Field(pattern=r"^[-+*/<>=~!@#%^&|`?]{1,63}$"), AfterValidator(_operator)]


class AddExclusion(OperationModel):
    """``add_exclusion: {table: bookings, elements: [{column: room, operator: =}, {column: during, operator: "&&"}]}``.

    An element is a ``column`` or an ``expression`` with its ``operator``, and ``opclass``, ``collation``, ``order``, ``nulls`` as
    in ``add_index``. ``where`` restricts it to some rows. Without ``name`` it is called as PostgreSQL would.
    """

    elements: list[Element] = Field(min_length=1)
    where: str | None = None
    method: Name = "gist"
    name: Name | None = None

    def _asked(self) -> Asked:
        return Asked(self.table, self.elements, (), self.where, self.method)

    def questions(self) -> tuple[Question, ...]:
        """Its expressions, and its condition."""
        return tuple(self._asked().questions())

    def actions(self) -> tuple[tuple[str, str], ...]:
        """The constraint itself: only the server knows which operators can exclude."""
        return ((self.table, f"ADD CONSTRAINT k {self._definition()}"),)

    def _definition(self) -> str:
        keys = ", ".join(f"{element.spelled()} WITH {element.operator}" for element in self.elements)
        words = f"EXCLUDE USING {quoted(self.method)} ({keys})"
        return words + (f" WHERE (\n{self.where}\n)" if self.where is not None else "")

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The constraint, and the index of the same name."""
        name = self._name(catalog)
        return at(catalog, self.table, f"constraint {name}", f"index {name}")

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Its columns, and those of its expressions."""
        return super().reads(catalog) | at(catalog, self.table, *self._asked().columns())

    def _name(self, catalog: Catalog) -> str:
        keys = (element.column or "expr" for element in self.elements)
        return self.name or shortened("_".join((catalog.table(self.table).name.name, *keys)), "_excl")

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One bounded step, in contract."""
        table = catalog.table(self.table)
        _table.alone(
            table, partitioned="add it to each partition by sql:, knowing how long each is blocked by its build"
        )
        name = self._name(catalog)
        _constraint.free_name(table, name)
        self._asked().check(catalog, name)
        _small.only(
            table,
            "an exclusion constraint is built",
            "create_table with the constraint under another name and move the rows over; or, where only = is asked of"
            " columns, add_unique; or add it in a downtime",
        )
        error = catalog.action_error(*self.actions()[0])
        if error is not None:
            raise PlanRefused(
                f"{name}: {error}", "choose the method, operator or operator class (btree_gist has those for =)"
            )
        step = AddExclusionStep(table.name, name, self._definition(), _small.BOUND, self._rule(table))
        planned = PlannedStep("contract", step, f"hold all rows of {table.name} to {name}, if they are few")
        return Draft((planned,), tuple(_notes(table, name)))

    def _rule(self, table: Table) -> Rule:
        elements = ((element.expression or quoted(str(element.column)), element.operator) for element in self.elements)
        return Rule("exclusion", key_of(table), condition=self.where, elements=tuple(elements))


def _notes(table: Table, name: str) -> Iterator[str]:
    yield from _constraint.notes(table, name, "23P01")
    yield (
        f"{name} is built under ACCESS EXCLUSIVE: readers and writers of {table.name} wait for"
        f" {_small.BOUND.milliseconds} ms at most, then it is taken back"
    )


plugin = AddExclusion
