"""The list of all changes: the same as each change by itself, and as many questions for all of them as for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from orchestrator.core.progress import Progress
from orchestrator.core.status import Status
from state.model import State
from tests.service.world import World

ADD = "add_column: {{table: orders, column: {name}, type: int}}"
RENAME = "rename_column: {table: orders, column: note, to: remark}"


def _asked(world: World) -> int:
    """How many statements the list takes."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        world.service.statuses()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(sent)


def test_the_list_takes_as_many_questions_for_many_as_for_one(world: World) -> None:
    world.submit(ADD.format(name="a0"), change="a0")
    once = _asked(world)
    for number in range(1, 6):
        world.submit(ADD.format(name=f"a{number}"), change=f"a{number}")
    assert _asked(world) == once
    assert once <= 12


def _plain(status: Status) -> Status:
    """Without what the list leaves out, and without what runs on between two looks."""
    return replace(status, approvals=(), steps=tuple(replace(step, definition={}) for step in status.steps))


def test_the_list_says_of_each_change_what_the_change_says(world: World) -> None:
    for name, state in (("a1", State.COMPLETED), ("a2", State.PLANNED)):
        world.submit(ADD.format(name=name), change=name)
        world.to(state, name)
    world.submit(RENAME)
    world.to(State.SWITCHED)
    world.service.approve("change")
    world.service.verify("change")
    world.service.pause("a2", reason="a test says so")
    listed = {status.change: _plain(status) for status in world.service.statuses()}
    assert list(listed) == ["a1", "a2", "change"]
    assert listed == {name: _plain(world.service.status(name)) for name in listed}
    assert listed["change"].gate is not None
    assert listed["change"].gate.ready


def test_the_status_says_who_holds_the_lease_and_since_when(world: World) -> None:
    world.submit(ADD.format(name="a1"))
    seen: list[Status] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "step.done":
            seen.append(world.service.status("change"))

    world.step(listen=listen)
    lease = seen[0].lease
    assert lease is not None
    assert lease.owner.startswith("cli@")
    assert 0 < lease.seconds_held < 30 >= lease.seconds_left > 0
    assert seen[0].to_json()["lease"].keys() == {"owner", "fence", "seconds_left", "seconds_held"}
    assert world.service.status("change").lease is None
