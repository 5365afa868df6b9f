"""The inbox: which gates wait, for whom first, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.core.status import Status
from state.model import Finding, GateName, State, Verdict
from tests.tui import strategies as some
from tests.tui.fakes import NOW, at_gate, evidence, fleet, gate, need, status
from tui.gatesmodel import gate_panel, gates_heading, gates_lines, inbox
from tui.headermodel import summary_line
from tui.line import text_of
from tui.viewmodel import World

SOAKING = status(
    "a-soaks", State.SWITCHED, gate=gate(GateName.CONTRACT, need("soak", Verdict.UNKNOWN, "23h left of 24h"))
)
WORD = status("b-word", State.CONTRACTED, gate=gate(GateName.PURGE))
APPROVAL = at_gate("z-approval", State.BACKFILLED, GateName.SWITCH_READS)


def test_what_a_person_can_open_comes_first() -> None:
    assert [s.change for s in inbox([SOAKING, WORD, APPROVAL])] == ["z-approval", "b-word", "a-soaks"]


def test_what_runs_is_over_or_was_asked_for_does_not_wait() -> None:
    asked = replace(WORD, requested=GateName.PURGE)
    ready = status("ready", State.EXPANDED, gate=gate(GateName.BACKFILL))
    running = [s for s in fleet() if s.state is State.BACKFILLING]
    assert inbox([asked, ready, *running]) == []
    assert "No gate waits" in text_of(gates_lines(World(NOW, (ready,), age=0.1), 80)[0])


def test_the_filter_knows_the_gate() -> None:
    assert [s.change for s in inbox([SOAKING, WORD, APPROVAL], "purge")] == ["b-word"]


def test_a_row_says_what_is_missing_and_how_old_the_evidence_is() -> None:
    shown = text_of(gates_lines(World(NOW, (APPROVAL,), age=0.1), 100)[0])
    assert "switch_reads" in shown
    assert "✔ 48s" in shown
    assert "1 of 2 approvals: db1" in shown


def test_findings_against_it_are_counted() -> None:
    bad = evidence(GateName.SWITCH_READS, "x", Finding("shapes_agree", "d", Verdict.FAIL, 3))
    shown = text_of(gates_lines(World(NOW, (replace(APPROVAL, evidence=bad),), age=0.1), 100)[0])
    assert "✖ 1 of 1 48s" in shown


def test_evidence_that_is_too_old_is_shown_as_such() -> None:
    stale = need("check", Verdict.UNKNOWN, "evidence is 2h old", "evidence")
    old = replace(evidence(GateName.CONTRACT), at=NOW - timedelta(hours=2))
    shown = "\n".join(
        map(text_of, gate_panel(replace(SOAKING, gate=gate(GateName.CONTRACT, stale), evidence=old), 100, NOW))
    )
    assert "last seen 2h00m ago, too old to count: 1 finding" in shown
    assert "0 of 50,000,000 rows differ" in shown


def test_the_header_counts_what_waits() -> None:
    world = World(NOW, (SOAKING, WORD, APPROVAL), age=0.1)
    assert text_of(summary_line(world, 120, view="Gates")).rstrip().endswith("1 Fleet  2 Gates(3)  3 Locks  4 Audit")
    assert "Gates" not in text_of(summary_line(world, 40))


@settings(max_examples=100, deadline=None)
@given(some.worlds, some.statuses, some.widths, st.booleans(), st.text(max_size=3))
def test_every_line_is_exactly_as_wide_as_the_screen(
    world: World, one: Status, width: int, live: bool, wanted: str
) -> None:
    lines = [gates_heading(width), *gates_lines(world, width, wanted), *gates_lines(world, width)]
    lines += [*gate_panel(one, width, NOW, live), summary_line(world, width, wanted, "Gates")]
    assert {cell_len(text_of(made)) for made in lines} == {width}
