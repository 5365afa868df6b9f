"""Which statements may run as they stand: they neither lock a table that is in use for long nor take anything away.

Why it exists: orch has operations for what is dangerous. What is not runs as a plain migration, before the change or after it,
and is listed so that nobody forgets it.
"""

from __future__ import annotations

from orchestrator.converting._model import place
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Name

_MAKES = {
    "create extension": "it makes an extension",
    "create schema": "it makes a schema",
    "create seq": "it makes a sequence",
    "composite type": "it makes a type",
    "grant": "it gives a privilege",
}
_OURS = frozenset(
    {
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "transaction_timeout",
        "client_min_messages",
    }
)
"""Settings that say how to wait, not what a statement means: search_path and the like are none of them."""


def unneeded(act: Act) -> str:
    """Why a statement is not needed at all beside a change, or nothing."""
    if isinstance(act, acts.Setting) and act.name in _OURS:
        return "orch sets this itself in every session"
    if isinstance(act, acts.Transaction) and act.kind in ("begin", "commit"):
        return "orch decides itself what is one transaction"
    return ""


def harmless(act: Act, plain: frozenset[str]) -> str:
    """Why a statement may run as it stands, or nothing. ``plain`` are tables made by statements that run as they stand."""
    table = getattr(act, "table", None)
    if isinstance(table, Name) and place(table) in plain:
        return f"the file makes {table} itself: it is empty"
    match act:
        case acts.CreateTable(parent=None, query=False) | acts.CreateTable(temporary=True):
            return "it makes a table: nothing that is there is changed"
        case acts.CreateEnum() | acts.CreateDomain():
            return "it makes a type"
        case acts.CreateFunction(replace=False):
            return "it makes a function"
        case acts.CreateView(replace=False, materialized=False):
            return "it makes a view"
        case acts.Insert(source=False):
            return "it adds a few rows"
        case acts.ValidateConstraint():
            return "it reads the table beside reads and writes"
        case acts.Other(kind=kind):
            return _MAKES.get(kind) or ("it is a comment" if kind.startswith("comment on ") else "")
        case _:
            return ""


def made(act: Act) -> str:
    """The name of what a harmless statement makes, for statements that need it; empty where it makes nothing by that name."""
    if isinstance(act, acts.CreateEnum | acts.CreateDomain | acts.CreateFunction | acts.CreateView):
        return act.name.name
    return act.table.name if isinstance(act, acts.CreateTable) else ""
