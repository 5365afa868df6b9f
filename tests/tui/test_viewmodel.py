"""The Fleet as lines."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.core.status import Attention, Status
from state.model import State
from tests.tui import strategies as some
from tests.tui.fakes import IDENTITY, NOW, backfill, fleet, status
from tui.headermodel import banner_lines, header_line, summary_line
from tui.line import text_of
from tui.viewmodel import (
    GLYPHS,
    World,
    fleet_lines,
    heading,
    ordered,
    phase_marks,
    row,
)

LIVE = World(NOW, tuple(fleet()), IDENTITY, 0.3)


def by_id(change: str) -> Status:
    return next(s for s in fleet() if s.change == change)


def marks(state: State) -> str:
    return "".join(mark for _, mark, _ in phase_marks(status("c", state)))


def test_what_needs_a_person_comes_first() -> None:
    seen = [s.attention for s in ordered(fleet())]
    assert seen == sorted(seen, key=list(Attention).index)
    assert seen[0] is Attention.GATE


def test_every_word_of_a_filter_must_occur() -> None:
    assert [s.change for s in ordered(fleet(), "GATE rename")] == ["orders-customer-email"]
    assert ordered(fleet(), "nothing-like-this") == []


def test_a_row_reads_state_change_phases_progress_rate_and_arrival() -> None:
    shown = text_of(row(by_id("users-email-citext"), 80))
    assert shown.startswith(" ▶ RUN      users-email-citext     E✔ B▶ S· C· █████░░░ 63.2%")
    assert shown.endswith("18.4k/s    14m")


def test_what_does_not_move_says_why() -> None:
    assert "1 of 2 approvals: db1" in text_of(row(by_id("orders-status-enum"), 80))
    assert "88.0% held by db1: peak traffic" in text_of(row(by_id("events-tenant-fk"), 80))
    assert "41.7% replica lag 3.4s" in text_of(row(by_id("ledger-amount-num"), 80))
    assert "step 2: lock timeout x5" in text_of(row(by_id("items-sku-notnull"), 80))


def test_narrow_screens_drop_numbers_then_phases() -> None:
    change = by_id("users-email-citext")
    assert "/s" not in text_of(row(change, 70))
    assert "E✔" in text_of(row(change, 70))
    assert "E✔" not in text_of(row(change, 45))
    assert "users-e..ext" in text_of(row(change, 24))


def test_an_id_that_is_too_long_keeps_its_end() -> None:
    shown = text_of(row(status("orders-customer-email-address-normalised", State.COMPLETED), 80))
    assert "orders-custome..alised E" in shown


def test_phase_marks_follow_the_state() -> None:
    assert marks(State.PLANNED) == "····"
    assert marks(State.BACKFILLING) == "✔◌··"
    assert marks(State.SWITCHED) == "✔✔✔·"
    assert marks(State.CONTRACTED) == "✔✔✔✔"
    assert marks(State.UNSWITCHING) == "✔✔◌·"
    assert marks(State.COMPLETED) == "✔✔✔✔"


def test_lost_data_shows_no_rates_and_nothing_that_moves() -> None:
    shown = text_of(row(by_id("users-email-citext"), 80, live=False))
    assert shown.startswith(" ? RUN")
    assert "/s" not in shown
    assert "14m" not in shown


def test_rows_of_unknown_size_are_counted_without_a_bar() -> None:
    shown = text_of(row(replace(by_id("users-email-citext"), backfills=(backfill(947, None),)), 80))
    assert "947 rows" in shown
    assert "█" not in shown


def test_the_header_says_where_in_words() -> None:
    wide = text_of(header_line(LIVE, 120))
    assert "database orders  host pg-prod-1  PostgreSQL 18.4  LIVE 0.3s  user ops-a" in wide
    assert wide.rstrip().endswith("14:02:31Z")
    for width in (60, 40):
        assert "LIVE 0.3s" in text_of(header_line(LIVE, width))
    assert "not connected yet" in text_of(header_line(World(NOW), 80))


def test_the_summary_counts_what_needs_help() -> None:
    shown = text_of(summary_line(replace(LIVE, busy="approve x"), 120, "orders"))
    assert "27 changes" in shown
    assert "✖ 2 need help" in shown
    assert "filter: orders" in shown
    assert "working: approve x" in shown


def test_an_empty_fleet_says_what_to_do() -> None:
    assert "orch submit FILE" in text_of(fleet_lines(World(NOW, age=0.1), 80)[0])
    assert "Reading" in text_of(fleet_lines(World(NOW), 80)[0])
    assert "filter: zzz" in text_of(fleet_lines(LIVE, 80, "zzz")[0])


def test_a_lost_connection_is_named_with_the_next_step() -> None:
    lost = replace(LIVE, age=17.2, trouble="server closed the connection", next_step="orch doctor")
    shown = [text_of(made) for made in banner_lines(lost, 100)]
    assert "DISCONNECTED 17s  server closed the connection" in shown[0]
    assert "orch doctor" in shown[1]
    assert banner_lines(LIVE, 80) == []


def test_old_data_is_stale_even_when_no_call_failed() -> None:
    hung = replace(LIVE, age=6.0)
    assert not hung.live
    assert "STALE 6.0s" in text_of(header_line(hung, 80))
    assert "does not answer" in text_of(banner_lines(hung, 80)[0])


def test_each_attention_has_a_glyph() -> None:
    assert set(GLYPHS) == set(Attention)


@settings(max_examples=150, deadline=None)
@given(some.worlds, some.widths, st.text(max_size=5))
def test_every_line_is_exactly_as_wide_as_the_screen(world: World, width: int, wanted: str) -> None:
    lines = [heading(width), header_line(world, width), summary_line(world, width, wanted)]
    lines += [*fleet_lines(world, width, wanted), *fleet_lines(world, width), *banner_lines(world, width)]
    assert {cell_len(text_of(made)) for made in lines} == {width}
