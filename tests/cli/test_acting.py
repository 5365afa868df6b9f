"""What the acting verbs ask of the service, and what they say afterwards."""

import json
from pathlib import Path

import pytest

from orchestrator.core.errors import Busy
from state.model import GateName, State
from tests.cli.conftest import Orch
from tests.cli.fakes import FakeService, a_gate, a_plan, a_status


@pytest.fixture
def calm(service: FakeService) -> FakeService:
    """A service to which every verb answers with the same change."""
    verbs = ("status", "advance", "approve", "reject", "pause", "resume", "abort", "undo")
    service.answers = dict.fromkeys(verbs, a_status(hold=None))
    service.answers["gate_steps"] = a_plan().steps
    return service


def test_init_says_what_was_done(service: FakeService, orch: Orch) -> None:
    service.answers["init"] = ["created the registry"]
    assert orch("init").out == "created the registry\n"
    service.answers["init"] = []
    assert orch("init").out == "nothing to do\n"


def test_submit_twice_is_no_error(service: FakeService, orch: Orch, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("change: x\n")
    service.answers["submit"] = (a_status(), True)
    assert orch("submit", str(file)).out.startswith("orders-customer-email: submitted, now switched\n")
    service.answers["submit"] = (a_status(), False)
    again = orch("submit", str(file))
    assert (again.code, again.out.split(",")[0]) == (0, "orders-customer-email: unchanged")


def test_advance_passes_its_options_on(calm: FakeService, orch: Orch) -> None:
    ran = orch("advance", "x", "--through", "backfilled", "--wait", "1h30m")
    assert ran.code == 0
    asked = calm.asked("advance")
    assert asked["through"] is State.BACKFILLED
    assert asked["wait"] == 5400.0
    assert asked["break_glass"] is None


def test_break_glass_and_reason_belong_together(calm: FakeService, orch: Orch) -> None:
    assert orch("advance", "x", "--break-glass").code == 2
    assert orch("advance", "x", "--reason", "fire").code == 2
    assert calm.calls == []
    assert orch("advance", "x", "--break-glass", "--reason", "fire").code == 0
    assert calm.asked("advance")["break_glass"] == "fire"


@pytest.mark.parametrize("options", [("--wait", "soon"), ("--through", "nowhere"), ("--wait",)])
def test_bad_options_are_usage(calm: FakeService, orch: Orch, options: tuple[str, ...]) -> None:
    assert orch("advance", "x", *options).code == 2


def test_progress_goes_to_stderr_and_data_to_stdout(calm: FakeService, orch: Orch) -> None:
    from tests.cli.fakes import ticking

    def advance(change: str, **options: object) -> object:
        listen = options["listen"]
        assert callable(listen)
        listen(ticking(rows=999))
        return a_status(hold=None)

    calm.answers["advance"] = advance
    ran = orch("advance", "x", "--json")
    assert json.loads(ran.out)["change"] == "orders-customer-email"
    assert "99%, 999 of about 1,000 rows" in ran.err


def test_approve_shows_what_will_run_and_binds_the_consent_to_it(calm: FakeService, orch: Orch) -> None:
    ran = orch("approve", "x", "--gate", "contract", "--reason", "looked at it")
    assert "the contract gate; plan " + "a" * 64 in ran.out
    assert "alter table public.orders" in ran.out
    assert "contract still waits for:" in ran.out
    asked = calm.asked("approve")
    assert callable(asked.pop("listen"))
    assert asked == {
        "gate": GateName.CONTRACT,
        "reason": "looked at it",
        "version": 12,
        "statements": None,
    }


def test_approve_of_a_ready_gate_misses_nothing(calm: FakeService, orch: Orch) -> None:
    calm.answers["approve"] = a_status(gate=a_gate(ready=True), hold=None)
    assert "still waits" not in orch("approve", "x").out
    assert json.loads(orch("approve", "x", "--json").out)["version"] == 12


@pytest.mark.parametrize("verb", ["reject", "abort", "undo"])
def test_some_verbs_need_a_reason(calm: FakeService, orch: Orch, verb: str) -> None:
    ran = orch(verb, "x")
    assert ran.code == 2
    assert "--reason" in ran.err
    assert calm.calls == []
    assert orch(verb, "x", "--reason", "because").code == 0
    assert calm.asked(verb)["reason"] == "because"


@pytest.mark.parametrize("verb", ["abort", "undo"])
def test_abort_and_undo_are_carried_out_unless_told_otherwise(calm: FakeService, orch: Orch, verb: str) -> None:
    orch(verb, "x", "--reason", "r", "--no-run")
    assert [call[0] for call in calm.calls] == [verb]
    orch(verb, "x", "--reason", "r")
    assert [call[0] for call in calm.calls] == [verb, verb, "advance"]
    calm.answers["advance"] = Busy("held by another")
    ran = orch(verb, "x", "--reason", "r")
    assert ran.code == 5
    assert "the intent is recorded" in ran.err


def test_pause_and_resume(calm: FakeService, orch: Orch) -> None:
    assert orch("pause", "x").code == orch("resume", "x").code == 0
    assert calm.asked("pause")["reason"] == "no reason given"
    assert calm.asked("resume")["reason"] is None
