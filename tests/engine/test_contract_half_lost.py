"""The Target falls back into the middle of a contract of several steps, while the Registry knows that purge is done."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from orchestrator.core.progress import Progress
from state.model import State
from tests.service.world import Copies, Copy, service_at, shape, source

RETYPE = "change_type: {table: orders, column: quantity, to: amount, type: bigint, default: '0'}"
RETYPED = "ALTER TABLE orders RENAME quantity TO amount; ALTER TABLE orders ALTER amount TYPE bigint, ALTER amount SET DEFAULT 0"
ADD = "add_column: {table: orders, column: region, type: text, fill: \"'north'\", not_null: true}"
ADDED = "ALTER TABLE orders ADD region text; UPDATE orders SET region = 'north'; ALTER TABLE orders ALTER region SET NOT NULL"


def _approved(registry: str, target: str, goal: State, take: Callable[[], object] | None = None) -> list[str]:
    """Go on until ``goal``; ``take`` happens after every step. Returns what the steps were."""
    done: list[str] = []
    with service_at(registry, target) as service:

        def listen(progress: Progress) -> None:
            if progress.kind == "step.done" and take is not None:
                service.close()
                take()
                done.append(progress.message)

        while service.status("change").state is not goal:
            status = service.status("change")
            if status.gate is not None and any(need.kind == "approval" for need in status.gate.missing):
                service.approve("change")
            service.advance("change", listen=listen)
        assert service.audit_verify() == []
    return done


@pytest.mark.parametrize(
    ("operation", "outright"), [(RETYPE, RETYPED), (ADD, ADDED)], ids=["change_type", "add_column"]
)
def test_contract_is_gone_on_with_from_wherever_the_target_stands(
    copies: Copies, copy: Copy, operation: str, outright: str
) -> None:
    registry, target, plain = copies(), copies(), copies()
    with psycopg.connect(plain) as link:
        link.execute(outright.encode())
        expected = shape(link)
    with service_at(registry, target) as service:
        service.submit(source(operation), "change.yaml")
    _approved(registry, target, State.SWITCHED)
    moments: list[str] = []
    steps = _approved(registry, target, State.COMPLETED, lambda: moments.append(copy(target)))
    assert len(steps) > 1, "contract has one step only, so there is no middle"
    for said, shown in zip(steps, moments, strict=True):
        with service_at(copy(registry), shown) as service, psycopg.connect(shown) as link:
            service.advance("change")
            assert service.status("change").state is State.COMPLETED, said
            assert shape(link) == expected, said
