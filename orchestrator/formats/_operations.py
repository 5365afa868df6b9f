"""Alembic's operations as SQL, one function each.

Why it exists: what an operation does to a live table is judged by the rules that judge SQL. The order of its statements is
Alembic's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.formats._alchemy import (
    Column,
    Partly,
    Unsaid,
    column,
    constraint,
    default_sql,
    expression_sql,
    listed,
    literal,
    named,
    names_of,
    quoted,
    referential,
    type_sql,
)
from orchestrator.formats._values import UNKNOWN, Batch, Guess, Made, is_guessed, made


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of an operation by name; what stands in ``*`` by place, under ``*``."""

    values: dict[str, Any]
    guessed: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        """An argument that may be left out. Raises Unsaid when it is computed."""
        found = self.values.get(name, default)
        if found is UNKNOWN:
            raise Unsaid(f"its {name} is computed")
        return found

    def text(self, name: str) -> str:
        """A name that must be there; one that is not known is made up, and noted."""
        found = self.values.get(name, UNKNOWN)
        if isinstance(found, str) and not isinstance(found, Guess):
            return found
        self.guessed.append(name)
        return found.replace(":", "") if isinstance(found, Guess) else f"computed_{name}"

    def is_set(self, name: str) -> bool:
        """Whether a flag is set. Raises Unsaid when it is computed."""
        return self.get(name) is True

    def table(self, name: str = "table_name", schema: str = "schema") -> str:
        """A table with its schema, quoted."""
        where = f"{quoted(self.text(schema))}." if self.values.get(schema) is not None else ""
        return where + quoted(self.text(name))


Saying = Callable[[Given], Iterator[str]]


def said(word: str, by_place: list[Any], by_keyword: dict[str, Any] | None, batch: Batch | None) -> Iterator[str]:
    """The statements of ``op.word(…)``, or of a batch's. Raises Unsaid, at last behind some of them."""
    found = _OPERATIONS.get(word)
    if found is None:
        raise Unsaid("this operation is not known")
    if by_keyword is None:
        raise Unsaid("its arguments are computed")
    names, say = found
    names = tuple(each for each in names if batch is None or each not in _OF_BATCH)
    values = dict(zip(names, by_place, strict=False))
    values |= by_keyword
    values["*"] = by_place[len(names) :]
    if batch is not None:
        values |= dict.fromkeys(_OF_BATCH, batch.table) | {"schema": batch.schema, "source_schema": batch.schema}
    given = Given(values)
    yield from say(given)
    given.guessed.extend(name for name, each in values.items() if is_guessed(each))
    if given.guessed:
        words = [each.replace("*", "columns") for each in dict.fromkeys(given.guessed)]
        raise Partly(f"its {' and '.join(words)} is computed")


_OF_BATCH = ("table_name", "source_table")


def _add_column(given: Given) -> Iterator[str]:
    table = given.table()
    made_of = column(given.values.get("column", UNKNOWN))
    there = "IF NOT EXISTS " if given.is_set("if_not_exists") else ""
    yield f"ALTER TABLE {table} ADD COLUMN {there}{made_of.spec}"
    for each in made_of.apart:
        yield f"ALTER TABLE {table} ADD {each}"
    yield from _beside(given, table, made_of)
    if made_of.unread:
        raise Unsaid(made_of.unread)


def _beside(given: Given, table: str, made_of: Column) -> Iterator[str]:
    if made_of.indexed:
        schema = given.values.get("schema")
        words = ["ix", *([schema] if isinstance(schema, str) else []), given.text("table_name"), made_of.name]
        yield f"CREATE INDEX {quoted('_'.join(words))} ON {table} ({quoted(made_of.name)})"
    if made_of.comment:
        yield f"COMMENT ON COLUMN {table}.{quoted(made_of.name)} IS {literal(made_of.comment)}"


def _drop_column(given: Given) -> Iterator[str]:
    there = "IF EXISTS " if given.is_set("if_exists") else ""
    yield f"ALTER TABLE {given.table()} DROP COLUMN {there}{quoted(given.text('column_name'))}"


def _alter_column(given: Given) -> Iterator[str]:
    table, name = given.table(), quoted(given.text("column_name"))
    alter = f"ALTER TABLE {table} ALTER COLUMN {name}"
    nullable, default = given.get("nullable"), given.get("server_default", False)
    if given.get("type_") is not None:
        using = given.get("postgresql_using")
        how = f" USING {expression_sql(using)}" if using is not None else ""
        yield f"{alter} TYPE {type_sql(given.get('type_'))}{how}"
    if nullable is not None:
        yield f"{alter} {'DROP' if nullable else 'SET'} NOT NULL"
    if default is None:
        yield f"{alter} DROP DEFAULT"
    elif default is not False:
        found = made(default)
        if found is not None and found.kind in ("Identity", "Computed"):
            raise Unsaid(f"{found.kind} is put on a column that is there")
        yield f"{alter} SET DEFAULT {default_sql(default)}"
    comment = given.get("comment", False)
    if comment is not False:
        yield f"COMMENT ON COLUMN {table}.{name} IS {literal(comment) if isinstance(comment, str) else 'NULL'}"
    if given.values.get("new_column_name") is not None:
        yield f"ALTER TABLE {table} RENAME {name} TO {quoted(given.text('new_column_name'))}"


def _create_index(given: Given) -> Iterator[str]:
    unique = "UNIQUE " if given.is_set("unique") else ""
    concurrently = "CONCURRENTLY " if given.is_set("postgresql_concurrently") else ""
    there = "IF NOT EXISTS " if given.is_set("if_not_exists") else ""
    name = f"{quoted(given.text('index_name'))} " if given.values.get("index_name") is not None else ""
    using = given.get("postgresql_using")
    method = f" USING {quoted(using)}" if isinstance(using, str) else ""
    where = given.get("postgresql_where")
    only = f" WHERE {expression_sql(where)}" if where is not None else ""
    keys = ", ".join(_keys(given.get("columns", UNKNOWN)))
    yield f"CREATE {unique}INDEX {concurrently}{there}{name}ON {given.table()}{method} ({keys}){only}"


def _keys(columns: Any) -> Iterator[str]:
    if not isinstance(columns, list | tuple):
        raise Unsaid("its columns are computed")
    for each in columns:
        yield quoted(each) if isinstance(each, str) else expression_sql(each)


def _drop_index(given: Given) -> Iterator[str]:
    concurrently = "CONCURRENTLY " if given.is_set("postgresql_concurrently") else ""
    there = "IF EXISTS " if given.is_set("if_exists") else ""
    yield f"DROP INDEX {concurrently}{there}{given.table('index_name')}"


def _create_table(given: Given) -> Iterator[str]:
    table = given.table()
    items = [made(each) for each in given.values["*"]]
    if None in items:
        raise Unsaid("a column or constraint of it is computed")
    kinds = [each for each in items if each is not None]
    columns, others = _taken_apart(kinds)
    inside = [each.spec for each in columns] + [part for each in columns for part in each.apart] + others
    temporary = "TEMPORARY " if "TEMPORARY" in (given.get("prefixes") or ()) else ""
    there = "IF NOT EXISTS " if given.is_set("if_not_exists") else ""
    yield f"CREATE {temporary}TABLE {there}{table} ({', '.join(inside)})"
    for each in columns:
        yield from _beside(given, table, each)
    for kind in kinds:
        if kind.kind == "Index":
            yield from _index_of(table, kind)
    unread = [each.unread for each in columns if each.unread]
    if unread:
        raise Unsaid("; ".join(unread))


def _taken_apart(kinds: list[Made]) -> tuple[list[Column], list[str]]:
    apart = [each for each in kinds if each.kind == "PrimaryKeyConstraint"]
    marked = [each for each in kinds if each.kind == "Column" and each.get("primary_key") is True]
    keys = [key for each in apart for key in names_of(each.arguments)]
    keys += [each.arguments[0] for each in marked if each.arguments and isinstance(each.arguments[0], str)]
    columns = [column(each, keys=keys) for each in kinds if each.kind == "Column"]
    others = [constraint(each) for each in kinds if each.kind not in ("Column", "Index")]
    return columns, others if apart or not marked else [f"PRIMARY KEY {listed(keys)}", *others]


def _index_of(table: str, index: Made) -> Iterator[str]:
    keys = ", ".join(_keys(index.arguments[1:]))
    name = f"{quoted(index.arguments[0])} " if index.arguments and isinstance(index.arguments[0], str) else ""
    yield f"CREATE {'UNIQUE ' if index.get('unique') is True else ''}INDEX {name}ON {table} ({keys})"


def _drop_table(given: Given) -> Iterator[str]:
    yield f"DROP TABLE {'IF EXISTS ' if given.is_set('if_exists') else ''}{given.table()}"


def _rename_table(given: Given) -> Iterator[str]:
    yield f"ALTER TABLE {given.table('old_table_name')} RENAME TO {quoted(given.text('new_table_name'))}"


def _add(given: Given, body: str, table: str = "table_name", schema: str = "schema") -> str:
    late = " NOT VALID" if given.is_set("postgresql_not_valid") else ""
    return f"ALTER TABLE {given.table(table, schema)} ADD {named(given.get('constraint_name'))}{body}{late}"


def _foreign_key(given: Given) -> Iterator[str]:
    local, remote = names_of(given.get("local_cols")), names_of(given.get("remote_cols"))
    other = given.table("referent_table", "referent_schema")
    body = f"FOREIGN KEY {listed(local)} REFERENCES {other} {listed(remote)}{referential(given.get)}"
    yield _add(given, body, "source_table", "source_schema")


def _check(given: Given) -> Iterator[str]:
    yield _add(given, f"CHECK ({expression_sql(given.get('condition', UNKNOWN))})")


def _unique(given: Given) -> Iterator[str]:
    yield _add(given, f"UNIQUE {listed(names_of(given.get('columns')))}")


def _primary_key(given: Given) -> Iterator[str]:
    yield _add(given, f"PRIMARY KEY {listed(names_of(given.get('columns')))}")


def _exclude(given: Given) -> Iterator[str]:
    parts = []
    for each in given.values["*"]:
        if not isinstance(each, tuple) or len(each) != 2:
            raise Unsaid("what it excludes is computed")
        what, operator = each
        parts.append(f"{quoted(what) if isinstance(what, str) else expression_sql(what)} WITH {operator}")
    yield _add(given, f"EXCLUDE USING {given.get('using', 'gist')} ({', '.join(parts)})")


def _drop_constraint(given: Given) -> Iterator[str]:
    there = "IF EXISTS " if given.is_set("if_exists") else ""
    yield f"ALTER TABLE {given.table()} DROP CONSTRAINT {there}{quoted(given.text('constraint_name'))}"


def _table_comment(given: Given) -> Iterator[str]:
    yield f"COMMENT ON TABLE {given.table()} IS {literal(given.text('comment'))}"


def _no_table_comment(given: Given) -> Iterator[str]:
    yield f"COMMENT ON TABLE {given.table()} IS NULL"


def _bulk_insert(given: Given) -> Iterator[str]:
    table = made(given.get("table"))
    name = table.arguments[0] if table is not None and table.arguments else UNKNOWN
    if not isinstance(name, str):
        raise Unsaid("its table is computed")
    yield f"INSERT INTO {quoted(name)} VALUES (1)"  # noqa: S608 - it is read, and never sent


_OPERATIONS: dict[str, tuple[tuple[str, ...], Saying]] = {
    "add_column": (("table_name", "column"), _add_column),
    "drop_column": (("table_name", "column_name"), _drop_column),
    "alter_column": (("table_name", "column_name"), _alter_column),
    "create_index": (("index_name", "table_name", "columns"), _create_index),
    "drop_index": (("index_name", "table_name"), _drop_index),
    "create_table": (("table_name",), _create_table),
    "drop_table": (("table_name",), _drop_table),
    "rename_table": (("old_table_name", "new_table_name"), _rename_table),
    "create_foreign_key": (
        ("constraint_name", "source_table", "referent_table", "local_cols", "remote_cols"),
        _foreign_key,
    ),
    "create_check_constraint": (("constraint_name", "table_name", "condition"), _check),
    "create_unique_constraint": (("constraint_name", "table_name", "columns"), _unique),
    "create_primary_key": (("constraint_name", "table_name", "columns"), _primary_key),
    "create_exclude_constraint": (("constraint_name", "table_name"), _exclude),
    "drop_constraint": (("constraint_name", "table_name", "type_"), _drop_constraint),
    "create_table_comment": (("table_name", "comment"), _table_comment),
    "drop_table_comment": (("table_name",), _no_table_comment),
    "bulk_insert": (("table", "rows"), _bulk_insert),
}
