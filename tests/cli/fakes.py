"""A service that answers what a test tells it, and remembers what it was asked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from orchestrator.core.gate import GateStatus, Requirement
from orchestrator.core.progress import Progress
from orchestrator.core.status import LeaseView, Status
from orchestrator.core.view import PlanView, StepView
from state.model import (
    BackfillRow,
    Evidence,
    Finding,
    GateName,
    Hold,
    State,
    StepRow,
    StepStatus,
    Verdict,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ESCAPE = "\x1b[31m"


class FakeService:
    """Stands in for ``orchestrator.service.Service``. An answer that is an exception is raised."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.config: Any = None
        self.closed = False

    def __call__(self, config: Any, *, client: str) -> Self:
        self.config = config
        assert client == "cli"
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.calls.append((verb, args, options))
            answer = self.answers[verb]
            if isinstance(answer, BaseException):
                raise answer
            return answer(*args, **options) if callable(answer) else answer

        return call

    def asked(self, verb: str) -> dict[str, Any]:
        """The options of the only call of a verb."""
        ((_, _, options),) = [call for call in self.calls if call[0] == verb]
        return options


def a_gate(*, ready: bool = False) -> GateStatus:
    verdict = Verdict.PASS if ready else Verdict.UNKNOWN
    return GateStatus(
        GateName.CONTRACT,
        ready,
        (
            Requirement("check", "shapes_agree", Verdict.PASS, "0 of 1,000 rows differ"),
            Requirement("approval", "approvals", verdict, f"1 of 2 approvals: alice{ESCAPE}"),
        ),
        "e" * 64,
    )


def a_status(**changed: Any) -> Status:
    facts: dict[str, Any] = {
        "change": "orders-customer-email",
        "title": f"Rename orders.email to customer_email{ESCAPE}",
        "target": "shop",
        "state": State.SWITCHED,
        "version": 12,
        "requester": "alice",
        "plan_sha256": "a" * 64,
        "updated_at": NOW,
        "gate": a_gate(),
        "steps": (a_step(1, "expand", StepStatus.DONE), a_step(2, "backfill", StepStatus.RUNNING)),
        "backfills": (BackfillRow("x", 2, "public.orders", 999, 1000, 81000.4, 0.4, "replica lag", NOW),),
        "hold": Hold("lunch", "bob", NOW),
        "lease": LeaseView("worker@host", 7, 12.0),
    }
    return Status(**{**facts, **changed})


def a_step(ordinal: int, phase: str, status: StepStatus) -> StepRow:
    words = "copy every value of public.orders.email into public.orders.customer_email, in batches of 1000"
    error = "55P03 lock_not_available" if status is StepStatus.RUNNING else None
    return StepRow("x", ordinal, f"s{ordinal}", phase, "backfill", words, {}, status, 3, error)


def a_plan() -> PlanView:
    step = StepView(
        1,
        "expand",
        "add_column",
        "add public.orders.customer_email",
        ("alter table public.orders\n\tadd column customer_email text", "comment on x is 'y'"),
        "ACCESS EXCLUSIVE on public.orders",
        False,
        False,
        ("alter table public.orders drop column customer_email",),
        "",
    )
    last = StepView(2, "contract", "park_column", "park", ("rename",), "", True, True, (), "by orch undo")
    return PlanView("orders-customer-email", "shop", "a" * 64, (step, last), ("read me",), parks=False)


def some_evidence(verdict: Verdict = Verdict.PASS) -> Evidence:
    finding = Finding("shapes_agree", "v1", verdict, 2, ("17", "23"), "2 of 10 rows differ", 10, 0.1)
    return Evidence("x", GateName.CONTRACT, "a" * 64, "e" * 64, (finding,), NOW)


def ticking(*, rows: int) -> Progress:
    return Progress("x", 2, "backfill", "orders", rows, 1000, 500.0, 61.0, "replica lag 7s")
