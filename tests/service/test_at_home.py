"""A copy of a Registry runs nothing, until somebody says that it is no copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orchestrator.core.errors import Indeterminate
from orchestrator.embedded import Server, create_database, drop_database
from state import origin
from state.model import State
from tests.service.world import QUICK, World, service_at

RENAME = "rename_column: {table: orders, column: email, to: mail}"
HERE = origin.Home("7", 16400, "shop", "db:5432")


@pytest.fixture
def dumped(world: World, server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[World]:
    """A copy of a database in which a change is under way."""
    world.submit(RENAME, more=QUICK)
    world.to(State.EXPANDED)
    world.service.close()
    name = world.url.split("/")[3].split("?")[0]
    copy = create_database(server, f"{name}_copy", name)
    try:
        with service_at(copy) as service:
            yield World(copy, service)
    finally:
        drop_database(server, f"{name}_copy")


def test_a_copy_goes_on_with_nothing_and_can_be_read(dumped: World) -> None:
    before = dumped.seen()
    with pytest.raises(Indeterminate, match="it was set up in database") as refused:
        dumped.service.advance("change")
    assert refused.value.exit_code == 7
    assert "orch init --moved" in str(refused.value.next_step)
    assert dumped.seen() == before
    assert dumped.service.status("change").state is State.EXPANDED
    dumped.service.init()
    with pytest.raises(Indeterminate):
        dumped.service.advance("change")
    assert dumped.service.audit_verify() == []


def test_whoever_says_that_it_moved_goes_on_there_and_is_told_of(dumped: World) -> None:
    assert any("at home in" in line for line in dumped.service.init(moved="the old server is gone"))
    assert dumped.service.init(moved="once more") == []
    assert dumped.service.advance("change").state is State.BACKFILLED
    (told,) = [
        e for e in dumped.service.events() if e.kind == "registry.home" and e.data["reason"].startswith("the old")
    ]
    assert told.actor == "postgres"
    assert dumped.service.audit_verify() == []


def test_another_name_of_the_same_place_is_one_more(world: World) -> None:
    """As a tunnel, or a pooler beside the server."""
    other = world.url.replace("&port=5432", "&port=5432&application_name=x").replace("postgres@", "")
    assert origin.address(other + "&user=postgres") == origin.address(world.url)
    world.submit(RENAME, more=QUICK)
    with psycopg.connect(world.url, autocommit=True) as link:
        link.execute(
            "SELECT orch.link_event('', 'registry.home', (SELECT data || '{\"address\": \"elsewhere:1\"}' FROM (SELECT"
            " payload::jsonb -> 'data' AS data FROM orch.event WHERE kind = 'registry.home' ORDER BY seq DESC LIMIT 1) h))"
        )
    assert world.service.advance("change").state is State.EXPANDED


@pytest.mark.parametrize(
    ("known", "found", "words"),
    [
        ([], HERE, ""),
        ([HERE], HERE, ""),
        ([HERE], origin.Home("8", 16400, "shop", "db:5432"), "it was set up in database shop (16400) of server 7"),
        ([HERE], origin.Home("7", 16401, "copy", "db:5432"), "and this is database copy (16401)"),
        ([HERE], origin.Home("", 16400, "renamed", "db:5432"), ""),
        ([HERE], origin.Home("7", 16400, "shop", "clone:5432"), "it is reached at db:5432, and this is clone:5432"),
        ([HERE, origin.Home("7", 16400, "shop", "clone:5432")], HERE, ""),
    ],
)
def test_what_tells_a_copy(known: list[origin.Home], found: origin.Home, words: str) -> None:
    said = origin.strange(known, found)
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://u:secret@db/shop", "db:5432"),
        ("postgresql://db:6432/shop?sslmode=require", "db:6432"),
        ("postgresql:///shop", "local:5432"),
        ("postgresql:///shop?host=b,a&port=1,2", "a:2,b:1"),
        ("postgresql://u@b,a:7/shop", "a:7,b:5432"),
        ("postgresql:///shop?host=/run/pg&port=5433", "/run/pg:5433"),
    ],
)
def test_the_address_names_servers_and_nothing_else(url: str, address: str) -> None:
    assert origin.address(url) == address
