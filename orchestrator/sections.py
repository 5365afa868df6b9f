"""The sections of a change file: how gently rows are filled, what gates ask for, who is asked whether the old shape is read.

Why it exists: each default is a decision about production, and is said once, with the form in which people write it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StrictInt, WithJsonSchema

from orchestrator.core import duration
from orchestrator.core.control import MOST_LANES

_YEARS = 10 * 365 * 86400.0


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a duration is a text such as 100ms, 30s, 24h or 7d")
    found = duration.seconds(value)
    if not found <= _YEARS:
        raise ValueError(f"{value!r} is longer than ten years")
    return found


def _window(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a window is a text such as 'mon-thu 09:00-16:00 Europe/Berlin'")
    try:
        duration.window(value)
    except OSError:
        raise ValueError(f"{value!r} names no known time zone") from None
    return value


def _answer(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if not isinstance(value, (str, int)):
        raise ValueError("expect is one value: a whole number, a text, true, false or null")
    return str(value)


def _one_line(value: Any) -> Any:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("this must be one line without control characters")
    return value


def _text(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(_text),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["100ms", "30s", "24h", "7d"]}, {"const": 0}]}),
]
Hours = Annotated[
    str,
    BeforeValidator(_window),
    WithJsonSchema({"type": "string", "examples": ["mon-thu 09:00-16:00 Europe/Berlin"]}),
]
Answer = Annotated[
    str,
    BeforeValidator(_answer),
    WithJsonSchema({"type": ["integer", "string", "boolean", "null"]}),
]
Line = Annotated[str, BeforeValidator(_one_line), Field(min_length=1, max_length=200)]


class Section(BaseModel):
    """A part of a change file. What it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignalSettings(Section):
    """One of the change's own signals: a query whose single number, once a second, slows and stops the backfill."""

    name: Line
    sql: str = Field(min_length=1, max_length=100_000, description="one number; run read-only, within two seconds")
    stop_at: float = Field(gt=0, description="the number at which nothing runs; from 0.7 of it on, less does")


class BackfillSettings(Section):
    """How gently rows are filled."""

    statement_time: Seconds = Field(default=0.1, description="what one batch may take", gt=0)
    max_replica_lag: Seconds = Field(default=5.0, description="a lag at which the backfill waits", gt=0)
    lanes: StrictInt = Field(default=1, ge=1, le=MOST_LANES, description="batches at the same time, at most")
    batch_rows: StrictInt = Field(default=1000, ge=1, le=100_000, description="rows per transaction")
    window: Hours | None = Field(default=None, description="when batches run; outside they wait. Always, unless given")
    max_latency: Seconds | None = Field(
        default=None, description="what the 99th percentile of `probe` may take; needs `probe`", gt=0
    )
    probe: str | None = Field(
        default=None,
        description="a statement like the application's own, run 20 times a second, read-only",
        min_length=1,
        max_length=10_000,
    )
    signals: tuple[SignalSettings, ...] = Field(default=(), description="further loads at which the backfill waits")


class Verification(Section):
    """One of the change's own questions: a query whose single value must equal ``expect``."""

    name: Line
    sql: str = Field(min_length=1, max_length=100_000)
    expect: Answer


class _Gate(Section):
    approvals: StrictInt = Field(default=1, ge=0, le=10)
    window: Hours | None = None
    expires: Seconds = Field(default=86400.0, gt=0, description="how long an approval counts")


class GateSettings(_Gate):
    """What a gate asks for."""

    soak: Seconds = 0.0


class ContractSettings(_Gate):
    """The contract gate never opens without a person, and soaks for an hour unless told otherwise."""

    approvals: StrictInt = Field(default=1, ge=1, le=10)
    soak: Seconds = 3600.0


class PurgeSettings(_Gate):
    """The purge gate soaks as long as the old shape is parked unless told otherwise."""

    soak: Seconds | None = None


class ReaderSettings(Section):
    """How it is found out who still reads the old shape before contract takes it away."""

    statements: Literal["pg_stat_statements", "file", "none"] = Field(
        default="pg_stat_statements",
        description="where statements in use come from; file: --statements FILE, none: they are not looked at",
    )
    period: Seconds = Field(default=86400.0, description="how long nobody may have been seen to read it")
    accept: tuple[Literal["star", "whole_row"], ...] = Field(
        default=(), description="SELECT * and whole rows that do well without what goes"
    )
    old_versions: Line | None = Field(
        default=None, description="application_name of versions that must be gone, a LIKE pattern: shop@1.%"
    )
    new_versions: Line | None = Field(
        default=None,
        description="application_name of versions that must be gone before abort, a LIKE pattern: shop@2.%",
    )
    reason: Line | None = Field(default=None, description="why, where less is asked than could be")


def _share(value: Any) -> float:
    text = value if isinstance(value, str) else ""
    try:
        found = float(text.strip().removesuffix("%")) / 100 if text.strip().endswith("%") else -1.0
    except ValueError:
        found = -1.0
    if not 0 <= found < 1000:
        raise ValueError("a share is a percentage such as 40%")
    return found


Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(lambda share: f"{share * 100:g}%", return_type=str),
    WithJsonSchema({"type": "string", "examples": ["40%"]}),
]


class RehearsalSettings(Section):
    """What a rehearsal may show at most; `orch rehearse` over it is exit 4. What is left out is not judged."""

    max_lock_hold: Seconds | None = Field(
        default=None, description="the longest that a lock may be held that keeps applications from writing"
    )
    max_client_stall: Seconds | None = Field(default=None, description="the longest that any client may wait")
    max_extra_disk: Share | None = Field(default=None, description="by how much the database may grow")


class Gates(Section):
    """One entry per gate that is not to be as the defaults say."""

    expand: GateSettings = GateSettings()
    backfill: GateSettings = GateSettings()
    switch_reads: GateSettings = GateSettings()
    contract: ContractSettings = ContractSettings()
    purge: PurgeSettings = PurgeSettings()
