# ruff: noqa: E501 - statements stand as applications send them, one to a line
"""What statements in use mean before and after: readers are told apart, and a workload that has moved raises no alarm (F7)."""

from __future__ import annotations

from orchestrator.core.catalog import TableName
from orchestrator.core.reading import How
from orchestrator.core.step import AddColumn, DropIndex
from tests.proof.conftest import ORDERS, Rehearsed

READERS = [
    ("SELECT email FROM orders WHERE id = $1", How.BREAKS),
    ("SELECT o.id FROM public.orders AS o WHERE lower(o.email) = $1", How.BREAKS),
    ('SELECT "orders"."email" FROM "orders" LIMIT $1', How.BREAKS),
    ("SELECT id FROM orders ORDER BY email", How.BREAKS),
    ("UPDATE orders SET email = $1 WHERE id = $2", How.BREAKS),
    ("INSERT INTO orders (id, email) VALUES ($1, $2) RETURNING id", How.BREAKS),
    ("INSERT INTO orders (id) VALUES ($1) RETURNING email", How.BREAKS),
    ("INSERT INTO orders (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET email = excluded.email", How.BREAKS),
    ("WITH x AS (SELECT id, email AS e FROM orders) SELECT e FROM x", How.BREAKS),
    (
        "MERGE INTO orders o USING customers c ON c.order_id = o.id WHEN MATCHED THEN UPDATE SET email = c.name",
        How.BREAKS,
    ),
    ("SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.email = c.name)", How.BREAKS),
    ("SELECT id FROM orders WHERE created_at > now() - interval $1 AND email <> $2", How.BREAKS),
    ("COPY orders (id, email) TO STDOUT", How.BREAKS),
    ("DECLARE c CURSOR FOR SELECT email FROM orders", How.BREAKS),
    ("SELECT * FROM orders WHERE id = $1", How.STAR),
    ('SELECT "orders".* FROM "orders" LIMIT $1', How.STAR),
    ("UPDATE orders SET note = $1 RETURNING *", How.STAR),
    ("TABLE orders", How.STAR),
    ("COPY orders TO STDOUT", How.STAR),
    ("SELECT orders FROM orders", How.WHOLE_ROW),
    ("SELECT row_to_json(o) FROM orders o", How.WHOLE_ROW),
    ("INSERT INTO orders VALUES ($1, $2, $3)", How.INSERT),
    ("INSERT INTO orders SELECT id, name, name FROM customers", How.INSERT),
]


def test_readers_are_found_and_told_apart(rehearse: Rehearsed) -> None:
    proof = rehearse(*(text for text, _ in READERS))
    assert {each.statement.text: each.how for each in proof.reads} == dict(READERS)
    assert proof.unread == ()


def test_an_unqualified_name_that_an_outer_table_captures(rehearse: Rehearsed) -> None:
    text = "SELECT id FROM mails m WHERE m.email IN (SELECT email FROM orders)"
    proof = rehearse(text, setup="DROP TABLE IF EXISTS mails; CREATE TABLE mails (id int, email text)")
    (found,) = proof.reads
    assert found.how is How.NAMES
    assert "orders.email" in found.why


def test_what_a_new_column_captures_is_found_before_it_is_added(rehearse: Rehearsed) -> None:
    """F7 at expand: an EXISTS and a NATURAL JOIN change their meaning, and a join becomes ambiguous."""
    setup = "DROP TABLE IF EXISTS buyers; CREATE TABLE buyers (id bigint, buyer_email text)"
    step = AddColumn(ORDERS, "buyer_email", "text")
    captured = "SELECT b.id FROM buyers b WHERE EXISTS (SELECT 1 FROM orders o WHERE o.note = buyer_email)"
    natural = "SELECT count(*) FROM orders NATURAL JOIN buyers"
    ambiguous = "SELECT buyer_email FROM orders o JOIN buyers b ON b.id = o.id"
    still = "SELECT b.buyer_email, o.note FROM orders o JOIN buyers b ON b.id = o.id"
    proof = rehearse(captured, natural, ambiguous, still, setup=setup, steps=(step,))
    assert {each.statement.text: each.how for each in proof.reads} == {
        captured: How.OTHERWISE,
        natural: How.NATURAL,
        ambiguous: How.BREAKS,
    }


def test_an_upsert_whose_index_goes_breaks_in_planning_only(rehearse: Rehearsed) -> None:
    step = DropIndex(ORDERS, "once", "CREATE UNIQUE INDEX once ON public.orders USING btree (note)")
    upsert = "INSERT INTO orders (id, note) VALUES ($1, $2) ON CONFLICT (note) DO NOTHING"
    proof = rehearse(upsert, setup="CREATE UNIQUE INDEX once ON orders (note)", steps=(step,))
    assert [(each.how, "42P10" in each.why) for each in proof.reads] == [(How.BREAKS, True)]


ORM = """
SELECT orders.id AS orders_id, orders.customer_email AS orders_customer_email, orders.note AS orders_note FROM orders WHERE orders.id = $1
SELECT orders.id, orders.customer_email FROM orders WHERE orders.customer_email IN ($1, $2, $3) ORDER BY orders.id DESC LIMIT $4 OFFSET $5
INSERT INTO orders (id, customer_email, note, created_at) VALUES ($1, $2, $3, now()) RETURNING orders.id, orders.created_at
INSERT INTO "orders" ("id", "customer_email", "total") VALUES ($1, $2, $3), ($4, $5, $6) RETURNING "orders"."id"
UPDATE orders SET customer_email=$1, note=$2 WHERE orders.id = $3
UPDATE "orders" SET "total" = ("orders"."total" + $1) WHERE "orders"."id" = $2
DELETE FROM orders WHERE orders.id = $1
DELETE FROM "orders" WHERE "orders"."id" IN ($1, $2)
SELECT count(*) AS count_1 FROM (SELECT orders.id AS orders_id FROM orders WHERE orders.note IS NOT NULL) AS anon_1
SELECT COUNT(*) AS "__count" FROM "orders" WHERE "orders"."customer_email" LIKE $1
SELECT "orders"."id", "orders"."customer_email", "orders"."note" FROM "orders" WHERE UPPER("orders"."customer_email"::text) = UPPER($1) LIMIT 21
SELECT (1) AS "a" FROM "orders" WHERE "orders"."id" = $1 LIMIT 1
SELECT EXISTS (SELECT * FROM orders WHERE orders.id = $1) AS anon_1
SELECT c.id, (SELECT max(o.total) FROM orders o WHERE o.id = c.order_id) AS highest FROM customers c
SELECT anon_1.id, c.name FROM (SELECT orders.id AS id, orders.note AS note FROM orders LIMIT $1) AS anon_1 LEFT OUTER JOIN customers AS c ON c.order_id = anon_1.id
SELECT c.id FROM customers c JOIN orders o ON o.id = c.order_id AND o.customer_email = $1 WHERE c.name ILIKE $2
SELECT c.id, o.note FROM customers c LEFT JOIN orders o ON o.id = c.order_id GROUP BY c.id, o.note HAVING count(o.id) > $1
SELECT id, o.note, c.name FROM orders o JOIN customers c USING (id)
WITH recent AS (SELECT id, customer_email FROM orders WHERE created_at > now() - $1::interval) SELECT r.id FROM recent r ORDER BY 1
WITH moved AS (UPDATE orders SET note = $1 WHERE id = $2 RETURNING id, customer_email) SELECT * FROM moved
INSERT INTO orders (id, customer_email) VALUES ($1, $2) ON CONFLICT (customer_email) DO UPDATE SET note = excluded.note, total = orders.total RETURNING id
INSERT INTO orders (id, note) SELECT c.id, c.name FROM customers c ON CONFLICT DO NOTHING
SELECT o.id, row_number() OVER (PARTITION BY o.note ORDER BY o.created_at DESC) AS rn FROM orders o
SELECT DISTINCT ON (o.customer_email) o.customer_email, o.id FROM orders o ORDER BY o.customer_email, o.id DESC
SELECT orders.id FROM orders WHERE orders.data ->> $1 = $2 AND orders.data @> $3
SELECT date_trunc($1, orders.created_at) AS day, sum(orders.total) FROM orders GROUP BY 1 ORDER BY 1
SELECT extract($1 from orders.created_at) FROM orders
SELECT jsonb_build_object($1, orders.id, $2, orders.customer_email) FROM orders
SELECT concat($1, orders.note, $2) FROM orders WHERE $3
SELECT orders.id FROM orders WHERE orders.created_at >= now() - interval $1 AND orders.created_at < date $2
SELECT coalesce(orders.note, $1) || $2, nullif(orders.total, $3), CASE WHEN orders.total > $4 THEN $5 ELSE $6 END FROM orders
SELECT o1.id FROM orders o1 JOIN orders o2 ON o1.id = o2.id + $1 WHERE o1.customer_email <> o2.customer_email FOR UPDATE OF o1 SKIP LOCKED
SELECT id FROM orders WHERE id = ANY($1) UNION ALL SELECT order_id FROM customers WHERE name = $2
SELECT orders.id FROM orders WHERE (orders.id, orders.note) IN (($1, $2), ($3, $4)) AND orders.id BETWEEN $5 AND $6
SELECT o.id FROM orders o, LATERAL (SELECT c.name FROM customers c WHERE c.order_id = o.id LIMIT $1) x WHERE x.name IS NULL
WITH RECURSIVE r AS (SELECT id, order_id FROM customers WHERE id = $1 UNION ALL SELECT c.id, o.id FROM customers c JOIN r ON c.id = r.order_id JOIN orders o ON o.id = c.order_id) SELECT count(*) FROM r
COPY orders (id, customer_email) FROM STDIN
DECLARE "c_1" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT orders.id FROM orders
""".strip().splitlines()
"""Statements as SQLAlchemy, Django and people send them, normalised as pg_stat_statements does; all of them have moved."""


def test_a_workload_that_has_moved_raises_no_alarm(rehearse: Rehearsed) -> None:
    proof = rehearse(*ORM)
    assert [(each.how, each.why, each.statement.text) for each in proof.reads] == []
    assert [(each.statement.text, each.why) for each in proof.unread] == []
    assert proof.judged == len(ORM)


def test_the_same_workload_before_it_moves_is_found_whole(rehearse: Rehearsed) -> None:
    """The oracle is the text: every statement that names the column, and no other."""
    texts = [text.replace("customer_email", "email") for text in ORM if "ON CONFLICT (customer_email)" not in text]
    proof = rehearse(*texts)
    assert {each.statement.text for each in proof.reads} == {text for text in texts if "email" in text}


def test_statements_that_did_not_plan_before_are_no_readers_unless_they_name_what_goes(rehearse: Rehearsed) -> None:
    proof = rehearse(
        "SELECT gone FROM orders", "SELECT o.email FROM orders o JOIN nowhere n ON n.id = o.id", "VACUUM orders"
    )
    assert proof.reads == ()
    assert [(each.statement.text.split()[1], each.named) for each in proof.unread] == [
        ("gone", False),
        ("o.email", True),
        ("orders", False),
    ]


def test_names_are_looked_up_as_the_role_would(rehearse: Rehearsed) -> None:
    """The same text means another table in another schema, which keeps its column."""
    setup = "DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; CREATE TABLE other.orders (id int, email text)"
    text = "SELECT email FROM orders"
    assert [each.how for each in rehearse(text, setup=setup).reads] == [How.BREAKS]
    assert rehearse(text, setup=setup, path="other, public").reads == ()


def test_a_partition_under_its_own_name(rehearse: Rehearsed) -> None:
    setup = (
        "DROP TABLE orders; CREATE TABLE orders (id bigint, email text, customer_email text) PARTITION BY RANGE (id);"
        "CREATE TABLE orders_1 (customer_email text, email text, id bigint);"
        "ALTER TABLE orders ATTACH PARTITION orders_1 FOR VALUES FROM (0) TO (10)"
    )
    proof = rehearse("SELECT email FROM orders_1", "SELECT * FROM orders_1", "SELECT id FROM orders_1", setup=setup)
    assert [each.how for each in proof.reads] == [How.BREAKS, How.STAR]


def test_hostile_names(rehearse: Rehearsed) -> None:
    setup = 'ALTER TABLE orders ADD "a ""b"" (:c {d} \\ $1" text; ALTER TABLE orders ADD "Ünï <>" int'
    kept = 'SELECT "a ""b"" (:c {d} \\ $1", "Ünï <>" FROM orders WHERE customer_email = $1'
    proof = rehearse(kept, kept.replace("customer_email", "email"), setup=setup)
    assert [each.how for each in proof.reads] == [How.BREAKS]
    assert proof.judged == 2
    assert TableName("public", "orders") == ORDERS
