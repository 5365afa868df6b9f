"""Several Changes under way at once: on one table where they keep apart, refused where they meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.core.errors import Blocked, OrchError
from state.model import State
from tests.service.world import QUICK, World, source

RENAME = "rename_column: {table: orders, column: email, to: customer_email}"


@pytest.mark.parametrize(
    ("second", "place"),
    [
        ("drop_column: {table: orders, column: email, down: \"'gone'\"}", "public.orders.email"),
        ("add_index: {table: orders, columns: [email], name: by_email}", "public.orders.email"),
        ("add_column: {table: orders, column: customer_email, type: text}", "public.orders.customer_email"),
        ("drop_index: {table: orders, index: orders_email_idx}", "public.orders.email"),
        ("drop_table: {table: orders}", "public.orders"),
        ("add_check: {table: orders, check: length(email) > 3, name: long}", "public.orders.email"),
    ],
)
def test_a_change_that_meets_another_is_refused_when_it_is_submitted(world: World, second: str, place: str) -> None:
    """Once the first has begun, what it left in the schema may be the reason given."""
    world.submit(RENAME, change="first")
    with pytest.raises(Blocked, match=f"both need {place}") as caught:
        world.submit(second, change="second")
    assert "orch status first" in caught.value.next_step
    world.step("first")
    with pytest.raises(OrchError):
        world.submit(second, change="second")
    assert [status.change for status in world.service.statuses()] == ["first"]
    world.abort("first")
    world.submit(second, change="second")


def test_the_same_file_again_meets_nobody(world: World) -> None:
    world.submit(RENAME, change="first")
    world.submit("drop_column: {table: orders, column: note}", change="second")
    assert world.service.submit(source(RENAME, change="first", more=QUICK), "first.yaml")[1] is False
    with pytest.raises(Blocked, match=r"second, which is planned, both need public\.orders\.note"):
        world.service.submit(source(RENAME.replace("email", "note", 1), change="first", more=QUICK), "first.yaml")
    assert world.service.status("first").state is State.PLANNED


def test_of_two_that_meet_and_come_at_once_one_is_taken(world: World) -> None:
    def submitted(number: int) -> str | None:
        try:
            world.submit(RENAME.replace("customer", f"c{number}"), change=f"change-{number}")
        except OrchError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(submitted, range(8)))
    assert refusals.count(None) == 1
    assert all("both need public.orders.email" in refusal for refusal in refusals if refusal)
    assert len(world.service.statuses()) == 1


def test_changes_of_one_table_that_keep_apart_go_their_ways_side_by_side(world: World) -> None:
    """Phase by phase in turns, with writes of every shape between; one is aborted, one undone, all end as they should."""
    world.submit(RENAME, change="rename")
    world.submit("change_type: {table: orders, column: quantity, type: bigint, to: amount}", change="retype")
    world.submit("set_not_null: {table: orders, column: note, fill: \"'none'\"}", change="fill")
    written = iter(range(10_000))

    def write(note: str = "NULL") -> None:
        n = next(written)
        world.run(
            f"INSERT INTO orders (email, quantity, note) VALUES ('w{n}', {n}, {note})",
            f"UPDATE orders SET email = 'm{n}', quantity = {n} WHERE id = {n % 50 + 1}",
        )

    for change in ("rename", "retype", "fill", "retype", "rename", "fill", "rename", "retype"):
        write()
        world.step(change)
    assert world.service.status("rename").state is State.SWITCHED
    write()
    world.abort("retype")
    world.step("fill")
    write("'from now on needed'")
    world.to(State.CONTRACTED, "rename")
    world.service.undo("rename", reason="a test says so")
    world.service.advance("rename")
    write("'from now on needed'")
    world.to(State.COMPLETED, "fill")
    world.to(State.COMPLETED, "rename")
    assert world.service.status("retype").state is State.ABORTED
    expected = "SELECT count(*) FROM orders WHERE note IS NULL OR customer_email IS NULL OR quantity IS NULL"
    assert world.rows(expected) == [(0,)]
    columns = world.rows(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    assert {name for (name,) in columns} == {"id", "customer_email", "status", "quantity", "note", "ticket"}
    found = world.rows("SELECT customer_email, quantity FROM orders WHERE customer_email ~ '^[wm][0-9]+$'")
    assert len(found) >= next(written)
    assert all(int(email[1:]) == quantity for email, quantity in found)
    assert world.service.audit_verify() == []
