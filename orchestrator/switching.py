"""How a change file says that readers switch to the new shape.

Why it exists: reads are switched by a flag that the application asks, by a schema of views that a version looks into first, or by
a deploy that orch is told of.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_TAKEN = ("information_schema", "orch", "orch_target", "public")


def _schema(value: str) -> str:
    if not value or len(value.encode()) > 63 or not value.isprintable():
        raise ValueError("a schema is a name of 1 to 63 bytes")
    if value.startswith("pg_") or value in _TAKEN:
        raise ValueError(f"{value!r} is not a schema of a version's own")
    return value


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

    def views(self, change: str) -> str | None:
        """The schema of the new version's views, where reads are switched by views."""
        return None if self.by != "views" else self.in_schema or change.replace("-", "_")
