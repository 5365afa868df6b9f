"""The Registry's tables, declared.

Why it exists: the store and the read models name columns, not strings. What runs is made by ``migrations_meta``; a test
holds the two equal, constraints by name and text included. The enums of ``state.model`` are the only lists of values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from state.model import GateName, State, StepStatus

SCHEMA = "orch"
metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)
_TIME = DateTime(timezone=True)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A check over values of our own enums, which hold no quote."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


def _some(name: str, kind: Any, *rest: Any) -> Column[Any]:
    """A column that always has a value."""
    return Column(name, kind, *rest, nullable=False)


def _of_change(**options: Any) -> Column[Any]:
    return Column("change_id", Text, ForeignKey("orch.change.id"), nullable=False, **options)


change = Table(
    "change",
    metadata,
    Column("id", Text, primary_key=True),
    _some("title", Text),
    _some("target", Text),
    _some("source", Text),
    _some("definition", JSONB),
    _some("plan", JSONB),
    _some("plan_sha256", Text),
    _some("approvals_needed", JSONB),
    _some("state", Text),
    _some("version", Integer),
    _some("requester", Text),
    _some("created_at", _TIME),
    _some("planned_at", _TIME),
    _some("updated_at", _TIME),
    Column("hold_reason", Text),
    Column("hold_actor", Text),
    Column("hold_at", _TIME),
    Column("requested", Text),
    Column("switched_at", _TIME),
    Column("contracted_at", _TIME),
    CheckConstraint("id ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="id"),
    CheckConstraint("num_nulls(hold_reason, hold_actor, hold_at) IN (0, 3)", name="hold"),
    _one_of("state", State),
    _one_of("requested", GateName),
)

step = Table(
    "step",
    metadata,
    _of_change(primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("step_id", Text, nullable=False, unique=True),
    _some("phase", Text),
    _some("kind", Text),
    _some("description", Text),
    _some("definition", JSONB),
    _some("status", Text),
    _some("attempt", Integer),
    Column("error", Text),
    Column("fence", BigInteger),
    Column("started_at", _TIME),
    Column("finished_at", _TIME),
    _one_of("phase", GateName),
    _one_of("status", StepStatus),
)

lease = Table(
    "lease",
    metadata,
    _of_change(primary_key=True),
    Column("owner", Text),
    _some("fence", BigInteger),
    Column("acquired_at", _TIME),
    Column("expires_at", _TIME),
    Column("login", Text),
    CheckConstraint("num_nulls(owner, acquired_at, expires_at) IN (0, 3)", name="owner"),
)

approval = Table(
    "approval",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _of_change(),
    _some("gate", Text),
    _some("decision", Text),
    _some("approver", Text),
    _some("plan_sha256", Text),
    _some("evidence_sha256", Text),
    Column("reason", Text),
    _some("at", _TIME),
    _some("expires_at", _TIME),
    _one_of("gate", GateName),
    _one_of("decision", ("approve", "reject")),
    Index(None, "change_id", "gate"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _of_change(),
    _some("gate", Text),
    _some("plan_sha256", Text),
    _some("sha256", Text),
    _some("findings", JSONB),
    _some("at", _TIME),
    _one_of("gate", GateName),
    Index(None, "change_id", "gate"),
)

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _some("change_id", Text),
    _some("at", Text),
    _some("actor", Text),
    _some("kind", Text),
    _some("payload", Text),
    _some("prev_sha256", Text),
    Column("sha256", Text, nullable=False, unique=True),
    Index(None, "change_id", "seq"),
)

event_head = Table(
    "event_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _some("seq", BigInteger),
    _some("sha256", Text),
    CheckConstraint("id = 1", name="id"),
)

backfill = Table(
    "backfill",
    metadata,
    _of_change(primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _some("table_name", Text),
    _some("rows_done", BigInteger),
    Column("rows_total", BigInteger),
    Column("rows_per_second", Double),
    Column("eta_seconds", Double),
    Column("throttle", Text),
    _some("updated_at", _TIME),
    Column("eta_low_seconds", Double),
    Column("eta_high_seconds", Double),
    Column("eta_note", Text),
    Column("duty", Double),
    Column("lanes", Integer),
    Column("reasons", JSONB),
    Column("control", JSONB),
)

comparison = Table(
    "comparison",
    metadata,
    _of_change(primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _some("footing", Text),
    _some("began_at", _TIME),
    _some("moment", Text),
    _some("late", Boolean),
    Column("position", ARRAY(Text)),
    _some("rows_done", BigInteger),
    Column("rows_total", BigInteger),
    _some("mismatches", BigInteger),
    _some("samples", ARRAY(Text)),
    _some("aside", BigInteger),
    Column("rows_per_second", Double),
    Column("eta_seconds", Double),
    Column("throttle", Text),
    _some("done", Boolean),
    _some("updated_at", _TIME),
    _one_of("gate", GateName),
)

approval_standing = Table(
    "approval_standing",
    MetaData(schema=SCHEMA),
    *(Column(column.name, column.type) for column in approval.columns),
    Column("standing", Text),
)
"""The view over ``approval`` that says what each decision is worth now. Not part of ``metadata``: it is no table."""
