"""Sets an example up: in the database under test, and in the twin of each shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.core.errors import PlanRefused
from tests.conformance.applications import Shared
from tests.conformance.example import Example
from tests.conformance.partitions import partition
from tests.conformance.scene import KEYS, Key, Scene, change_file, hostile, renamed
from tests.conformance.walk import FRAME, Walk
from tests.service.world import Copies, World, service_at

ORDINARY = "public"
HOSTILE = 'Shop "%s" ö'
SCHEMAS = (ORDINARY, HOSTILE)
_NAMES = """
SELECT relname, relkind::text IN ('c') FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION SELECT conname, false FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION SELECT attname, false FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
       WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I') AND attnum > 0
UNION SELECT typname, true FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
UNION SELECT proname, false FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION SELECT tgname, false FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'public'::regnamespace
UNION SELECT polname, false FROM pg_policy UNION SELECT pubname, false FROM pg_publication
"""


@dataclass(frozen=True)
class Names:
    """Everything an example names, and which of it are types."""

    every: frozenset[str]
    types: frozenset[str]


class Stage:
    """Makes databases and plays examples in them."""

    def __init__(self, copies: Copies, stack: ExitStack) -> None:
        self._copies, self._stack = copies, stack

    def walk(self, example: Example, schema: str = ORDINARY, key: Key = KEYS[0]) -> Walk:
        """The example, ready to be walked on one point of the axes."""
        if schema != ORDINARY:
            names = self._names(example)
            example = renamed(example, hostile(names.every), schema, names.types)
        scene = Scene(example, schema, key)
        urls = {which: self._prepared(scene, plain=which == "new") for which in ("app", "old", "new")}
        world = World(urls["app"], self._stack.enter_context(service_at(urls["app"])))
        return Walk(world, Shared(scene, urls), self._stack)

    def refusal(self, example: Example, schema: str, key: Key) -> str | None:
        """Why the operation refuses the example on one point of the axes when planning, if it does."""
        if schema != ORDINARY:
            names = self._names(example)
            example = renamed(example, hostile(names.every), schema, names.types)
        scene = Scene(example, schema, key)
        with service_at(self._prepared(scene, plain=False)) as service:
            try:
                service.plan(change_file(scene, "asked", FRAME), "asked.yaml")
            except PlanRefused as refused:
                return refused.message
        return None

    def world(self, example: Example) -> World:
        """The example as it is written, without applications."""
        url = self._prepared(Scene(example, ORDINARY, KEYS[0]), plain=False)
        return World(url, self._stack.enter_context(service_at(url)))

    def plain(self, example: Example) -> str:
        """The URL of a database in which plain DDL has done what the example is about."""
        return self._prepared(Scene(example, ORDINARY, KEYS[0]), plain=True)

    def _prepared(self, scene: Scene, *, plain: bool) -> str:
        url = self._copies()
        with psycopg.connect(url, autocommit=True) as link:
            _set_up(link, scene, plain=plain)
        return url

    def _names(self, example: Example) -> Names:
        """What the catalog of an example, played plainly, knows before and after."""
        found: dict[str, bool] = {}
        url = self._copies()
        with psycopg.connect(url, autocommit=True) as link:
            for script in (example.setup, example.plain):
                link.execute(script.encode())
                found |= dict(link.execute(_NAMES.encode()).fetchall())
        return Names(frozenset(found), frozenset(name for name, is_type in found.items() if is_type))


def _set_up(link: psycopg.Connection[Any], scene: Scene, *, plain: bool) -> None:
    if scene.schema != ORDINARY:
        link.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(scene.schema)))
    link.execute("SELECT set_config('search_path', %s, false)", [sql.Identifier(scene.schema).as_string(link)])
    link.execute(scene.example.setup.encode())
    _give_key(link, scene)
    if plain:
        link.execute(scene.example.plain.encode())


def _give_key(link: psycopg.Connection[Any], scene: Scene) -> None:
    table = scene.example.place().old
    if table is None:
        return
    names = {"t": sql.Identifier(table).as_string(link), "id": sql.Identifier(scene.example.key).as_string(link)}
    if scene.key.drops:
        found = link.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(quote_ident(%s)) AND contype = 'p'", [table]
        ).fetchone()
        assert found is not None, "an example whose table has no primary key says own_key"
        drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE")
        link.execute(drop.format(sql.Identifier(table), sql.Identifier(found[0])))
    for statement in scene.key.ddl:
        link.execute(_spelled(statement, names))
    if scene.key.partitioned:
        partition(
            link, table, _spelled(scene.key.partitioned, names), [_spelled(p, names) for p in scene.key.partitions]
        )


def _spelled(text: str, names: Mapping[str, str]) -> bytes:
    """The text with the table and its id in place; hostile names hold braces themselves."""
    return re.sub(r"\{(t|id)\}", lambda found: names[found[1]], text).encode()
