"""The Steps about enum types; members of the union in ``step.py``.

Why it exists: PostgreSQL adds values to an enum and takes none away, so what else is wanted of one needs a type of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.core.catalog import NO_ACCESS, Access, TypeName


@dataclass(frozen=True, slots=True)
class AddEnumValue:
    """ALTER TYPE … ADD VALUE: at the end, or next to a value that is there. Nothing takes it back."""

    type: TypeName
    value: str
    before: str | None = None
    after: str | None = None
    kind: Literal["add_enum_value"] = "add_enum_value"


@dataclass(frozen=True, slots=True)
class CreateEnum:
    """CREATE TYPE … AS ENUM with ``values`` in this order, and the access and comment of the type that it stands for."""

    type: TypeName
    values: tuple[str, ...]
    access: Access = NO_ACCESS
    comment: str | None = None
    kind: Literal["create_enum"] = "create_enum"


@dataclass(frozen=True, slots=True)
class PurgeEnum:
    """The real drop of an enum type that held ``values``, which stays where something uses it by then."""

    type: TypeName
    values: tuple[str, ...]
    kind: Literal["purge_enum"] = "purge_enum"
