"""Migrations as people write them, each with the schema that it meets."""

from __future__ import annotations

from dataclasses import dataclass

SHOP = """
CREATE TYPE mood AS ENUM ('ok', 'fine');
CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL, phone text, city text);
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer bigint, email text NOT NULL, note text, quantity int NOT NULL DEFAULT 1,
    price numeric(8,2), status varchar(20) NOT NULL DEFAULT 'open', feel mood, room int, during int4range
);
CREATE INDEX orders_email_idx ON orders (email);
CREATE INDEX orders_quantity_idx ON orders (quantity);
ALTER TABLE orders ADD CONSTRAINT few CHECK (quantity < 1000);
COMMENT ON COLUMN orders.note IS 'as the customer wrote it';
CREATE TABLE notes (line text);
CREATE TABLE visits (shop int, number int);
INSERT INTO customers SELECT i, 'c' || i, NULL, 'B' FROM generate_series(1, 30) i;
INSERT INTO orders SELECT i, 1 + i % 30, 'e' || i, 'n', i % 7, i, 'open', 'ok', i, int4range(i, i + 1)
    FROM generate_series(1, 60) i;
INSERT INTO visits SELECT i, i FROM generate_series(1, 60) i;
"""


@dataclass(frozen=True)
class Case:
    """``changes`` is how many it takes; ``answers`` as of --down."""

    name: str
    sql: str
    changes: int = 1
    answers: tuple[tuple[str, str], ...] = ()
    rows: str = ""


CASES = (
    Case("rename column", "ALTER TABLE orders RENAME email TO customer_email;"),
    Case(
        "rename what can have no copy",
        "ALTER TABLE customers RENAME id TO customer_id; ALTER TABLE orders RENAME note TO remark;",
        2,
    ),
    Case("rename table", "ALTER TABLE notes RENAME TO remarks;"),
    Case("rename twice", "ALTER TABLE notes RENAME TO remarks; ALTER TABLE remarks RENAME line TO words;", 2),
    Case("type", "ALTER TABLE orders ALTER COLUMN quantity TYPE bigint;", 2),
    Case("type by a cast", "ALTER TABLE orders ALTER price TYPE text USING price::text;", 2),
    Case(
        "type by an expression",
        "ALTER TABLE orders ALTER price TYPE bigint USING (price * 100)::bigint;",
        2,
        (("orders.price", "price_new / 100.0"),),
        "SELECT id, price FROM orders ORDER BY 1",
    ),
    Case(
        "type with its default",
        "ALTER TABLE orders ALTER status DROP DEFAULT, ALTER status TYPE text, ALTER status SET DEFAULT 'new';",
        2,
    ),
    Case("drop column", "ALTER TABLE orders DROP COLUMN note;"),
    Case("drop column and its index", "DROP INDEX orders_quantity_idx; ALTER TABLE orders DROP quantity;", 2),
    Case("drop a NOT NULL column", "ALTER TABLE orders DROP COLUMN email;", 1, (("orders.email", "''"),)),
    Case("not null", "ALTER TABLE orders ALTER note SET NOT NULL;"),
    Case(
        "not null with a fill",
        "UPDATE customers SET phone = 'none ' || id WHERE phone IS NULL; ALTER TABLE customers ALTER phone SET NOT NULL;",
        rows="SELECT id, phone FROM customers ORDER BY 1",
    ),
    Case("drop not null", "ALTER TABLE orders ALTER email DROP NOT NULL;"),
    Case("default", "ALTER TABLE orders ALTER status SET DEFAULT 'new', ALTER quantity DROP DEFAULT;"),
    Case(
        "add columns",
        "ALTER TABLE orders ADD a int, ADD b text NOT NULL DEFAULT 'x''y', ADD c timestamptz(3) DEFAULT now(),"
        " ADD d uuid NOT NULL DEFAULT gen_random_uuid(), ADD e int[], ADD f bigint GENERATED ALWAYS AS IDENTITY;",
    ),
    Case(
        "add column and fill it",
        "ALTER TABLE orders ADD COLUMN total numeric(12,2); UPDATE orders SET total = price * quantity;"
        " ALTER TABLE orders ALTER total SET NOT NULL; COMMENT ON COLUMN orders.total IS 'to be paid';",
        rows="SELECT id, total FROM orders ORDER BY 1",
    ),
    Case(
        "fill some rows of a column with a default",
        "ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT 'web';"
        " UPDATE orders SET channel = 'shop' WHERE quantity > 3;",
        2,
        rows="SELECT id, channel FROM orders ORDER BY 1",
    ),
    Case(
        "index on a filled column",
        "ALTER TABLE orders ADD total numeric; UPDATE orders SET total = price WHERE total IS NULL;"
        " CREATE INDEX orders_total ON orders (total) WHERE total > 3;",
        2,
        rows="SELECT id, total FROM orders ORDER BY 1",
    ),
    Case(
        "constraints",
        "ALTER TABLE orders ADD CONSTRAINT many CHECK (quantity >= 0 AND (price > 0 OR note IS NULL)),"
        " ADD CONSTRAINT whose FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE,"
        " ADD UNIQUE (email), ADD CHECK (status <> '');"
        " ALTER TABLE visits ADD PRIMARY KEY (shop, number);",
    ),
    Case(
        "a key to refer to",
        "ALTER TABLE visits ADD UNIQUE (number); ALTER TABLE orders ADD FOREIGN KEY (room) REFERENCES visits (number);",
        2,
    ),
    Case(
        "not valid, then validated",
        "ALTER TABLE orders ADD CONSTRAINT p CHECK (price > 0) NOT VALID; ALTER TABLE orders VALIDATE CONSTRAINT p;",
    ),
    Case("exclusion", "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&) WHERE (room > 0);"),
    Case(
        "column with constraints",
        "ALTER TABLE orders ADD parent bigint CONSTRAINT above REFERENCES orders ON DELETE CASCADE CHECK (parent > 0);",
        2,
    ),
    Case(
        "indexes",
        "CREATE INDEX ON orders (status, lower(note) text_pattern_ops DESC NULLS LAST) INCLUDE (price) WHERE price > 1;"
        " CREATE UNIQUE INDEX CONCURRENTLY orders_email_once ON orders USING btree (email);"
        " CREATE INDEX orders_room ON orders USING hash (room);"
        " CREATE INDEX ON orders (lower(note), lower(email), (room + 1)); DROP INDEX orders_email_idx;",
    ),
    Case("drop tables", "DROP TABLE IF EXISTS notes, visits;"),
    Case("drop constraint", "ALTER TABLE orders DROP CONSTRAINT few, DROP CONSTRAINT orders_pkey;"),
    Case(
        "another primary key",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey; ALTER TABLE orders ADD PRIMARY KEY (id, email);",
        2,
    ),
    Case(
        "what only follows a default",
        "ALTER TABLE orders ALTER room SET DEFAULT 3, ALTER room SET NOT NULL; CREATE INDEX ON orders (room);"
        " ALTER TABLE orders ADD CHECK (room > 0);",
        2,
    ),
    Case("enum values", "ALTER TYPE mood ADD VALUE 'great'; ALTER TYPE mood ADD VALUE 'bad' BEFORE 'ok';"),
    Case(
        "comments",
        "COMMENT ON TABLE orders IS 'what is bought'; COMMENT ON COLUMN orders.note IS NULL;"
        " COMMENT ON COLUMN orders.email IS E'a\\nb';",
    ),
    Case(
        "create tables",
        "CREATE TABLE lines (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, o bigint NOT NULL REFERENCES orders,"
        " n int DEFAULT 3, UNIQUE (o, n), CHECK (n > 0), CONSTRAINT odd CHECK (n < o));"
        " CREATE INDEX lines_n ON lines (n); COMMENT ON COLUMN lines.n IS 'how many'; CREATE INDEX ON lines (n, id) WHERE n > 5;",
        2,
    ),
    Case(
        "with what passes through",
        "BEGIN; SET lock_timeout = '2s'; CREATE TYPE size AS ENUM ('s', 'm'); ALTER TABLE orders ADD size size DEFAULT 's';"
        " CREATE VIEW sizes AS SELECT id, size FROM orders; CREATE TABLE log (id serial PRIMARY KEY, line text);"
        " CREATE INDEX ON log (line); INSERT INTO log (line) VALUES ('begun'); COMMIT;",
    ),
    Case(
        "several at once",
        "ALTER TABLE orders RENAME email TO mail, ADD COLUMN x int;".replace(", ADD", "; ALTER TABLE orders ADD")
        + " ALTER TABLE orders DROP note, ALTER price SET NOT NULL; CREATE INDEX ON orders (mail);",
        2,
    ),
    Case("hostile names", 'ALTER TABLE "Od.d" RENAME "select" TO "it\'s ""x""";'),
)
