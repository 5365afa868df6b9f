"""Add a value to an enum type, at the end or next to another value, in expand.

No table is locked. The value can be written once expand has ended, and it stays: PostgreSQL cannot take a value out of an enum
(``replace_enum`` makes another type). Old versions must bear to read it before a new version writes it.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from orchestrator.core.catalog import Catalog, Enum
from orchestrator.core.enumstep import AddEnumValue as AddEnumValueStep
from orchestrator.core.errors import PlanRefused
from orchestrator.core.plan import Draft, PlannedStep, Settings
from orchestrator.operations._model import AnyOperation, cut_name

Label = Annotated[str, AfterValidator(cut_name)]


class AddEnumValue(AnyOperation):
    """``add_enum_value: {type: order_state, value: returned, after: shipped}``."""

    type: str
    value: Label
    before: Label | None = None
    after: Label | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.before is not None and self.after is not None:
            raise ValueError("before and after exclude each other")
        if self.value in (self.before, self.after):
            raise ValueError("a value cannot stand next to itself")
        return self

    def types(self) -> tuple[str, ...]:
        """The enum."""
        return (self.type,)

    def touches(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The value."""
        return frozenset({(f"type {catalog.enum(self.type).name}", self.value)})

    def steps(self, catalog: Catalog, settings: Settings) -> Draft:
        """One step, in expand."""
        enum = catalog.enum(self.type)
        for other in (self.before, self.after):
            if other is not None and other not in enum.values:
                listed = ", ".join(enum.values)
                raise PlanRefused(
                    f"{enum.name} has no value {other!r}; it has {listed}",
                    "say one of these; a value that the same change adds can be followed only in a second change",
                )
        step = AddEnumValueStep(enum.name, self.value, self.before, self.after)
        planned = PlannedStep("expand", step, f"add the value {self.value!r} to {enum.name}")
        return Draft((planned,), (self._note(enum),))

    def _note(self, enum: Enum) -> str:
        if self.value not in enum.values:
            return (
                f"{enum.name}: {self.value!r} stays, whatever is aborted; old versions read it as soon as one writes it"
            )
        if not self._is_in_place(enum):
            raise PlanRefused(
                f"{enum.name} has the value {self.value!r} elsewhere: {', '.join(enum.values)}",
                "leave the operation out; the order of an enum is changed by replace_enum",
            )
        return f"{enum.name} has the value {self.value!r} already: nothing is to be done"

    def _is_in_place(self, enum: Enum) -> bool:
        place = enum.values.index(self.value)
        before, after = enum.values[:place], enum.values[place + 1 :]
        return (self.before is None or self.before in after) and (self.after is None or self.after in before)


plugin = AddEnumValue
