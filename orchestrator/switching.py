"""How a change file says that readers switch to the new shape.

Why it exists: reads are switched by a flag that the application asks, by a schema of views that a version looks into first, or by
a deploy that orch is told of.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from orchestrator.core.ramp import EACH
from orchestrator.sections import Seconds

_TAKEN = ("information_schema", "orch", "orch_target", "public")


def _schema(value: str) -> str:
    if not value or len(value.encode()) > 63 or not value.isprintable():
        raise ValueError("a schema is a name of 1 to 63 bytes")
    if value.startswith("pg_") or value in _TAKEN:
        raise ValueError(f"{value!r} is not a schema of a version's own")
    return value


def _rising(value: tuple[int, ...]) -> tuple[int, ...]:
    if list(value) != sorted(set(value)):
        raise ValueError("a ramp goes up: each percentage is more than the one before it")
    return value


Percent = Annotated[int, Field(ge=1, le=99, strict=True)]


class SwitchSettings(BaseModel):
    """How readers learn that the new shape is the one to read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["flag", "views", "external"] = "flag"
    deploy: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="with `by: external`, the deploy that `orch attest` must name; any, unless told otherwise",
    )
    in_schema: Annotated[str, AfterValidator(_schema)] | None = Field(
        default=None,
        description="where the new version's views are; the change's id, with _ for -, unless told otherwise",
    )

    ramp: Annotated[tuple[Percent, ...], AfterValidator(_rising), Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="percentages of readers that switch first, one after the other"
    )
    each: Seconds | None = Field(
        default=None, description="how long each part of the ramp stands; 10 min, unless told otherwise", gt=0
    )

    def stands(self) -> float:
        """Seconds for which each part of the ramp stands."""
        return EACH if self.each is None else self.each

    def views(self, change: str) -> str | None:
        """The schema of the new version's views, where reads are switched by views."""
        return None if self.by != "views" else self.in_schema or change.replace("-", "_")
