"""One file per look of ``orch doctor``: is everything there, allowed and set so that a Change can run safely?

Why it is a room: every server and every login lacks something else, and what a lack costs is known by whoever finds it. A
look is found by dropping its file here; what one of them cannot see keeps no other from looking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from orchestrator.core.errors import OrchError
from orchestrator.core.ports import Target, TargetError
from orchestrator.core.view import Diagnosis
from orchestrator.diagnosis._sight import Answer, Duties, Look, Place, Sight, duties, live
from orchestrator.plugins import discover
from orchestrator.refusals import explained
from state.errors import Unprivileged
from state.known import Known
from state.model import Verdict
from state.store import Registry

_MEMBERSHIP = "ask an administrator: GRANT orch_operator, orch_worker or orch_auditor TO this login"


def diagnose(registry: Registry, desk: Target, targets: Mapping[str, Target]) -> list[Diagnosis]:
    """Every finding, good or bad. ``desk`` is the Registry's database, seen as a server."""
    found, known, able = _ready(registry, desk)
    if known is not None:
        found += _place(Place.REGISTRY, "registry", desk, registry, known, able)
    for target in targets.values():
        ours = tuple(each for each in known or () if each.change.target == target.name)
        found += _place(Place.TARGET, f"target {target.name}", target, registry, ours, able)
    return found


def _ready(registry: Registry, desk: Target) -> tuple[list[Diagnosis], tuple[Known, ...] | None, Duties]:
    """Whether the Registry can be used at all; if so the Changes that are not over, and what the login is for."""
    try:
        with explained():
            registry.ready()
            with desk.reader() as reader:
                found = [Diagnosis("registry", Verdict.PASS, "reachable, schema up to date")]
                return found, live(registry), duties(reader)
    except OrchError as error:
        step = _MEMBERSHIP if isinstance(error.__cause__, Unprivileged) else error.next_step or "orch init"
        return [Diagnosis("registry", Verdict.FAIL, error.message, step)], None, Duties()


def _place(
    place: Place, name: str, target: Target, registry: Registry, known: tuple[Known, ...], able: Duties
) -> Iterator[Diagnosis]:
    with ExitStack() as open_readers:
        try:
            reader = open_readers.enter_context(target.reader())
        except OrchError as error:
            yield Diagnosis(name, Verdict.FAIL, error.message, error.next_step or "orch doctor")
            return
        if place is Place.TARGET:
            yield Diagnosis(name, Verdict.PASS, "reachable")
        sight = Sight(reader, target, registry, known, able)
        for word, look in discover(__name__).items():
            if place in look.places:
                for found in _seen(word, look, sight):
                    yield Diagnosis(f"{name}: {found.name}", found.verdict, found.detail, found.step)


def _seen(word: str, look: Look, sight: Sight) -> list[Answer]:
    """What one look finds. One that sees nothing, for want of rights or of a connection, says so."""
    try:
        with explained():
            return list(look.see(sight))
    except (OrchError, TargetError) as error:
        forbidden = isinstance(error.__cause__, TargetError) and error.__cause__.sqlstate == "42501"
        step = "" if forbidden else getattr(error, "next_step", "")
        step = step or "repair or grant what the message names, then orch doctor"
        return [Answer(word.replace("_", " "), Verdict.UNKNOWN, f"could not be looked at: {error}", step)]
