"""Rows are what a list of them would be, built only when looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.model import State
from tests.tui.fakes import FakeService, fleet, status
from tests.tui.harness import piloted, running, until_text
from tui.fleet import FleetList
from tui.line import Line, Role
from tui.rows import Rows


def made(y: int) -> Line:
    return ((str(y), Role.PLAIN),)


@given(st.integers(0, 30), st.integers(-40, 40), st.slices(30))
def test_rows_are_a_sequence(count: int, at: int, part: slice) -> None:
    whole = [made(y) for y in range(count)]
    rows = Rows(count, made)
    assert list(rows) == whole
    assert rows[part] == whole[part]
    if -count <= at < count:
        assert rows[at] == whole[at]
    else:
        with pytest.raises(IndexError):
            rows[at]


def test_nothing_is_built_twice_or_without_need() -> None:
    built: list[int] = []

    def build(y: int) -> Line:
        built.append(y)
        return made(y)

    rows = Rows(1000, build)
    assert rows[3] == rows[3] == made(3)
    assert built == [3]


@piloted
async def test_only_what_is_on_the_screen_is_built() -> None:
    built: list[str] = []
    service = FakeService([status(f"c-{n:04}", State.PLANNED) for n in range(1000)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.viewmodel.row", _counting(built))
        async with running(service, (100, 30)) as (app, pilot):
            await until_text(pilot, app, "c-0000")
            assert 0 < len(set(built)) <= 30
            await pilot.press("G")
            await until_text(pilot, app, "c-0999")
            assert app.screen.query_one(FleetList).selected == "c-0999"


def _counting(built: list[str]) -> object:
    from tui.viewmodel import row

    def counted(each: object, width: int, live: bool = True) -> Line:
        built.append(each.change)  # type: ignore[attr-defined]
        return row(each, width, live)  # type: ignore[arg-type]

    return counted


@piloted
async def test_an_answer_that_differs_only_in_figures_is_shown() -> None:
    service = FakeService(fleet())
    async with running(service, (100, 40), monotonic=None) as (app, pilot):
        await until_text(pilot, app, "63.2%")
        moved = service.changes["users-email-citext"].backfills[0]
        service.change("users-email-citext", backfills=(replace(moved, rows_done=45_000_000),))
        await until_text(pilot, app, "90.0%")
