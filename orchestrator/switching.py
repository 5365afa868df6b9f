"""How a change file says that readers switch to the new shape.

Why it exists: reads are switched by a flag that the application asks, or by a schema of views that a version looks into first.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_TAKEN = ("information_schema", "orch", "orch_target", "public")


def _by(value: Any) -> Any:
    if value == "external":
        raise ValueError(f"{value!r} is not available in this version; use flag or views")
    return value


def _schema(value: str) -> str:
    if not value or len(value.encode()) > 63 or not value.isprintable():
        raise ValueError("a schema is a name of 1 to 63 bytes")
    if value.startswith("pg_") or value in _TAKEN:
        raise ValueError(f"{value!r} is not a schema of a version's own")
    return value


class SwitchSettings(BaseModel):
    """How readers learn that the new shape is the one to read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[Literal["flag", "views"], BeforeValidator(_by)] = "flag"
    in_schema: Annotated[str, AfterValidator(_schema)] | None = Field(
        default=None,
        description="where the new version's views are; the change's id, with _ for -, unless told otherwise",
    )

    def views(self, change: str) -> str | None:
        """The schema of the new version's views, where reads are switched by views."""
        return None if self.by == "flag" else self.in_schema or change.replace("-", "_")
