"""May the login do to the tables of the live Changes what they ask for? Whoever runs must own them, whoever decides read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from orchestrator.core.catalog import TableName
from orchestrator.core.plan import parse_plan
from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight, names, one
from state.model import Verdict

_RIGHTS = """
SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(pg_get_userbyid(c.relowner)), quote_ident(n.nspname),
       pg_has_role(session_user, c.relowner, 'USAGE'),
       has_schema_privilege(session_user, n.oid, 'CREATE'),
       has_schema_privilege(session_user, n.oid, 'USAGE') OR c.oid <> asked.oid,
       has_table_privilege(session_user, c.oid, 'SELECT') OR c.oid <> asked.oid
  FROM (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = %s AND c.relname = %s) asked
 CROSS JOIN LATERAL (SELECT asked.oid UNION SELECT t.relid FROM pg_partition_tree(asked.oid) t) tree(oid)
  JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY c.oid <> asked.oid, 1
"""
"""Of its partitions, too: what alters the whole table alters each, and asks who owns it. Reading the whole asks of the whole."""
_FOREIGN = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'orch', 'orch_target')
   AND NOT pg_has_role(session_user, c.relowner, 'USAGE')
"""


def see(sight: Sight) -> Iterator[Answer]:
    """What is lacking on the tables of live Changes, by name; and how many others could not be changed."""
    lacks = [lack for each in sight.live for lack in _of(sight, each.change.id, each.change.plan)]
    yield from lacks
    if not sight.duties.runs:
        if not lacks:
            yield Answer("tables", Verdict.PASS, "what live changes ask this login to look at, it may")
        return
    foreign = one(sight.reader, _FOREIGN)
    if foreign:
        detail = f"{foreign} belong to roles the login is no member of: changes of them cannot run"
        login, _ = names(sight.reader)
        yield Answer("tables", Verdict.UNKNOWN, detail, f"GRANT the owning role (\\dt names it) TO {login}")
    elif not lacks:
        yield Answer("tables", Verdict.PASS, "the login may alter every table")


def _of(sight: Sight, change: str, plan: Any) -> Iterator[Answer]:
    login, _ = names(sight.reader)
    for table in sorted(set(_tables(parse_plan(plan))), key=str):
        for row in sight.reader.rows(_RIGHTS, (table.schema, table.name)):
            for detail, step in _lack(row, sight.duties.runs, sight.duties.decides):
                yield Answer(f"tables of {change}", Verdict.FAIL, detail, step.format(login=login))


def _lack(row: tuple[Any, ...], runs: bool, decides: bool) -> Iterator[tuple[str, str]]:
    name, owner, schema, owns, creates, enters, reads = row
    if runs and not owns:
        yield f"{name} belongs to {owner}: it cannot be altered", f"GRANT {owner} TO {{login}}"
    if runs and not creates:
        yield (
            f"no CREATE in schema {schema}: {name} gets no index there",
            f"GRANT CREATE ON SCHEMA {schema} TO {{login}}",
        )
    if decides and not runs and not (enters and reads):
        detail = f"no SELECT on {name}: abort and undo, which look at its rows first, are refused"
        yield detail, f"GRANT USAGE ON SCHEMA {schema} TO {{login}}; GRANT SELECT ON {name} TO {{login}}"


def _tables(value: Any) -> Iterator[TableName]:
    """Every table that a Plan names, wherever in its Steps."""
    if isinstance(value, TableName):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from _tables(getattr(value, each.name))
    elif isinstance(value, tuple):
        for each in value:
            yield from _tables(each)


plugin = Look(AT_TARGET, see)
