"""What the trigger of a Mirror does with one row (design §6, correctness F1-F3, F8, F10, F16).

Why it exists: two shapes of a fact, each of one column or of several, are kept equal whoever writes which. A shape counts as a
whole: it is given when one of its columns is, it changed when one of them did, and it becomes NULL as a whole where it does not
convert.

On INSERT, a new shape that is given wins over an old one whose columns are NULL or equal to their defaults; else the new one is
computed. On UPDATE, the side that changed is converted to the other; if both changed the writer writes both shapes itself; if
neither changed nothing is touched, so that a value that does not survive ``down`` outlives an unrelated update. A new value that
the old one means already leaves the old one alone: a dual writer may have repeated that one, in a row that is not filled yet.
Changed is judged by image (record_image_ne), since ``=`` does not exist for json and hides 1.0 → 1.00.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from psycopg.sql import Composable, Composed

from orchestrator.core.sync import Mirror, Part
from orchestrator.dialects.postgres import claims
from orchestrator.dialects.postgres.calls import NONE, Names, call, key, nulls, reject
from orchestrator.dialects.postgres.text import fill, joined, literal, name, raw


def body(sync: Mirror, parked: Names = NONE) -> Composed:
    """The source of the trigger function, over the present names of the old columns."""
    written = _Written(sync.when_parked() if parked else sync, parked)
    return fill(
        """
DECLARE
    {declared}
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        IF {no_new} THEN
            {up}
        ELSE{unset}
            IF {old_unset}({differs}) THEN
                {down}
            END IF;
        END IF;
    ELSIF {old_changed} THEN
        IF NOT {new_changed} THEN
            {up}
        END IF;
    ELSIF {new_changed} THEN
        IF {no_new} OR {new_says_more} THEN
            {down}
        END IF;
    END IF;{accepted}{required}{claimed}
    RETURN NEW;
END """,
        declared=joined("\n    ", written.declared()),
        no_new=nulls(written.news, "NEW."),
        up=written.up(),
        down=written.down(),
        unset=joined("", written.defaults()),
        old_unset=joined("", [fill("{c} AND ", c=condition) for condition in written.old_unset()]),
        differs=joined(" OR ", [written.new_says_more(), *written.old_missing()]),
        old_changed=_changed(written.olds),
        new_changed=_changed(written.news),
        new_says_more=written.new_says_more(),
        accepted=written.accepted(),
        required=joined("", written.required()),
        claimed=claims.claimed(sync) if written.claiming else fill(""),
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """The pieces of the function for one Mirror."""

    sync: Mirror
    parked: Names

    @property
    def olds(self) -> tuple[str, ...]:
        return tuple(self.parked.get(column, column) for column in self.sync.old_columns)

    @property
    def news(self) -> tuple[str, ...]:
        return self.sync.new_columns

    def declared(self) -> Iterator[Composable]:
        """Only what is used: a variable costs every write."""
        yield raw("failed boolean := false;")
        yield raw("lost boolean := false;")
        if self.sync.relaxed:
            yield raw("excused boolean := false;")
        if list(self.defaults()):
            yield raw("unset boolean := true;")
        if self.claiming:
            yield from map(raw, claims.DECLARED)

    @property
    def claiming(self) -> bool:
        return bool(self.sync.claims) and not self.parked

    def up(self) -> Composed:
        return self._assign("up", self.sync.news, self.news, self.olds, raw("failed := true;"))

    def down(self) -> Composed:
        failed = raw("failed := true; lost := true;")
        if not self.sync.reversible:
            return joined(" ", [*_emptied(self.olds), failed])
        if self.sync.strict and not self.parked and self.sync.olds[0].value is not None:
            return self._held_to()
        return self._assign("down", self.sync.olds, self.olds, self.news, failed)

    def _assign(
        self,
        direction: str,
        parts: tuple[Part, ...],
        into: tuple[str, ...],
        sources: tuple[str, ...],
        failed: Composable,
    ) -> Composed:
        """Every column of one side from the other; all of them NULL where one of them raises, or is NULL and may not be."""
        values = [self._value(part, sources) for part in parts]
        assigned = joined(" ", [fill("NEW.{c} := {v};", c=name(c), v=v) for c, v in zip(into, values, strict=True)])
        if all(part.value is None for part in parts):
            return assigned
        needed = [column for column, part in zip(into, parts, strict=True) if part.required]
        return fill(
            """BEGIN
                {assigned}{null}{lossy}
            EXCEPTION WHEN OTHERS THEN
                {emptied}
                {failed}
                {reject}
            END;""",
            assigned=assigned,
            null=self._null(direction, needed, into, sources, failed) if needed else fill(""),
            lossy=self._lossy(failed) if self.sync.strict and direction == "down" else fill(""),
            emptied=joined(" ", _emptied(into)),
            failed=failed,
            reject=reject(self.sync, direction, "SQLSTATE", "SQLERRM"),
        )

    def _held_to(self) -> Composed:
        """A key that the old type cannot hold as it is fails its writer: old versions would not find its row."""
        return fill(
            """NEW.{o} := {value};
            IF NEW.{n} IS NOT NULL AND {differs} THEN
                RAISE EXCEPTION 'a new value of column % of relation % does not come back from %', {new}, TG_TABLE_NAME, {old}
                    USING ERRCODE = 'numeric_value_out_of_range', COLUMN = {new}, TABLE = TG_TABLE_NAME,
                    SCHEMA = TG_TABLE_SCHEMA, HINT = 'Until the change is contracted, old versions must find the row, too.';
            END IF;""",
            o=name(self.olds[0]),
            n=name(self.news[0]),
            value=self._value(self.sync.olds[0], self.news),
            differs=self.does_not_come_back(),
            new=literal(self.news[0]),
            old=literal(self.olds[0]),
        )

    def _lossy(self, failed: Composable) -> Composed:
        """Once parked, the old column holds a key as it is or not at all."""
        return fill(
            """
                IF NEW.{o} IS NOT NULL AND {differs} THEN
                    NEW.{o} := NULL;
                    {failed}
                    {reject}
                END IF;""",
            o=name(self.olds[0]),
            differs=self.does_not_come_back(),
            failed=failed,
            reject=reject(self.sync, "down", "'22003'", "'the value does not come back'"),
        )

    def does_not_come_back(self) -> Composed:
        """By image, since it stands in for the other one under an index."""
        back = self._value(self.sync.news[0], self.olds)
        return fill("pg_catalog.record_image_ne(ROW(NEW.{n}), ROW({back}))", n=name(self.news[0]), back=back)

    def _null(
        self, direction: str, needed: list[str], into: tuple[str, ...], sources: tuple[str, ...], failed: Composable
    ) -> Composed:
        return fill(
            """
                IF ({needed}) AND NOT ({nothing}) THEN
                    {emptied}
                    {failed}
                    {reject}
                END IF;""",
            needed=joined(" OR ", [fill("NEW.{c} IS NULL", c=name(column)) for column in needed]),
            nothing=nulls(sources, "NEW."),
            emptied=joined(" ", _emptied(into)),
            failed=failed,
            reject=reject(self.sync, direction, "'22004'", "'the conversion yields NULL'"),
        )

    def _value(self, part: Part, sources: tuple[str, ...], prefix: str = "") -> Composed:
        """What the other side makes of a column: a plain copy, or a call on the source columns under their present names."""
        if part.value is None:
            return fill("NEW.{c}", c=name(sources[0]))
        return call(part.value, prefix, "NEW.", self.parked)

    def new_says_more(self) -> Composed:
        """Whether the new shape is another one than the old one converts to."""
        expected = joined(", ", [self._value(part, self.olds, "try_") for part in self.sync.news])
        return fill("pg_catalog.record_image_ne({n}, ROW({expected}))", n=_row("NEW.", self.news), expected=expected)

    def defaults(self) -> Iterator[Composed]:
        """Whether old columns of an INSERT count as not given, since they equal their defaults (F2).

        A default that raises here cannot be what filled the column; the writer must not fail for our asking.
        """
        for column, part in zip(self.olds, self.sync.olds, strict=True):
            if part.default is not None and not part.default_volatile:
                yield fill(
                    """
            BEGIN
                unset := unset AND (NEW.{o} IS NULL
                    OR NOT pg_catalog.record_image_ne(ROW(NEW.{o}), ROW(CAST({d} AS {t}))));
            EXCEPTION WHEN OTHERS THEN
                unset := unset AND NEW.{o} IS NULL;
            END;""",
                    o=name(column),
                    d=raw(part.default),
                    t=raw(part.type),
                )

    def old_unset(self) -> Iterator[Composable]:
        """The conditions under which the old shape of an INSERT counts as not given; a volatile default always does."""
        if any(part.default is not None and not part.default_volatile for part in self.sync.olds):
            yield raw("unset")
        for column, part in zip(self.olds, self.sync.olds, strict=True):
            if part.default is None and not part.default_volatile:
                yield fill("NEW.{o} IS NULL", o=name(column))

    def old_missing(self) -> Iterator[Composed]:
        """A NULL that may not stand is replaced even where it would convert to the new value."""
        for column, part in zip(self.olds, self.sync.olds, strict=True):
            if part.required and part.value is not None:
                yield fill("NEW.{o} IS NULL", o=name(column))

    def accepted(self) -> Composed:
        """A row that was rejected before and converts now is no longer listed."""
        if all(part.value is None for part in (*self.sync.olds, *self.sync.news)):
            return fill("")
        return fill(
            """
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT failed THEN
        IF ({was_old} OR {was_new}) AND NOT ({no_old}) AND NOT ({no_new}) THEN
            PERFORM orch_target.accept({sync}, {key});
        END IF;
    END IF;""",
            was_old=nulls(self.olds, "OLD."),
            was_new=nulls(self.news, "OLD."),
            no_old=nulls(self.olds, "NEW."),
            no_new=nulls(self.news, "NEW."),
            sync=literal(self.sync.id),
            key=key(self.sync),
        )

    def required(self) -> Iterator[Composed]:
        """Stands in for the NOT NULL that expand relaxed: a writer that leaves it empty is refused as before.

        But never for a value that does not convert back, nor because the row holds such a value since before.
        """
        for column, part in zip(self.olds, self.sync.olds, strict=True):
            if self.sync.relaxed and part.required:
                yield fill(
                    """
    IF NEW.{o} IS NULL AND NOT lost THEN
        IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
            excused := OLD.{o} IS NULL AND (failed OR NOT ({no_new}));
        END IF;
        IF NOT excused THEN
            RAISE EXCEPTION 'null value in column % of relation % violates not-null constraint', {label}, TG_TABLE_NAME
                USING ERRCODE = 'not_null_violation', COLUMN = {label}, TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
        END IF;
    END IF;""",
                    o=name(column),
                    no_new=nulls(self.news, "NEW."),
                    label=literal(part.column),
                )


def _row(row: str, columns: Iterable[str]) -> Composed:
    return fill("ROW({columns})", columns=joined(", ", [raw(row) + name(column) for column in columns]))


def _changed(columns: tuple[str, ...]) -> Composed:
    return fill("pg_catalog.record_image_ne({old}, {new})", old=_row("OLD.", columns), new=_row("NEW.", columns))


def _emptied(columns: Iterable[str]) -> list[Composed]:
    return [fill("NEW.{c} := NULL;", c=name(column)) for column in columns]
