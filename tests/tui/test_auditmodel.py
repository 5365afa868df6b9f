"""The history as lines: order, filter, and what is claimed of the chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.core.audit import Problem
from orchestrator.core.errors import Invalid
from state.model import EventRow
from tests.tui import strategies as some
from tests.tui.fakes import NOW, FakeService, events
from tui.auditmodel import Proof, audit_heading, audit_lines, chain_words, event_panel, matching
from tui.export import write
from tui.line import text_of

CHAIN = events()


def test_the_newest_comes_first_and_every_word_must_occur() -> None:
    assert [event.seq for event in matching(CHAIN)] == [4, 3, 2, 1]
    assert [event.kind for event in matching(CHAIN, "db1 diff")] == ["gate.approved"]
    assert matching(CHAIN, "nobody") == []


def test_nothing_is_claimed_before_it_was_proved() -> None:
    assert chain_words(CHAIN, None)[0] == "chain: being recomputed"
    assert chain_words(CHAIN, Proof(NOW, 4))[0] == "chain intact at 14:02:31Z"
    assert chain_words(CHAIN, Proof(NOW, 2))[0] == "chain intact at 14:02:31Z, 2 since linked"
    assert "not verified: no rights" in chain_words(CHAIN, Proof(NOW, 0, failed="no rights"))[0]


def test_what_the_audit_found_is_said() -> None:
    found = Proof(NOW, 4, (Problem(3, None, "it was changed"), Problem(None, "c", "its state differs")))
    assert chain_words(CHAIN, found)[0] == "chain BROKEN, 2 problems: event 3: it was changed"


@pytest.mark.parametrize("at", range(4))
def test_a_link_that_breaks_after_the_proof_is_seen(at: int) -> None:
    forged = replace(CHAIN[at], actor="mallory", payload=CHAIN[at].payload.replace(CHAIN[at].actor, "mallory"))
    chain = [*CHAIN[:at], forged, *CHAIN[at + 1 :]]
    assert chain_words(chain, Proof(NOW, 4))[0].startswith(f"chain BROKEN: event {at + 1}")
    assert "this link does not fit" in text_of(event_panel(forged, 80)[-1])


def test_a_piece_from_the_middle_is_no_broken_chain() -> None:
    assert chain_words(CHAIN[2:], Proof(NOW, 4))[0].startswith("chain intact")
    assert "BROKEN" in chain_words([CHAIN[1], CHAIN[3]], Proof(NOW, 4))[0]


def test_nothing_of_an_event_is_left_out_of_the_panel() -> None:
    event = replace(CHAIN[0], data={"reason": "why", "deep": {"a": [1, 2]}, "a_key_that_is_long": "x"})
    shown = "\n".join(map(text_of, event_panel(event, 80)))
    assert '{"a": [1, 2]}' in shown
    assert "a_key_that_is_long x" in shown


def test_the_file_holds_what_matches_oldest_first_and_overwrites_nothing(tmp_path: Path) -> None:
    path, service = tmp_path / "out.json", FakeService()
    assert write(service, str(path), "db1") == f"2 events written to {path}"
    written = json.loads(path.read_text("utf-8"))
    assert [event["seq"] for event in written] == [3, 4]
    assert written[1]["sha256"] == CHAIN[3].sha256
    with pytest.raises(Invalid, match="is there already"):
        write(service, str(path), "")
    with pytest.raises(Invalid, match="cannot be written"):
        write(service, str(tmp_path / "none" / "x"), "")
    assert [event["seq"] for event in json.loads(path.read_text("utf-8"))] == [3, 4]


@settings(max_examples=100, deadline=None)
@given(st.lists(some.events, max_size=4), some.widths, st.text(max_size=3), st.booleans())
def test_every_line_is_exactly_as_wide_as_the_screen(
    chain: list[EventRow], width: int, wanted: str, follow: bool
) -> None:
    shown = matching(chain, wanted)
    lines = [audit_heading(chain, Proof(NOW, 1), wanted, follow, width), *audit_lines(shown, width, NOW)]
    lines += [*audit_lines(None, width, NOW), *(made for event in chain for made in event_panel(event, width))]
    assert {cell_len(text_of(made)) for made in lines} == {width}
