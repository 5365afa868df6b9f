"""Columns, types, defaults and constraints of SQLAlchemy, as SQL.

Why it exists: Alembic's operations are given these, and a linter must judge what the server is sent. The SQL is read by the
linter and by nobody else; a test compares it with what Alembic itself renders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.formats._values import UNKNOWN, Made, Sql, made

_TYPES = {
    "BigInteger": "bigint", "BIGINT": "bigint", "Integer": "integer", "INTEGER": "integer", "INT": "integer",
    "SmallInteger": "smallint", "SMALLINT": "smallint", "Boolean": "boolean", "BOOLEAN": "boolean", "Text": "text",
    "TEXT": "text", "UnicodeText": "text", "CLOB": "text", "Date": "date", "DATE": "date", "LargeBinary": "bytea",
    "BYTEA": "bytea", "JSON": "json", "JSONB": "jsonb", "UUID": "uuid", "Uuid": "uuid", "INET": "inet", "CIDR": "cidr",
    "MACADDR": "macaddr", "TSVECTOR": "tsvector", "TSQUERY": "tsquery", "HSTORE": "hstore", "CITEXT": "citext", "OID": "oid",
    "MONEY": "money", "REAL": "real", "Double": "double precision", "DOUBLE_PRECISION": "double precision",
    "DOUBLE": "double precision", "INT4RANGE": "int4range", "INT8RANGE": "int8range", "NUMRANGE": "numrange",
    "DATERANGE": "daterange", "TSRANGE": "tsrange", "TSTZRANGE": "tstzrange", "AutoString": "varchar",
    "Unicode": "varchar", "String": "varchar", "VARCHAR": "varchar", "CHAR": "char", "NCHAR": "char", "BIT": "bit",
    "Float": "float", "FLOAT": "float", "Numeric": "numeric", "NUMERIC": "numeric", "DECIMAL": "numeric",
    "DateTime": "timestamp", "DATETIME": "timestamp", "TIMESTAMP": "timestamp", "Time": "time", "TIME": "time",
    "Interval": "interval", "INTERVAL": "interval",
}  # fmt: skip
_SIZED = frozenset({"varchar", "char", "bit", "float", "numeric"})
_ZONED = frozenset({"timestamp", "time"})
_NUMBERED = frozenset({"integer", "bigint", "smallint"})
_SERIAL = {"integer": "serial", "bigint": "bigserial", "smallint": "smallserial"}


class Unsaid(Exception):
    """Something is not written as a constant; the message says what."""


class Partly(Unsaid):
    """All was said, with names that were made up."""


@dataclass(slots=True)
class Column:
    """``spec`` is what stands in the statement; ``apart`` are constraints as ADD takes them, ``indexed`` says that it gets an
    index of its own, ``unread`` what could not be read of it.
    """

    name: str
    spec: str
    apart: list[str] = field(default_factory=list)
    indexed: bool = False
    comment: str = ""
    unread: str = ""


def quoted(name: str) -> str:
    """An identifier. What is written so is read by the linter, and never sent."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a value."""
    return "'" + text.replace("'", "''") + "'"


def listed(names: Iterable[str]) -> str:
    """Identifiers in parentheses."""
    return f"({', '.join(map(quoted, names))})"


def named(name: Any) -> str:
    """``CONSTRAINT name``, or nothing where the naming convention gives one."""
    return f"CONSTRAINT {quoted(name)} " if isinstance(name, str) else ""


def type_sql(given: Any) -> str:
    """A type. Raises Unsaid."""
    kind = made(given)
    if kind is None:
        raise Unsaid("its type is computed")
    if kind.kind == "with_variant":
        raise Unsaid("its type has variants")
    if kind.kind in ("Enum", "ENUM"):
        return _enum(kind)
    if kind.kind == "ARRAY" and kind.arguments:
        return type_sql(kind.arguments[0]) + "[]"
    name = _TYPES.get(kind.kind)
    if name is None:
        raise Unsaid(f"the type {kind.kind} is not PostgreSQL's")
    return name + _modifiers(name, kind)


def _modifiers(name: str, kind: Made) -> str:
    if name in _ZONED:
        zone = kind.get("timezone", kind.arguments[0] if kind.arguments else False)
        precision = kind.get("precision")
        return (f"({precision})" if isinstance(precision, int) else "") + (" with time zone" if zone is True else "")
    if name not in _SIZED:
        return ""
    keywords = [kind.get(each) for each in ("length", "precision", "scale")]
    sizes = [each for each in (*kind.arguments, *keywords) if each is not None and not isinstance(each, bool)]
    if not all(isinstance(each, int) for each in sizes):
        if all(isinstance(each, int | str) for each in sizes):  # a collation stands beside the length
            sizes = [each for each in sizes if isinstance(each, int)]
        else:
            raise Unsaid("the length of its type is computed")
    return f"({', '.join(map(str, sizes))})" if sizes else ""


def _enum(kind: Made) -> str:
    name, schema = kind.get("name"), kind.get("schema")
    if kind.get("native_enum", True) is False or name is None:
        return "varchar"
    if not isinstance(name, str):
        raise Unsaid("the name of its type is computed")
    return (f"{quoted(schema)}." if isinstance(schema, str) else "") + quoted(name)


def default_sql(given: Any) -> str:
    """A ``server_default``. Raises Unsaid."""
    return literal(given) if isinstance(given, str) else expression_sql(given)


def expression_sql(given: Any) -> str:
    """An expression; a plain text is one as it is. Raises Unsaid."""
    if isinstance(given, str):
        return given
    if isinstance(given, Sql):
        return given.text
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "null"}[given]
    if isinstance(given, int | float):
        return str(given)
    kind = made(given)
    if kind is not None and "func" in kind.path:
        inside = [literal(each) if isinstance(each, str) else expression_sql(each) for each in kind.arguments]
        return f"{kind.kind}({', '.join(inside)})"
    if kind is not None and kind.path[0] == "sqlalchemy":
        if kind.kind in ("true", "false", "null"):
            return kind.kind
        if kind.kind in ("literal_column", "column") and kind.arguments and isinstance(kind.arguments[0], str):
            return kind.arguments[0] if kind.kind == "literal_column" else quoted(kind.arguments[0])
        if kind.kind == "next_value":
            raise Unsaid("the next value of a sequence is its default")
    raise Unsaid("an expression is computed")


def column(given: Any, *, keys: Sequence[str] = ()) -> Column:
    """A ``sa.Column``; ``keys`` are the columns of its table's primary key. Raises Unsaid."""
    kind = made(given)
    if kind is None or kind.kind != "Column" or not kind.arguments or kind.keywords is None:
        raise Unsaid("a column is computed")
    name, *rest = kind.arguments
    if not isinstance(name, str):
        raise Unsaid("the name of a column is computed")
    kinds = [made(each) for each in rest]
    items = [each for each in kinds if each is not None and each.kind in _ITEMS]
    given_type = kind.get(
        "type_", next((e for e, k in zip(rest, kinds, strict=True) if k is None or k not in items), None)
    )
    found = Column(name, "", indexed=kind.get("index") is True)
    word = _type_of(given_type, found)
    parts = [quoted(name), word]
    parts += _filled(kind, items)
    is_key = kind.get("primary_key") is True or name in keys
    if _counts_up(kind, items, word, is_key, keys or (name,)):
        parts[1] = _SERIAL[word]
    if kind.get("nullable") is False or (is_key and kind.get("nullable") is None):
        parts.append("NOT NULL")
    elif kind.get("nullable") is UNKNOWN:
        raise Unsaid(f"whether {name} may be NULL is computed")
    found.spec = " ".join(parts)
    found.apart = [_item(each, name) for each in items if each.kind in ("ForeignKey", "CheckConstraint")]
    if kind.get("unique") is True and not found.indexed:
        found.apart.append(f"UNIQUE ({quoted(name)})")
    comment = kind.get("comment")
    found.comment = comment if isinstance(comment, str) else ""
    return found


_ITEMS = frozenset({"ForeignKey", "CheckConstraint", "Identity", "Computed", "Sequence", "FetchedValue"})


def _type_of(given: Any, column: Column) -> str:
    """The type, or a name for one that is not known, which the column then tells of."""
    try:
        return type_sql(given)
    except Unsaid as unsaid:
        column.unread = f"of the column {column.name}, {unsaid}"
        return "unread_type"


def _filled(kind: Made, items: list[Made]) -> list[str]:
    parts = []
    default = kind.get("server_default")
    every = [*items, *([found] if (found := made(default)) is not None and found.kind in _ITEMS else [])]
    for each in every:
        if each.kind == "Identity":
            parts.append(f"GENERATED {'ALWAYS' if each.get('always') is True else 'BY DEFAULT'} AS IDENTITY")
        elif each.kind == "Computed":
            stored = "" if each.get("persisted") is False else " STORED"
            parts.append(
                f"GENERATED ALWAYS AS ({expression_sql(each.arguments[0] if each.arguments else UNKNOWN)}){stored}"
            )
    if default is not None and (found is None or found.kind not in _ITEMS):
        parts.append(f"DEFAULT {default_sql(default)}")
    return parts


def _counts_up(kind: Made, items: list[Made], word: str, is_key: bool, keys: Sequence[str]) -> bool:
    if word not in _NUMBERED or kind.get("server_default") is not None or items:
        return kind.get("autoincrement") is True and word in _NUMBERED
    auto = kind.get("autoincrement", "auto")
    return is_key and auto is not False and (len(keys) == 1 or auto is True)


def _item(each: Made, column: str) -> str:
    if each.kind == "CheckConstraint":
        return check(each)
    target = each.arguments[0] if each.arguments else UNKNOWN
    if not isinstance(target, str) or "." not in target:
        raise Unsaid(f"what {column} refers to is computed")
    table, _, other = target.rpartition(".")
    words = ".".join(map(quoted, table.split(".")))
    words = f"{words} ({quoted(other)}){referential(each.get)}"
    return f"{named(each.get('name'))}FOREIGN KEY ({quoted(column)}) REFERENCES {words}"


_ACTIONS = ("CASCADE", "RESTRICT", "NO ACTION", "SET NULL", "SET DEFAULT")


def referential(get: Callable[[str], Any]) -> str:
    """What a foreign key does when the row that it refers to goes, and when it is checked. Raises Unsaid."""
    words = ""
    for name, event in (("ondelete", "DELETE"), ("onupdate", "UPDATE")):
        action = get(name)
        if action is not None:
            if not isinstance(action, str) or action.upper() not in _ACTIONS:
                raise Unsaid(f"{name} is computed")
            words += f" ON {event} {action.upper()}"
    if get("deferrable") is True:
        words += " DEFERRABLE"
    return words + (" INITIALLY DEFERRED" if str(get("initially")).upper() == "DEFERRED" else "")


def check(each: Made) -> str:
    """A ``sa.CheckConstraint``. Raises Unsaid."""
    condition = expression_sql(each.arguments[0] if each.arguments else UNKNOWN)
    return f"{named(each.get('name'))}CHECK ({condition})"


def constraint(each: Made) -> str:
    """A constraint of a table, as CREATE TABLE and ADD take it. Raises Unsaid."""
    if each.kind == "CheckConstraint":
        return check(each)
    if each.kind in ("PrimaryKeyConstraint", "UniqueConstraint"):
        word = "PRIMARY KEY" if each.kind.startswith("Primary") else "UNIQUE"
        return f"{named(each.get('name'))}{word} {listed(names_of(each.arguments))}"
    if each.kind == "ForeignKeyConstraint" and len(each.arguments) > 1:
        local, remote = (names_of(given) for given in each.arguments[:2])
        if remote and all("." in target for target in remote):
            table = ".".join(map(quoted, remote[0].split(".")[:-1]))
            others = listed(target.split(".")[-1] for target in remote)
            return f"{named(each.get('name'))}FOREIGN KEY {listed(local)} REFERENCES {table} {others}{referential(each.get)}"
    raise Unsaid(f"{each.kind} is not read")


def names_of(given: Any) -> list[str]:
    """Names of columns. Raises Unsaid."""
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise Unsaid("the names of columns are computed")
    return list(given)


def modification(given: Any) -> str:
    """``table.update()``, ``sa.delete(table)`` and the like, where they have no condition. Raises Unsaid."""
    words, root = [], made(given)
    while root is not None and root.owner is not None:
        words.append(root.kind)
        root = root.owner
    if root is not None and root.kind in ("update", "delete", "insert"):
        words.append(root.kind)
        root = made(root.arguments[0]) if root.arguments else None
    name = root.arguments[0] if root is not None and root.arguments else UNKNOWN
    if root is None or root.kind.lower() not in ("table", "create_table") or not isinstance(name, str):
        raise Unsaid("its text is computed")
    if {"where", "filter", "filter_by", "from_select"} & set(words):
        raise Unsaid("its condition is computed")
    for word, text in (
        ("update", "UPDATE {} SET x = NULL"),
        ("delete", "DELETE FROM {}"),
        ("insert", "INSERT INTO {} VALUES (1)"),
    ):
        if word in words:
            return text.format(quoted(name))
    raise Unsaid("its text is computed")
