"""The functions and triggers that keep two shapes of a fact equal (design §6, correctness F1-F3, F8, F10, F11, F16).

Why it exists: this is the piece of orch that runs inside the application's own transactions. A write of the application must
never fail because of it, must never be lost to it, and must mean the same in every session.

On INSERT, a new value that is given wins over an old one that is NULL or equal to its default; else the new one is computed.
On UPDATE, the side that changed is converted to the other; if both changed the writer writes both shapes itself; if neither
changed nothing is touched, so that a value that does not survive ``down`` outlives an unrelated update. A new value that the
old one means already leaves the old one alone: a dual writer may have repeated that one, in a row that is not filled yet.
Changed is judged by image (record_image_ne), since ``=`` does not exist for json and hides 1.0 → 1.00.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Argument, Conversion, Fill, Mirror, Sync
from orchestrator.dialects.postgres.text import fill, joined, literal, name, pinned, raw, table, text

OWN = "pg_catalog.current_setting('orch.own', true) IS DISTINCT FROM 'on'"
"""Keeps our own sessions out of the triggers (F1)."""


def function(label: str) -> Composable:
    """A function of ours."""
    return raw("orch_target.") + name(label)


def call(conversion: Conversion, prefix: str = "", row: str = "") -> Composed:
    """A call of a conversion (``try_`` yields NULL where it raises, ``fails_`` tells whether it does) over a row."""
    arguments = joined(", ", [raw(row) + name(argument.name) for argument in conversion.arguments])
    return fill("{f}({a})", f=function(prefix + conversion.name), a=arguments)


def conversions(sync: Sync) -> tuple[Conversion, ...]:
    """The conversions of a Sync that need functions."""
    if isinstance(sync, Fill):
        return (sync.value,)
    return tuple(c for c in (sync.up, sync.down) if c is not None)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a Sync. With ``schema`` every setting is pinned, names being looked up there; else none is."""

    label: str
    arguments: tuple[Argument, ...]
    returns: str
    source: str
    schema: str | None = None
    stable: bool = True


def functions(sync: Sync, parked: str | None = None) -> tuple[Function, ...]:
    """Every function of a Sync; with ``parked``, over the old column's parked name."""
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
    statements.append(fill("DELETE FROM orch_target.seal WHERE sync_id = {s}", s=literal(sync.id)))
    return tuple(statements)


def events(sync: Sync) -> tuple[str, ...]:
    """The events a Sync has triggers for."""
    return ("INSERT",) if isinstance(sync, Fill) and not sync.on_update else ("INSERT", "UPDATE")


def trigger_name(sync: Sync, event: str) -> str:
    """The name of one event's trigger."""
    return f"{sync.trigger}_{event[:3].lower()}"


def body_digests(sync: Sync, parked: str | None = None) -> list[str]:
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


def body_statement(sync: Sync, parked: str | None = None) -> Composed:
    """The trigger function; with ``parked``, over the old column's parked name.

    It pins no settings: everything in it is qualified, and the default of the old column must read as it does in the
    writer's own session (now() as a timestamp depends on its time zone), or a default would look like a value given (F2).
    """
    return _created(_trigger_function(sync, parked))


def _trigger_function(sync: Sync, parked: str | None) -> Function:
    return Function(f"sync_{sync.id}", (), "trigger", text(body(sync, parked)), stable=False)


def body(sync: Sync, parked: str | None = None) -> Composed:
    """The source of the trigger function."""
    if isinstance(sync, Fill):
        return _fill_body(sync, parked or sync.column)
    return _mirror_body(sync, parked or sync.old)


def trigger_statement(sync: Sync, event: str) -> Composed:
    """The trigger of one event."""
    columns = guard = fill("")
    if isinstance(sync, Fill):
        guard = fill("NEW.{c} IS NULL AND ", c=name(sync.column))
    elif event == "UPDATE" and sync.narrow:
        columns = fill(" OF {o}, {n}", o=name(sync.old), n=name(sync.new))
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


def _key(sync: Sync) -> Composable:
    if not sync.key:
        return raw("NULL::pg_catalog.jsonb")
    pairs = joined(", ", [fill("{k}, NEW.{c}", k=literal(a.name), c=name(a.name)) for a in sync.key])
    return fill("pg_catalog.jsonb_build_object({pairs})", pairs=pairs)


def _reject(sync: Sync, direction: str, state: str, message: str) -> Composed:
    return fill(
        "PERFORM orch_target.reject({change}, {sync}, {direction}, {key}, {state}, {message});",
        change=literal(sync.change_id),
        sync=literal(sync.id),
        direction=literal(direction),
        key=_key(sync),
        state=raw(state),
        message=raw(message),
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
        reject=_reject(sync, "up", "SQLSTATE", "SQLERRM"),
    )


def _mirror_body(sync: Mirror, old: str) -> Composed:
    parts = {"o": name(old), "n": name(sync.new), "key": _key(sync), "sync": literal(sync.id)}
    up = _assign(sync, "up", source=old, into=sync.new)
    down = _assign(sync, "down", source=sync.new, into=old)
    return fill(
        """
DECLARE
    failed boolean := false;
    unset boolean := {always};
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        IF NEW.{n} IS NULL THEN
            {up}
        ELSE{unset}
            IF (unset OR NEW.{o} IS NULL) AND pg_catalog.record_image_ne(ROW(NEW.{n}), ROW({expected})) THEN
                {down}
            END IF;
        END IF;
    ELSIF pg_catalog.record_image_ne(ROW(OLD.{o}), ROW(NEW.{o})) THEN
        IF NOT pg_catalog.record_image_ne(ROW(OLD.{n}), ROW(NEW.{n})) THEN
            {up}
        END IF;
    ELSIF pg_catalog.record_image_ne(ROW(OLD.{n}), ROW(NEW.{n})) THEN
        IF NEW.{n} IS NULL OR pg_catalog.record_image_ne(ROW(NEW.{n}), ROW({expected})) THEN
            {down}
        END IF;
    END IF;{accepted}{required}
    RETURN NEW;
END """,
        up=up,
        down=down,
        always=raw("true" if sync.old_default_volatile else "false"),
        unset=_unset(sync, old),
        expected=_converted(sync.up, old, "try_"),
        accepted=_accepted(sync, parts),
        required=_required(sync, parts),
        **parts,
    )


def _converted(conversion: Conversion | None, source: str, prefix: str = "") -> Composed:
    """The other side's value: a plain copy, or a call on the source column (under its present name)."""
    if conversion is None:
        return fill("NEW.{c}", c=name(source))
    return fill("{f}(NEW.{c})", f=function(prefix + conversion.name), c=name(source))


def _assign(sync: Mirror, direction: str, *, source: str, into: str) -> Composed:
    conversion = sync.up if direction == "up" else sync.down
    if direction == "down" and not sync.reversible:
        return fill("NEW.{into} := NULL; failed := true;", into=name(into))
    if conversion is None:
        return fill("NEW.{into} := {value};", into=name(into), value=_converted(None, source))
    return fill(
        """BEGIN
                NEW.{into} := {value};
                IF {required} AND NEW.{into} IS NULL AND NEW.{source} IS NOT NULL THEN
                    failed := true;
                    {null}
                END IF;
            EXCEPTION WHEN OTHERS THEN
                NEW.{into} := NULL;
                failed := true;
                {reject}
            END;""",
        into=name(into),
        source=name(source),
        value=_converted(conversion, source),
        required=raw("true" if sync.required else "false"),
        null=_reject(sync, direction, "'22004'", "'the conversion yields NULL'"),
        reject=_reject(sync, direction, "SQLSTATE", "SQLERRM"),
    )


def _unset(sync: Mirror, old: str) -> Composed:
    """Whether the old side of an INSERT counts as not given, since it equals its default (F2).

    A default that raises here cannot be what filled the column; the writer must not fail for our asking.
    """
    if sync.old_default is None or sync.old_default_volatile:
        return fill("")
    return fill(
        """
            BEGIN
                unset := NOT pg_catalog.record_image_ne(ROW(NEW.{o}), ROW(CAST({d} AS {t})));
            EXCEPTION WHEN OTHERS THEN
                unset := false;
            END;""",
        o=name(old),
        d=raw(sync.old_default),
        t=raw(sync.old_type),
    )


def _accepted(sync: Mirror, parts: dict[str, Composable]) -> Composed:
    """A row that was rejected before and converts now is no longer listed."""
    if sync.up is None and sync.down is None:
        return fill("")
    return fill(
        """
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT failed THEN
        IF (OLD.{o} IS NULL OR OLD.{n} IS NULL) AND NEW.{o} IS NOT NULL AND NEW.{n} IS NOT NULL THEN
            PERFORM orch_target.accept({sync}, {key});
        END IF;
    END IF;""",
        **parts,
    )


def _required(sync: Mirror, parts: dict[str, Composable]) -> Composed:
    """Stands in for the NOT NULL that expand relaxed: a writer that gives neither side is refused as before."""
    if not sync.relaxed:
        return fill("")
    return fill(
        """
    IF NEW.{o} IS NULL AND NEW.{n} IS NULL AND NOT failed THEN
        RAISE EXCEPTION 'null value in column % of relation % violates not-null constraint', {label}, TG_TABLE_NAME
            USING ERRCODE = 'not_null_violation', COLUMN = {label}, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;""",
        label=literal(sync.old),
        **parts,
    )
