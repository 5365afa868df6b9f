"""Revisions of Alembic: what is read is what Alembic itself sends, at its place; what cannot be read is said."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path, PurePath
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act, Unread
from orchestrator.dialects.postgres.script.reading import read
from orchestrator.dialects.postgres.script.sent import Script, Sending
from orchestrator.formats._model import Source, format_of
from orchestrator.formats.alembic import plugin
from orchestrator.linting import files, lint_files
from tests.formats.tree import found, rules

HEAD = """
from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from textwrap import dedent

revision = "a1"
down_revision = None
TABLE = "orders"
SCHEMA = "shop"

"""
DOWN = "\n\ndef downgrade():\n    op.execute('SELECT 1')\n"
QUIET = "op.execute(\"SET LOCAL lock_timeout = '1s'\")"


def revision(body: str, before: str = "", down: str = DOWN) -> str:
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    return f"{HEAD}{before}\ndef upgrade():\n{lines}\n{down}"


def script(text: str) -> Script:
    made = plugin.read(Source(PurePath("versions/a.py"), text))
    assert made is not None
    return made


def _bare(value: Any) -> Any:
    """An act without places."""
    if dataclasses.is_dataclass(value):
        fields = [each.name for each in dataclasses.fields(value) if each.compare and each.name != "at"]
        if isinstance(value, acts.CreateTable):  # SQLAlchemy has an order of its own
            value = dataclasses.replace(
                value, constraints=tuple(sorted(value.constraints, key=lambda c: (c.kind, c.columns)))
            )
        return (type(value).__name__, *(_bare(getattr(value, name)) for name in fields))
    return tuple(_bare(each) for each in value) if isinstance(value, tuple) else value


def _acts(found_in: tuple[Any, ...]) -> list[Act]:
    assert [each.error for each in found_in if each.error] == []
    return [act for each in found_in for act in each.acts]


def sent_by_alembic(text: str) -> str:
    """What Alembic writes for ``alembic upgrade --sql``."""
    buffer = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    )
    namespace: dict[str, Any] = {}
    exec(compile(text, "a.py", "exec"), namespace)  # noqa: S102 - the test's own text
    with Operations.context(context):
        namespace["upgrade"]()
    return buffer.getvalue()


OPERATIONS = """
op.add_column("orders", sa.Column("note", sa.String(50), nullable=False))
op.add_column("orders", sa.Column("note", sa.String(length=50)), schema="shop")
op.add_column(table_name=TABLE, column=sa.Column("n", sa.Integer, server_default="0", nullable=False), schema=SCHEMA)
op.add_column("orders", sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()))
op.add_column("orders", sa.Column("at", sa.DateTime(True), server_default=sa.text("clock_timestamp()")))
op.add_column("orders", sa.Column("at", postgresql.TIMESTAMP(timezone=True, precision=3)))
op.add_column("orders", sa.Column("ok", sa.Boolean(), server_default=sa.true(), nullable=False))
op.add_column("orders", sa.Column("ok", sa.Boolean(), server_default=sa.text("false")))
op.add_column("orders", sa.Column("ref", postgresql.UUID(as_uuid=True), server_default=sa.text("gen_random_uuid()")))
op.add_column("orders", sa.Column("total", sa.Numeric(10, 2)))
op.add_column("orders", sa.Column("total", sa.Numeric(precision=10, scale=2)))
op.add_column("orders", sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), server_default="{}"))
op.add_column("orders", sa.Column("tags", postgresql.ARRAY(sa.String(10))))
op.add_column("orders", sa.Column("mood", sa.Enum("sad", "ok", name="mood")))
op.add_column("orders", sa.Column("mood", postgresql.ENUM("sad", "ok", name="mood", create_type=False)))
op.add_column("orders", sa.Column("id2", sa.BigInteger(), sa.Identity(always=True)))
op.add_column("orders", sa.Column("twice", sa.BigInteger(), sa.Computed("id * 2", persisted=True)))
op.add_column("orders", sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("customers.id"), nullable=True))
op.add_column("orders", sa.Column("customer_id", sa.BigInteger(), sa.ForeignKey("crm.customers.id", name="fk")))
op.add_column("orders", sa.Column("code", sa.Text(), unique=True))
op.add_column("orders", sa.Column("f", sa.Float()))
op.add_column("orders", sa.Column("i", sa.Interval()))
op.add_column("orders", sa.Column("c", sa.CHAR(3), comment="it's"))
op.add_column("orders", sa.Column("Mixed Case", sa.Text(), default="python only"))
op.add_column("orders", sa.Column("x", sa.Text(), quote=True))
op.drop_column("orders", "note")
op.drop_column("orders", "note", schema="shop", if_exists=True)
op.alter_column("orders", "note", nullable=False)
op.alter_column("orders", "note", nullable=True, existing_type=sa.Text())
op.alter_column("orders", "note", server_default="x")
op.alter_column("orders", "note", server_default=None)
op.alter_column("orders", "note", server_default=sa.text("now()"))
op.alter_column("orders", "note", new_column_name="remark")
op.alter_column("orders", "note", type_=sa.Text())
op.alter_column("orders", "note", type_=sa.Integer(), postgresql_using="note::integer")
op.alter_column("orders", "note", type_=sa.BigInteger(), nullable=False, server_default="1", new_column_name="n", schema="shop")
op.alter_column("orders", "note", comment="a note")
op.create_index("i", "orders", ["note", "n"], unique=True)
op.create_index("i", "orders", ["note"], postgresql_concurrently=True, if_not_exists=True)
op.create_index("i", "orders", [sa.text("lower(note)")], postgresql_where=sa.text("n > 5"), postgresql_using="btree")
op.create_index(op.f("ix_orders_note"), TABLE, ["note"], schema="shop")
op.drop_index("i", table_name="orders")
op.drop_index("i", "orders", schema="shop", postgresql_concurrently=True, if_exists=True)
op.rename_table("orders", "sales")
op.rename_table("orders", "sales", schema="shop")
op.drop_table("orders")
op.drop_table("orders", schema="shop", if_exists=True)
op.create_foreign_key("fk", "orders", "customers", ["customer_id"], ["id"], ondelete="CASCADE")
op.create_foreign_key("fk", "a", "b", ["c"], ["d"], onupdate="SET NULL", deferrable=True, initially="DEFERRED")
op.add_column("orders", sa.Column("boss", sa.BigInteger(), sa.ForeignKey("customers.id", ondelete="SET NULL")))
op.create_foreign_key("fk", "orders", "customers", ["a", "b"], ["c", "d"], source_schema="s", referent_schema="r")
op.create_foreign_key(None, "orders", "customers", ["customer_id"], ["id"])
op.create_foreign_key("fk", "orders", "customers", ["customer_id"], ["id"], postgresql_not_valid=True)
op.create_check_constraint("positive", "orders", sa.text("total > 0"))
op.create_check_constraint("positive", "orders", "total > 0", schema="shop", postgresql_not_valid=True)
op.create_unique_constraint("u", "orders", ["a", "b"])
op.create_primary_key("pk", "orders", ["id"])
op.create_exclude_constraint("ex", "orders", ("period", "&&"), using="gist")
op.drop_constraint("u", "orders", type_="unique")
op.drop_constraint("u", "orders", schema="shop", if_exists=True)
op.create_table_comment("orders", "what is sold")
op.drop_table_comment("orders")
op.create_table("t", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))
op.create_table("t", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("x", sa.Text, unique=True), schema="shop")
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False), sa.Column("b", sa.Text, index=True))
op.create_table("t", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), sa.PrimaryKeyConstraint("a", "b", name="pk"))
op.create_table("t", sa.Column("a", sa.Integer, sa.ForeignKey("c.id")), sa.CheckConstraint("a > 0", name="p"))
op.create_table("t", sa.Column("a", sa.Text), sa.ForeignKeyConstraint(["a"], ["s.c.id"], name="f"), sa.UniqueConstraint("a"))
op.create_table("t", sa.Column("a", sa.Text), sa.Index("ix_a", "a"), prefixes=["TEMPORARY"])
op.execute("UPDATE orders SET note = 'x'")
op.execute(sa.text("DELETE FROM orders WHERE id = 1"))
op.execute(f"ALTER TABLE {TABLE} DROP COLUMN note")
op.execute("ALTER TABLE %s DROP COLUMN %s" % (TABLE, "note"))
op.execute("ALTER TABLE {} DROP COLUMN {c}".format(TABLE, c="note"))
op.execute("ALTER TABLE " + TABLE + " DROP COLUMN note")
op.execute("; ".join(["DROP TABLE a", "DROP TABLE b"]))
op.get_bind().execute(sa.text("DROP TABLE orders"))
op.execute(sa.table("orders", sa.column("x", sa.Text)).update().values(x="1"))
op.execute(sa.delete(sa.table("orders")))
"""


@pytest.mark.parametrize("line", OPERATIONS.strip().split("\n"))
def test_what_is_read_is_what_alembic_sends(line: str) -> None:
    text = revision(line)
    ours = script(text)
    if "get_bind" in line:  # there is none offline
        assert [type(act) for act in _acts(ours.statements)] == [acts.Drop]
        return
    theirs = _acts(read(sent_by_alembic(text)))
    if "sa.table" in line or "sa.delete" in line:
        assert [type(act) for act in theirs] == [type(act) for act in _acts(ours.statements)] == [acts.Modify]
        return
    assert [_bare(act) for act in _acts(ours.statements)] == [_bare(act) for act in theirs]


BODIES = {
    "a batch": """
with op.batch_alter_table("orders", schema="shop") as batch_op:
    batch_op.add_column(sa.Column("a", sa.Text()))
    batch_op.alter_column("b", nullable=False)
    batch_op.drop_column("c")
    batch_op.create_foreign_key("fk", "customers", ["a"], ["id"])
    batch_op.drop_constraint("u", type_="unique")
    batch_op.create_index("i", ["a"])
""",
    "a loop over constants": """
for table in ("a", "b"):
    op.drop_column(table, "x")
for table, column in {"a": "b"}.items() if False else [("a", "b"), ("c", "d")]:
    op.drop_column("t", "x")
""",
    "a function with arguments": """
_drop("orders")
_drop(column="y", table="other")
""",
    "a function inside": """
def inner(table):
    op.drop_table(table)
inner("a")
inner("b")
""",
    "the other database": """
if op.get_context().dialect.name == "sqlite":
    op.drop_table("not_this")
else:
    op.drop_table("this")
if op.get_context().dialect.name != "postgresql":
    return
op.drop_table("and_this")
""",
    "a dedent": '''
op.execute(dedent("""
    DROP TABLE a;
"""))
''',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_way_through_a_program_is_followed(body: str) -> None:
    before = 'def _drop(table, column="x"):\n    op.drop_column(table, column)\n'
    text = revision(body, before)
    ours = [act for act in _acts(script(text).statements) if not isinstance(act, Unread)]
    assert [_bare(act) for act in ours] == [_bare(act) for act in _acts(read(sent_by_alembic(text)))]


def test_what_a_lambda_sends_is_judged(tmp_path: Path) -> None:
    body = (
        f"{QUIET}\nretry = sorted(['a'], key=lambda name: op.execute('DROP TABLE a'))\n[op.drop_table('b') for x in y]"
    )
    said = rules(tmp_path, {"versions/a.py": revision(body)})
    assert said.count("drop_table") == 2


class TestBranches:
    def test_both_are_judged_where_nobody_knows(self, tmp_path: Path) -> None:
        body = f'{QUIET}\nif somebody():\n    op.drop_table("a")\nelse:\n    op.drop_table("b")'
        said = rules(tmp_path, {"versions/a.py": revision(body)})
        assert said.count("drop_table") == 2

    def test_what_is_tried_and_what_follows_its_failure(self, tmp_path: Path) -> None:
        body = "try:\n    op.drop_table('a')\nexcept E:\n    op.drop_table('b')\nfinally:\n    op.drop_table('c')"
        assert rules(tmp_path, {"versions/a.py": revision(body)}).count("drop_table") == 3


class TestTransactions:
    INDEX = 'op.create_index("i", "orders", ["a"], postgresql_concurrently=True)'

    def test_a_revision_is_one(self, tmp_path: Path) -> None:
        (one,) = found(tmp_path, {"a.py": revision(self.INDEX)})
        assert one.rule == "concurrently_in_transaction"
        assert "autocommit_block" in one.safe_way

    def test_an_autocommit_block_is_none(self, tmp_path: Path) -> None:
        inside = f"with op.get_context().autocommit_block():\n    {self.INDEX}\n    {self.INDEX}"
        assert rules(tmp_path, {"a.py": revision(inside)}) == []
        assert rules(tmp_path, {"a.py": revision(f"{inside}\n{self.INDEX}")}) == ["concurrently_in_transaction"]

    def test_a_text_of_several_statements_in_it_is_one_message(self, tmp_path: Path) -> None:
        text = "with op.get_context().autocommit_block():\n    op.execute({!r})"
        index = "CREATE INDEX CONCURRENTLY i ON t (a);"
        assert rules(tmp_path, {"a.py": revision(text.format(index))}) == []
        assert rules(tmp_path, {"a.py": revision(text.format(index + " ANALYZE t"))}) == ["concurrently_in_transaction"]

    def test_a_lock_is_not_held_beyond_it(self, tmp_path: Path) -> None:
        body = """
op.execute("SET lock_timeout = '1s'")
op.execute("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID")
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE t VALIDATE CONSTRAINT c")
"""
        assert rules(tmp_path, {"a.py": revision(body)}) == []
        assert "validate_in_same_transaction" in rules(
            tmp_path, {"a.py": revision(body.replace("with op.get_context().autocommit_block():", "if True:"))}
        )

    def test_parts_are_told_apart(self) -> None:
        body = f"op.drop_table('a')\nwith op.get_context().autocommit_block():\n    {self.INDEX}\nop.drop_table('b')"
        made = script(revision(body))
        assert [made.part(each.start).sending for each in made.statements] == [
            Sending.TRANSACTION,
            Sending.MESSAGE,
            Sending.TRANSACTION,
        ]


UNREAD = {
    "a computed text": "op.execute(build())",
    "a computed column": "op.add_column('t', make())",
    "an operation of somebody else": "op.create_entity(view)",
    "a function of another file": "from app.helpers import create_views\ncreate_views()",
    "a module of another file": "import app.helpers\napp.helpers.create_views(op)",
    "arguments in a dictionary": "op.drop_column(**given)",
    "a session": "from sqlalchemy.orm import Session\nSession(bind=op.get_bind()).bulk_insert_mappings(X, rows)",
    "tables of an application": "Base.metadata.create_all(op.get_bind())",
    "a file": "op.execute(open('x.sql').read())",
    "the connection given away": "work(op.get_bind())",
    "operations given away": "getattr(op, 'drop_' + kind)('t')",
    "a condition of SQLAlchemy": "t = sa.table('t')\nop.execute(t.update().where(t.c.id > 5).values(x=1))",
    "the functions of several databases": "globals()['upgrade_%s' % engine_name]()",
    "a program": "import subprocess\nsubprocess.run(['psql', '-f', 'x.sql'])",
    "an operation given to Python": "list(map(op.drop_column, tables, columns))",
    "a function given to Python": "def inner(t):\n    op.drop_table(t)\nlist(map(inner, tables))",
    "an operation kept for later": "from functools import partial\npartial(op.drop_table, 't')",
    "a function that nobody knows": "helper = find()",
    "a name that is nowhere": "do_it('orders')",
    "a class that sends": "class Helper:\n    def run(self):\n        op.drop_table('t')\nHelper()",
    "a program in a text": "exec(\"op.drop_table('t')\")",
    "a catalog that is no log": "from app.catalog import rebuild\nrebuild()",
    "a recursion": "def f():\n    f()\nf()",
    "a computed default": "op.add_column('t', sa.Column('a', sa.Text(), server_default=make()))",
    "a check of SQLAlchemy": "op.create_check_constraint('c', 't', sa.column('x') > 0)",
}


@pytest.mark.parametrize("body", UNREAD.values(), ids=UNREAD)
def test_what_is_computed_is_said_and_never_left_out(body: str, tmp_path: Path) -> None:
    text = revision(f"op.execute('SELECT 1')\n{body}\nop.drop_table('behind')")
    said = [
        (each.rule, each.tier, text.split("\n")[each.line - 1][each.column - 1 :])
        for each in found(tmp_path, {"a.py": text})
    ]
    (unread,) = [each for each in said if each[0] == "unread"]
    last = "f()" if "def f" in body else body.split("\n")[-1].removeprefix("list(").removeprefix("helper = ")
    assert unread[1] == "major"
    assert last in unread[2] or unread[2] in last
    assert "drop_table" in [each[0] for each in said]


PARTLY = {
    "a computed table": ("op.drop_column(name, 'x')", "drop_column"),
    "a table of another file": ("from app.config import TABLE_NAME\nop.drop_table(TABLE_NAME)", "drop_table"),
    "a computed schema": ("op.alter_column('t', 'a', nullable=False, schema=settings.schema)", "set_not_null"),
    "a computed name in a text": ("op.execute(f'ALTER TABLE {schema}.t DROP COLUMN a')", "drop_column"),
    "a text that is added": ("op.execute('DROP TABLE ' + name)", "drop_table"),
    "a name that is made of others": ("op.create_index(f'ix_{name}', 't', ['a'])", "create_index"),
    "a column": ("op.add_column('t', sa.Column(f'{name}_id', sa.Text(), nullable=False))", "add_required_column"),
    "tables that the database names": (
        "for t in sa.inspect(op.get_bind()).get_table_names():\n    op.drop_table(t)",
        "drop_table",
    ),
}


@pytest.mark.parametrize(("body", "rule"), PARTLY.values(), ids=PARTLY)
def test_where_only_a_name_is_computed_the_rest_is_judged_and_that_is_said(
    body: str, rule: str, tmp_path: Path
) -> None:
    said = found(tmp_path, {"a.py": revision(f"{QUIET}\n{body}")})
    tiers = {each.rule: each.tier for each in said}
    assert rule in tiers
    assert tiers["unread"] == "minor"
    (unread,) = [each for each in said if each.rule == "unread"]
    assert (unread.line, unread.column) in {(each.line, each.column) for each in said if each.rule == rule}


def test_a_computed_text_that_is_no_sql_is_unread_and_no_mistake_of_its_author(tmp_path: Path) -> None:
    said = found(tmp_path, {"a.py": revision("op.execute(f'{verb} {what} {how}')")})
    assert [(each.rule, each.tier) for each in said] == [("unread", "major")]


class TestBackfills:
    LOOP = """
with op.get_context().autocommit_block():
    conn = op.get_bind()
    while True:
        done = conn.execute(sa.text("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t WHERE a IS NULL LIMIT 500)"))
        {}
        if done.rowcount == 0:
            break
"""

    def test_a_loop_that_nothing_holds_back_is_found(self, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.py": revision(self.LOOP.format("pass"))}) == ["unthrottled_backfill"]

    def test_one_that_rests_is_not(self, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.py": revision("import time\n" + self.LOOP.format("time.sleep(1)"))}) == []

    def test_ranges_are_batches_too(self, tmp_path: Path) -> None:
        loop = "for start in range(0, 100000, 500):\n    "
        computed = loop + "op.execute(f'UPDATE {name} SET a = 1 WHERE id BETWEEN {start} AND {start} + 500')"
        assert set(rules(tmp_path, {"a.py": revision(computed)})) == {"unthrottled_backfill", "unread"}
        bound = loop + "op.get_bind().execute(sa.text('UPDATE t SET a = 1 WHERE id BETWEEN :low AND :high'), given)"
        assert rules(tmp_path / "b", {"b.py": revision(bound)}) == ["unthrottled_backfill"]


HARMLESS = {
    "a log": "import logging\nlog = logging.getLogger(__name__)\nlog.info('x')\nprint('done')",
    "a look": "names = sa.inspect(op.get_bind()).get_table_names()\nif 't' in names:\n    pass",
    "rows": "for row in op.get_bind().execute(sa.text('SELECT 1')).fetchall():\n    x = row[0].strip()",
    "times": "from datetime import datetime\nnow = datetime.utcnow().isoformat()",
    "an escape that Python will refuse": "x = '\\d'",
    "a class of its own": "class Row:\n    x = 1\nRow()",
    "a number": "n = op.get_bind().execute(sa.text('SELECT 1')).scalar()\nm = op.get_bind().scalar(sa.text('SELECT 2'))",
    "a list": "found = []\nfound.append(len('x'))\nseen = set()\nseen.add(3)",
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_sends_nothing_is_no_finding(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, {"a.py": revision(body)}) == []


def test_an_unknown_type_hides_nothing_else_of_its_column(tmp_path: Path) -> None:
    text = revision(f"{QUIET}\nop.add_column('t', sa.Column('a', Money(), nullable=False))")
    assert {"add_required_column", "unread"} <= set(rules(tmp_path, {"a.py": text}))


class TestPlaces:
    def test_a_call_is_where_it_begins(self, tmp_path: Path) -> None:
        text = revision(f"{QUIET}\nwhatever = 'é☃'; op.drop_table(\n    'a')")
        (one,) = found(tmp_path, {"a.py": text})
        assert text.split("\n")[one.line - 1][one.column - 1 :].startswith("op.drop_table(")

    @pytest.mark.parametrize("opening", ['"""', 'r"""', "'''", '"""\\\n'])
    def test_a_text_of_several_lines_is_pointed_into(self, opening: str, tmp_path: Path) -> None:
        closing = opening.lstrip("r")[:3]
        body = f"{QUIET}\nop.execute({opening}-- é\n  SELECT 1; DROP TABLE a;\n  DROP TABLE b\n{closing})"
        lines = (HEAD + "\ndef upgrade():\n" + "\n".join("    " + each for each in body.split("\n")) + DOWN).split("\n")
        text = "\n".join(lines)
        one, two = [each for each in found(tmp_path, {"a.py": text}) if each.rule == "drop_table"]
        assert lines[one.line - 1][one.column - 1 :] == "DROP TABLE a;"
        assert lines[two.line - 1][two.column - 1 :] == "DROP TABLE b"

    @pytest.mark.parametrize("argument", ['"a;\\nDROP TABLE b"', '("a;"\n   "DROP TABLE b")', "TEXT"])
    def test_what_is_not_written_as_it_is_sent_stands_where_it_is_called(self, argument: str, tmp_path: Path) -> None:
        body = f"{QUIET}\nop.execute({argument.replace('a;', 'SELECT 1;')})"
        text = revision(body, "TEXT = '''SELECT 1;\nDROP TABLE b'''\n")
        (one,) = found(tmp_path, {"a.py": text})
        assert text.split("\n")[one.line - 1][one.column - 1 :].startswith("op.execute(")

    def test_a_broken_text_is_pointed_at_and_the_rest_is_judged(self, tmp_path: Path) -> None:
        body = f"{QUIET}\nop.execute('ALTRE TABLE it''s (')\nop.execute(\"INSERT INTO t VALUES ('it's')\")\nop.drop_table('a')"
        text = revision(body)
        said = [(each.rule, text.split("\n")[each.line - 1].strip()[:12]) for each in found(tmp_path, {"a.py": text})]
        assert said == [("syntax", "op.execute('"), ("syntax", 'op.execute("'), ("drop_table", "op.drop_tabl")]

    def test_lines_may_end_as_on_windows(self, tmp_path: Path) -> None:
        text = revision(f'{QUIET}\nop.execute("""\nDROP TABLE a;\n\n  DROP TABLE b""")')
        (tmp_path / "a.py").write_bytes(text.replace("\n", "\r\n").encode())
        one, two = [each for each in found(tmp_path, {}) if each.rule == "drop_table"]
        assert (two.line - one.line, two.column - one.column) == (2, 2)


class TestAnswers:
    @pytest.mark.parametrize(
        "call",
        [
            "# orch:ignore drop_table: empty since 41\nop.drop_table('a')",
            "op.drop_table('a')  # orch:ignore drop_table: empty since 41",
            "op.drop_table(  # orch:ignore drop_table: empty since 41\n    'a')",
            "op.execute('''\n-- orch:ignore drop_table: empty since 41\nDROP TABLE a''')",
            "# orch:ignore drop_table: empty since 41\nop.execute('SELECT 1; DROP TABLE a')",
            "# orch:ignore-file drop_table: empty since 41\npass\nop.execute('SELECT 1')\nop.drop_table('a')",
            "# orch:ignore unread: looked at\nop.execute(build())",
        ],
    )
    def test_a_comment_answers_for_its_call(self, call: str, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.py": revision(f"{QUIET}\n{call}")}) == []

    def test_and_for_no_other(self, tmp_path: Path) -> None:
        body = f"{QUIET}\n# orch:ignore drop_table: empty\nop.drop_table('a')\nop.execute('DROP TABLE b')"
        assert rules(tmp_path, {"a.py": revision(body)}) == ["drop_table", "work_after_lock"]

    def test_a_bad_one_is_told_where_it_stands(self, tmp_path: Path) -> None:
        text = revision(f"{QUIET}\nx = 1  # orch:ignore drop_tabel: yes\nop.drop_table('a')")
        one, _ = found(tmp_path, {"a.py": text})
        assert (one.rule, text.split("\n")[one.line - 1][one.column - 1 :]) == (
            "suppression",
            "orch:ignore drop_tabel: yes",
        )


class TestWaysBack:
    @pytest.mark.parametrize(
        ("down", "why"),
        [
            ("", "no downgrade()"),
            ("def downgrade():\n    pass\n", "does nothing"),
            ('def downgrade() -> None:\n    """Nothing."""\n', "does nothing"),
            ("def downgrade():\n    raise NotImplementedError('no way')\n", "raises"),
            ("def downgrade():\n    return\n", "does nothing"),
            ("def downgrade():\n    ...\n", "does nothing"),
        ],
    )
    def test_none_is_a_finding_at_its_place(self, down: str, why: str, tmp_path: Path) -> None:
        text = revision("op.execute('SELECT 1')", down=down)
        (one,) = found(tmp_path, {"a.py": text})
        assert (one.rule, one.tier) == ("no_rollback", "minor")
        assert why in one.message
        assert text.split("\n")[one.line - 1].startswith("def downgrade" if down else "")

    def test_a_way_or_a_note_is_none(self, tmp_path: Path) -> None:
        assert rules(tmp_path, {"a.py": revision("op.execute('SELECT 1')")}) == []
        note = "def downgrade():\n    # rollback: restore the table from the backup of the day\n    pass\n"
        assert rules(tmp_path, {"a.py": revision("op.execute('SELECT 1')", down=note)}) == []

    def test_downgrades_are_not_judged(self, tmp_path: Path) -> None:
        down = "def downgrade():\n    op.drop_table('a')\n"
        assert rules(tmp_path, {"a.py": revision("op.execute('SELECT 1')", down=down)}) == []


class TestSniffing:
    def test_revisions_are_known_by_what_they_say(self) -> None:
        for text in (
            revision("pass"),
            "revision: str = 'a'\ndef upgrade() -> None: ...",
            "down_revision = None\nasync def upgrade(): ...",
        ):
            assert (one := format_of(Source(PurePath("x.py"), text))) is not None
            assert one.tool == "Alembic"
        for text in ("", "def upgrade(): ...", "revision = 'a'"):
            assert format_of(Source(PurePath("x.py"), text), least=2) is None

    def test_or_by_their_place(self) -> None:
        beside = {"../env.py": "x"}
        assert format_of(Source(PurePath("versions/x.py"), "broken(", beside.get)) is not None
        assert format_of(Source(PurePath("versions/__init__.py"), "", beside.get), least=2) is None
        assert format_of(Source(PurePath("other/x.py"), "broken(", beside.get), least=2) is None

    def test_one_that_is_named_is_never_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "x.py").write_text("class Migration:\n    operations = []\n")
        (one,) = lint_files(files([str(tmp_path / "x.py")])).findings
        assert one.rule == "unread"
        assert "no function upgrade()" in one.message

    def test_other_python_of_a_directory_is_left_out(self, tmp_path: Path) -> None:
        tree = {
            "env.py": "run()",
            "versions/__init__.py": "",
            "versions/a.py": revision("op.drop_table('a')"),
            "app/x.py": "x",
        }
        assert {Path(each.file).name for each in found(tmp_path, tree)} == {"a.py"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"revision = 'a'\ndef upgrade(:\n", "not Python"),
        (b"revision = 'a'\ndef upgrade():\n    x = '\0'\n", "not"),
        (b"revision = 'a'\ndef upgrade():\n    x = " + b"(" * 500 + b")" * 500, "not Python"),
        (b"revision = 'a'\ndef upgrade():\n    x = " + b"-" * 100_000 + b"1\n", "nested"),
        (b"revision = 'a'\nasync def upgrade(): pass\n", "no function upgrade()"),
        (bytes(range(256)), "not"),
    ],
)
def test_what_is_no_program_is_told_and_the_rest_is_judged(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text("")
    (tmp_path / "versions" / "a.py").write_bytes(data)
    (tmp_path / "versions" / "b.py").write_text(revision(f"{QUIET}\nop.drop_table('a')"))
    one, two = found(tmp_path, {})
    assert (one.rule, two.rule) == ("unread", "drop_table")
    assert said in one.message
