"""The functions and triggers that keep two shapes of a fact equal (design §6, correctness F1-F3, F8, F10, F11, F16).

Why it exists: this is the piece of orch that runs inside the application's own transactions. A write of the application must
never fail because of it, must never be lost to it, and must mean the same in every session. What a Mirror's trigger does is in
``mirror.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Argument, Conversion, Fill, Sync
from orchestrator.dialects.postgres import mirror
from orchestrator.dialects.postgres.calls import NONE, Names, call, function, reject
from orchestrator.dialects.postgres.text import fill, joined, literal, name, pinned, raw, table, text

OWN = "pg_catalog.current_setting('orch.own', true) IS DISTINCT FROM 'on'"
"""Keeps our own sessions out of the triggers (F1)."""


def conversions(sync: Sync) -> tuple[Conversion, ...]:
    """The conversions of a Sync that need functions."""
    if isinstance(sync, Fill):
        return (sync.value,)
    return tuple(part.value for part in (*sync.news, *sync.olds) if part.value is not None)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a Sync. With ``schema`` every setting is pinned, names being looked up there; else none is."""

    label: str
    arguments: tuple[Argument, ...]
    returns: str
    source: str
    schema: str | None = None
    stable: bool = True


def functions(sync: Sync, parked: Names = NONE) -> tuple[Function, ...]:
    """Every function of a Sync; with ``parked``, over the parked names of old columns."""
    made = [made for conversion in conversions(sync) for made in _conversion(conversion, sync.table.schema)]
    return (*made, _trigger_function(sync, parked))


def installed(sync: Sync) -> tuple[Composed, ...]:
    """Everything a Sync needs, in order; CREATE OR REPLACE, so that it can be sent again."""
    statements = [_created(made) for made in functions(sync)]
    statements += [_granted(prefix, conversion) for conversion in conversions(sync) for prefix in ("", "try_")]
    statements += [trigger_statement(sync, event) for event in events(sync)]
    if sync.always:
        statements += [
            fill("ALTER TABLE {t} ENABLE ALWAYS TRIGGER {g}", t=table(sync.table), g=name(trigger_name(sync, event)))
            for event in events(sync)
        ]
    return tuple(statements)


def removed(sync: Sync) -> tuple[Composed, ...]:
    """Drops of everything ``installed`` made."""
    statements = [
        fill("DROP TRIGGER IF EXISTS {g} ON {t}", t=table(sync.table), g=name(trigger_name(sync, event)))
        for event in events(sync)
    ]
    statements.append(fill("DROP FUNCTION IF EXISTS {f}()", f=function(f"sync_{sync.id}")))
    for conversion in conversions(sync):
        types = joined(", ", [raw(argument.type) for argument in conversion.arguments])
        statements += [
            fill("DROP FUNCTION IF EXISTS {f}({types})", f=function(prefix + conversion.name), types=types)
            for prefix in ("try_", "fails_", "")
        ]
    for kept in ("seal", "rejected_row"):
        statements.append(fill("DELETE FROM {t} WHERE sync_id = {s}", t=raw(f"orch_target.{kept}"), s=literal(sync.id)))
    return tuple(statements)


def events(sync: Sync) -> tuple[str, ...]:
    """The events a Sync has triggers for."""
    return ("INSERT",) if isinstance(sync, Fill) and not sync.on_update else ("INSERT", "UPDATE")


def trigger_name(sync: Sync, event: str) -> str:
    """The name of one event's trigger."""
    return f"{sync.trigger}_{event[:3].lower()}"


def body_digests(sync: Sync, parked: Names = NONE) -> list[str]:
    """md5 of the trigger function's source, as ``orch_target.require_sync`` compares it."""
    return [hashlib.md5(text(body(sync, parked)).encode(), usedforsecurity=False).hexdigest()]


def _conversion(conversion: Conversion, schema: str) -> tuple[Function, ...]:
    """The function itself, one that yields NULL where it raises, and one that tells whether it raises."""
    value = fill("CAST((\n{v}\n) AS {t})", v=_value(conversion), t=raw(conversion.returns))
    passed = joined(", ", [name(argument.name) for argument in conversion.arguments])
    call = fill("{f}({a})", f=function(conversion.name), a=passed)
    tried = fill("BEGIN RETURN {c}; EXCEPTION WHEN OTHERS THEN RETURN NULL; END", c=call)
    fails = fill("BEGIN PERFORM {c}; RETURN false; EXCEPTION WHEN OTHERS THEN RETURN true; END", c=call)

    def made(prefix: str, returns: str, source: Composed, schema: str | None = None) -> Function:
        body = text(joined("", [*_hidden(conversion), source]))
        return Function(prefix + conversion.name, conversion.arguments, returns, body, schema)

    return (
        made("", conversion.returns, fill("BEGIN RETURN {v}; END", v=value), schema),
        made("try_", conversion.returns, tried),
        made("fails_", "boolean", fails),
    )


def _hidden(conversion: Conversion) -> list[Composed]:
    # PL/pgSQL's own variable FOUND hides an argument of that name, but not one declared in a block of its own.
    return [
        fill("DECLARE {n} {t} := {place}; ", n=name(a.name), t=raw(a.type), place=raw(f"${place}"))
        for place, a in enumerate(conversion.arguments, 1)
        if a.name == "found"
    ]


def _granted(prefix: str, conversion: Conversion) -> Composed:
    """The application's roles run these inside its own writes, whatever ALTER DEFAULT PRIVILEGES took from PUBLIC."""
    types = joined(", ", [raw(argument.type) for argument in conversion.arguments])
    return fill("GRANT EXECUTE ON FUNCTION {f}({t}) TO PUBLIC", f=function(prefix + conversion.name), t=types)


def _created(made: Function) -> Composed:
    return fill(
        "CREATE OR REPLACE FUNCTION {f}({a}) RETURNS {t} LANGUAGE plpgsql {stable}{settings} AS {source}",
        f=function(made.label),
        a=joined(", ", [fill("{n} {t}", n=name(a.name), t=raw(a.type)) for a in made.arguments]),
        t=raw(made.returns),
        stable=raw("STABLE " if made.stable else ""),
        settings=pinned(made.schema) if made.schema is not None else raw(""),
        source=literal(made.source),
    )


def _value(conversion: Conversion) -> Composable:
    if conversion.sql is not None:
        return raw(conversion.sql)
    column = name(conversion.arguments[0].name)
    return column if conversion.values is None else _replaced(column, conversion.values)


def _replaced(column: Composable, values: tuple[tuple[str, str], ...]) -> Composed:
    """A value that is not listed stays as it is, or does not convert: nothing becomes NULL unseen."""
    if not values:
        return fill("{c}::pg_catalog.text", c=column)
    cases = [fill(" WHEN {a} THEN {b}", a=literal(a), b=literal(b)) for a, b in values]
    return fill("CASE {c}::pg_catalog.text{cases} ELSE {c}::pg_catalog.text END", c=column, cases=joined("", cases))


def body_statement(sync: Sync, parked: Names = NONE) -> Composed:
    """The trigger function; with ``parked``, over the parked names of old columns.

    It pins no settings: everything in it is qualified, and the default of the old column must read as it does in the
    writer's own session (now() as a timestamp depends on its time zone), or a default would look like a value given (F2).
    """
    return _created(_trigger_function(sync, parked))


def _trigger_function(sync: Sync, parked: Names) -> Function:
    return Function(f"sync_{sync.id}", (), "trigger", text(body(sync, parked)), stable=False)


def body(sync: Sync, parked: Names = NONE) -> Composed:
    """The source of the trigger function."""
    if isinstance(sync, Fill):
        return _fill_body(sync, parked.get(sync.column, sync.column))
    return mirror.body(sync, parked)


def trigger_statement(sync: Sync, event: str) -> Composed:
    """The trigger of one event."""
    columns = guard = fill("")
    if isinstance(sync, Fill):
        guard = fill("NEW.{c} IS NULL AND ", c=name(sync.column))
    elif event == "UPDATE" and sync.narrow:
        watched = [name(column) for column in (*sync.old_columns, *sync.new_columns)]
        columns = fill(" OF {columns}", columns=joined(", ", watched))
    return fill(
        "CREATE OR REPLACE TRIGGER {g} BEFORE {event}{columns} ON {t} FOR EACH ROW WHEN ({guard}{own})"
        " EXECUTE FUNCTION {f}()",
        g=name(trigger_name(sync, event)),
        event=raw(event),
        columns=columns,
        t=table(sync.table),
        guard=guard,
        own=raw(OWN),
        f=function(f"sync_{sync.id}"),
    )


def _fill_body(sync: Fill, column: str) -> Composed:
    return fill(
        """
BEGIN
    BEGIN
        NEW.{c} := {value};
    EXCEPTION WHEN OTHERS THEN
        {reject}
    END;
    RETURN NEW;
END """,
        c=name(column),
        value=call(sync.value, row="NEW."),
        reject=reject(sync, "up", "SQLSTATE", "SQLERRM"),
    )
