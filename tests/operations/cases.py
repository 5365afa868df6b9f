"""Every operation in its variants: the change, and the plain DDL that must leave the same schema."""

from __future__ import annotations

from dataclasses import dataclass, replace

RICH = (
    "CREATE TABLE shops (id int PRIMARY KEY)",
    "INSERT INTO shops SELECT i FROM generate_series(0, 9) i",
    'CREATE TABLE rich (id serial PRIMARY KEY, place text COLLATE "C" NOT NULL, shop int CONSTRAINT at REFERENCES shops,'
    " ticket serial, later int DEFAULT 3)",
    "COMMENT ON COLUMN rich.place IS $$where's it$$",
    "ALTER TABLE rich ALTER place SET STATISTICS 500",
    "GRANT SELECT (place), UPDATE (place) ON rich TO PUBLIC",
    "GRANT SELECT (place) ON rich TO pg_monitor WITH GRANT OPTION",
    "ALTER TABLE rich ADD CONSTRAINT short CHECK (length(place) < 99), ADD CONSTRAINT paired CHECK (place <> '' OR shop > 0)",
    "CREATE INDEX by_place ON rich (shop, lower(place) DESC) INCLUDE (place) WHERE place <> 'x' AND shop IS NOT NULL",
    "CREATE INDEX by_shop ON rich USING hash (shop)",
    "INSERT INTO rich (place, shop) SELECT 'p' || i, i % 10 FROM generate_series(1, 50) i",
    "ALTER TABLE rich ADD CONSTRAINT young CHECK (place <> 'p0') NOT VALID",
)


@dataclass(frozen=True)
class Case:
    """``plain`` is DDL (and DML for rows that are there) with the same outcome, on the same first schema."""

    name: str
    operations: tuple[str, ...]
    plain: tuple[str, ...]
    before: tuple[str, ...] = ()
    table: str = "orders"
    same_rows: bool = True

    def __str__(self) -> str:
        return self.name


def together(name: str, *cases: Case) -> Case:
    """Several operations on one table as one change: as good a test of each, and much faster than one after the other."""
    operations = tuple(operation for case in cases for operation in case.operations)
    plain = tuple(statement for case in cases for statement in case.plain)
    before = tuple(dict.fromkeys(statement for case in cases for statement in case.before))
    return Case(name, operations, plain, before, cases[0].table, all(case.same_rows for case in cases))


def add(rest: str, *plain: str) -> Case:
    """An add_column; the first word of ``rest`` is its name."""
    column, rest = rest.split(" ", 1)
    return Case("", (f"add_column: {{table: orders, column: {column}, {rest}}}",), plain)


ADD_COLUMN = together(
    "add_column",
    add("a1 type: 'varchar(9)', comment: it's new", "ALTER TABLE orders ADD a1 varchar(9)",
        "COMMENT ON COLUMN orders.a1 IS $$it's new$$"),
    add("a2 type: boolean, default: 'true AND false'", "ALTER TABLE orders ADD a2 boolean DEFAULT (true AND false)"),
    add("a3 type: int, default: '7 -- seven', not_null: true", "ALTER TABLE orders ADD a3 int NOT NULL DEFAULT 7"),
    add("a4 type: text, fill: lower(status)", "ALTER TABLE orders ADD a4 text", "UPDATE orders SET a4 = status"),
    add("a5 type: text, fill: lower(status), not_null: true", "ALTER TABLE orders ADD a5 text",
        "UPDATE orders SET a5 = status", "ALTER TABLE orders ALTER a5 SET NOT NULL"),
    add("a6 type: text, fill: \"'web'\", not_null: true", "ALTER TABLE orders ADD a6 text",
        "UPDATE orders SET a6 = 'web'", "ALTER TABLE orders ALTER a6 SET NOT NULL"),
)  # fmt: skip
ADD_VOLATILE = replace(together(
    "add_column, volatile",
    add("a7 type: uuid, default: gen_random_uuid()", "ALTER TABLE orders ADD a7 uuid DEFAULT gen_random_uuid()"),
    add("a8 type: text, default: 'md5(random()::text) -- any', not_null: true",
        "ALTER TABLE orders ADD a8 text NOT NULL DEFAULT md5(random()::text)"),
), same_rows=False)  # fmt: skip
RENAME = Case(
    "rename_column",
    ("rename_column: {table: orders, column: email, to: customer_email}",),
    ("ALTER TABLE orders RENAME email TO customer_email",),
)
RENAME_DEFAULT = Case(
    "rename_column with a default",
    ("rename_column: {table: orders, column: status, to: stage}",),
    ("ALTER TABLE orders RENAME status TO stage",),
)
RENAME_RICH = Case(
    "rename_column with all that hangs on it",
    ("rename_column: {table: rich, column: place, to: location}",),
    ("ALTER TABLE rich RENAME place TO location",),
    RICH,
    "rich",
)
RENAME_KEYS = Case(
    "rename_column with a foreign key and a sequence",
    (
        "rename_column: {table: rich, column: shop, to: shop_id}",
        "rename_column: {table: rich, column: ticket, to: number}",
    ),
    ("ALTER TABLE rich RENAME shop TO shop_id", "ALTER TABLE rich RENAME ticket TO number"),
    RICH,
    "rich",
)
CHANGE_TYPE = Case(
    "change_type",
    ("change_type: {table: orders, column: quantity, to: amount, type: bigint}",),
    ("ALTER TABLE orders RENAME quantity TO amount", "ALTER TABLE orders ALTER amount TYPE bigint"),
)
CHANGE_BY_EXPRESSION = Case(
    "change_type by expressions",
    (
        "change_type: {table: orders, column: note, to: noted, type: boolean, up: note IS NOT NULL -- so,"
        " down: \"CASE WHEN noted THEN 'n' END\"}",
    ),
    ("ALTER TABLE orders RENAME note TO noted", "ALTER TABLE orders ALTER noted TYPE boolean USING noted IS NOT NULL"),
)
CHANGE_ONE_WAY = Case(
    "change_type with a default and no way back",
    ("change_type: {table: orders, column: ticket, to: label, type: text, default: \"'0' -- none\", down: none}",),
    (
        "ALTER TABLE orders RENAME ticket TO label",
        "ALTER TABLE orders ALTER label DROP DEFAULT, ALTER label TYPE text, ALTER label SET DEFAULT '0'",
    ),
)
CHANGE_KEY = Case(
    "change_type of a foreign key",
    ("change_type: {table: rich, column: shop, to: shop_id, type: bigint}",),
    ("ALTER TABLE rich RENAME shop TO shop_id", "ALTER TABLE rich ALTER shop_id TYPE bigint"),
    RICH,
    "rich",
)
NOT_NULL = Case(
    "set_not_null",
    ("set_not_null: {table: orders, column: note}",),
    ("ALTER TABLE orders ALTER note SET NOT NULL",),
    ("UPDATE orders SET note = 'none' WHERE note IS NULL",),
)
NOT_NULL_CONSTANT = Case(
    "set_not_null, constant fill",
    ("set_not_null: {table: orders, column: note, fill: \"'none' -- at all\"}",),
    ("UPDATE orders SET note = 'none' WHERE note IS NULL", "ALTER TABLE orders ALTER note SET NOT NULL"),
)
NOT_NULL_ROW = Case(
    "set_not_null, fill from the row",
    ("set_not_null: {table: rich, column: shop, fill: length(place)}",),
    ("UPDATE rich SET shop = length(place) WHERE shop IS NULL", "ALTER TABLE rich ALTER shop SET NOT NULL"),
    (*RICH, "UPDATE rich SET shop = NULL WHERE id < 20"),
    "rich",
)
ADD_INDEX = together(
    "add_index",
    Case(
        "", ("add_index: {table: orders, columns: [quantity, email]}",), ("CREATE INDEX ON orders (quantity, email)",)
    ),
    Case(
        "",
        ("add_index: {table: orders, columns: [status], name: open, where: quantity > 5 -- many, include: [note]}",),
        ("CREATE INDEX open ON orders (status) INCLUDE (note) WHERE quantity > 5",),
    ),
    Case(
        "",
        ("add_index: {table: orders, columns: [email], unique: true, name: one_each}",),
        ("CREATE UNIQUE INDEX one_each ON orders (email)",),
    ),
    Case(
        "",
        ("add_index: {table: orders, columns: [note], method: hash}",),
        ("CREATE INDEX ON orders USING hash (note)",),
    ),
)
DROP = together(
    "drop_column",
    Case("", ("drop_column: {table: orders, column: note}",), ("ALTER TABLE orders DROP note",)),
    Case(
        "",
        ("drop_column: {table: orders, column: quantity, down: length(email) -- why not}",),
        ("ALTER TABLE orders DROP quantity",),
    ),
    Case("", ("drop_column: {table: orders, column: status}",), ("ALTER TABLE orders DROP status",)),
)
DROP_RICH = Case(
    "drop_column with all that hangs on it",
    (
        "drop_column: {table: rich, column: ticket}",
        "drop_column: {table: rich, column: place, down: shop::text}",
    ),
    ("ALTER TABLE rich DROP ticket, DROP place",),
    RICH,
    "rich",
)
SEVERAL = together(
    "several at once",
    RENAME,
    CHANGE_TYPE,
    NOT_NULL_CONSTANT,
    Case("", ("drop_column: {table: orders, column: ticket}",), ("ALTER TABLE orders DROP ticket",)),
    Case(
        "",
        ("add_index: {table: orders, columns: [status], name: by_status}",),
        ("CREATE INDEX by_status ON orders (status)",),
    ),
)
