"""Has a run ended without giving its lease back? Whoever held it was killed, frozen or cut off."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_REGISTRY, Answer, Look, Sight
from state.known import Known
from state.model import Verdict


def see(sight: Sight) -> Iterator[Answer]:
    """Leases of live Changes that are held by somebody, or were until they expired."""
    expired = [each for each in sight.live if each.lease.lease.owner and not each.lease.held]
    yield from map(_expired, expired)
    for each in sight.live:
        if each.lease.held:
            detail = f"held by {each.lease.lease.owner} for {each.lease.seconds_held:.0f} s"
            yield Answer(f"lease of {each.change.id}", Verdict.PASS, detail)
    if not expired:
        yield Answer("leases", Verdict.PASS, "no run has left its lease behind")


def _expired(known: Known) -> Answer:
    lease, change = known.lease.lease, known.change.id
    ago = (known.now - lease.expires_at).total_seconds() if lease.expires_at else 0.0
    detail = f"{lease.owner} let it expire {ago:.0f} s ago: it died or hangs, and nobody runs the change now"
    return Answer(
        f"lease of {change}", Verdict.UNKNOWN, detail, f"orch advance {change}, which shuts out the old run first"
    )


plugin = Look(AT_REGISTRY, see)
