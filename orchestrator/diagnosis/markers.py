"""Do Registry and Target tell the same of every Change, live or lately over? After a failover that lost commits they do not.

Only reads: ``orch advance`` is what reconciles (``engine.reconcile``).
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.core.ports import Marks
from orchestrator.core.reckoning import reckon
from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight
from state.known import Known, ended_lately, one
from state.model import Verdict

_NAME = "markers"


def see(sight: Sight) -> Iterator[Answer]:
    """One answer per Change that differs. One that is being run moves while it is looked at, and is left out."""
    if not sight.duties.runs:
        return
    found = [a for each in (*sight.live, *_over(sight)) if not each.lease.held for a in _compared(sight, each)]
    yield from found
    if not found:
        yield Answer(
            _NAME,
            Verdict.PASS,
            "registry and target agree on every change, live or lately over, that nobody runs now",
        )


def _compared(sight: Sight, known: Known) -> Iterator[Answer]:
    answers = list(judge(known, sight.target.marks(known.change.id)))
    if answers and _still(sight, known):
        yield from answers


def _still(sight: Sight, known: Known) -> bool:
    """Whether the Change rests as it did: a run that began between the two looks would differ, too."""
    with sight.registry.reading() as connection:
        now = one(connection, known.change.id)
    return (now.lease.lease, now.steps) == (known.lease.lease, known.steps)


def _over(sight: Sight) -> list[Known]:
    with sight.registry.reading() as connection:
        return [each for each in ended_lately(connection) if each.change.target == sight.target.name]


def judge(known: Known, marks: Marks) -> Iterator[Answer]:
    """What differs, and who is behind."""
    change = known.change.id
    found = reckon(known.change.state, known.steps, marks)
    name, advance = f"{_NAME} of {change}", f"orch advance {change}, which reconciles them before it touches anything"
    if found.strangers:
        detail = f"the target holds steps of another plan: {', '.join(found.strangers)}; advance refuses (exit 7)"
        step = f"restore the registry to where that plan was submitted, then orch advance {change}"
        yield Answer(name, Verdict.FAIL, detail, step)
    if found.ahead or marks.fence > known.lease.lease.fence:
        steps = f"steps {_list(found.ahead)} are done" if found.ahead else f"fence {marks.fence} stands"
        detail = f"registry behind: {steps} on the target by a run the registry does not know; it lost its last commits"
        yield Answer(name, Verdict.FAIL, detail, advance)
    elif found.missing or found.revived:
        lost = [f"done, and without a marker: {_list(found.missing)}"] if found.missing else []
        lost += [f"undone, and there again: {_list(found.revived)}"] if found.revived else []
        detail = f"target behind: steps recorded as {'; as '.join(lost)}; it lost its last commits"
        yield Answer(name, Verdict.FAIL, detail, advance)


def _list(ordinals: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ordinals)))


plugin = Look(AT_TARGET, see)
