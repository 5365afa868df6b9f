"""How a sync trigger gives one side its value from the other one, and what it does where there is none.

Why it exists: an application's write must not fail for a value that does not convert, unless it is a key (``held_to``).
"""

from __future__ import annotations

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Conversion, Mirror, Sync
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw


def function(label: str) -> Composable:
    """A function of ours."""
    return raw("orch_target.") + name(label)


def key_of_row(sync: Sync) -> Composable:
    """The row's key as jsonb; NULL where it has none."""
    if not sync.key:
        return raw("NULL::pg_catalog.jsonb")
    pairs = joined(", ", [fill("{k}, NEW.{c}", k=literal(a.name), c=name(a.name)) for a in sync.key])
    return fill("pg_catalog.jsonb_build_object({pairs})", pairs=pairs)


def rejection(sync: Sync, direction: str, state: str, message: str) -> Composed:
    """A row is recorded whose value does not convert."""
    return fill(
        "PERFORM orch_target.reject({change}, {sync}, {direction}, {key}, {state}, {message});",
        change=literal(sync.change_id),
        sync=literal(sync.id),
        direction=literal(direction),
        key=key_of_row(sync),
        state=raw(state),
        message=raw(message),
    )


def converted(conversion: Conversion | None, source: str, prefix: str = "") -> Composed:
    """The other side's value: a plain copy, or a call on the source column (under its present name)."""
    if conversion is None:
        return fill("NEW.{c}", c=name(source))
    return fill("{f}(NEW.{c})", f=function(prefix + conversion.name), c=name(source))


def assigned(sync: Mirror, direction: str, *, source: str, into: str) -> Composed:
    """The other side gets its value; where there is none it becomes NULL, and the row is recorded."""
    conversion = sync.up if direction == "up" else sync.down
    if direction == "down" and not sync.reversible:
        return fill("NEW.{into} := NULL; failed := true;", into=name(into))
    if conversion is None:
        return fill("NEW.{into} := {value};", into=name(into), value=converted(None, source))
    return fill(
        """BEGIN
                NEW.{into} := {value};
                IF {required} AND NEW.{into} IS NULL AND NEW.{source} IS NOT NULL THEN
                    failed := true;
                    {null}
                END IF;{lossy}
            EXCEPTION WHEN OTHERS THEN
                NEW.{into} := NULL;
                failed := true;
                {reject}
            END;""",
        into=name(into),
        source=name(source),
        value=converted(conversion, source),
        required=raw("true" if sync.required else "false"),
        null=rejection(sync, direction, "'22004'", "'the conversion yields NULL'"),
        lossy=_lossy(sync, into) if sync.strict and direction == "down" else fill(""),
        reject=rejection(sync, direction, "SQLSTATE", "SQLERRM"),
    )


def held_to(sync: Mirror) -> Composed:
    """A key that the old type cannot hold, or not as it is, fails its writer: old versions would not find its row."""
    return fill(
        """NEW.{o} := {value};
            IF NEW.{n} IS NOT NULL AND {differs} THEN
                RAISE EXCEPTION 'a new value of column % of relation % does not come back from %', {new}, TG_TABLE_NAME, {old}
                    USING ERRCODE = 'numeric_value_out_of_range', COLUMN = {new}, TABLE = TG_TABLE_NAME,
                    SCHEMA = TG_TABLE_SCHEMA, HINT = 'Until the change is contracted, old versions must find the row, too.';
            END IF;""",
        o=name(sync.old),
        n=name(sync.new),
        value=converted(sync.down, sync.new),
        differs=_does_not_come_back(sync, sync.old),
        new=literal(sync.new),
        old=literal(sync.old),
    )


def _lossy(sync: Mirror, old: str) -> Composed:
    """Once parked, the old column holds a key as it is or not at all."""
    return fill(
        """
                IF NEW.{o} IS NOT NULL AND {differs} THEN
                    NEW.{o} := NULL;
                    failed := true;
                    {reject}
                END IF;""",
        o=name(old),
        differs=_does_not_come_back(sync, old),
        reject=rejection(sync, "down", "'22003'", "'the value does not come back'"),
    )


def _does_not_come_back(sync: Mirror, old: str) -> Composed:
    """By image, since it stands in for the other one under an index."""
    back = converted(sync.up, old)
    return fill("pg_catalog.record_image_ne(ROW(NEW.{n}), ROW({back}))", n=name(sync.new), back=back)
