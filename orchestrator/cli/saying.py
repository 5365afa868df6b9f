"""Verbs by which people say what orch cannot know: that a deploy has happened, that nothing may start for a while."""

# Typer reads the annotations when the program starts, so they are not deferred here.
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.acting import tell
from orchestrator.cli.text import clean, out
from orchestrator.cli.wiring import AsJson, ChangeId, ConfigFile, Reason, Url, data, opened
from orchestrator.core import duration
from orchestrator.core.errors import Invalid

if TYPE_CHECKING:
    from state.model import Freeze


def attest(
    change: ChangeId,
    deploy: Annotated[str, typer.Option("--deploy", metavar="NAME", help="What was deployed: an application.")],
    release: Annotated[str, typer.Option("--version", metavar="VERSION", help="Which version of it runs now.")],
    link: Annotated[
        str | None, typer.Option("--link", metavar="URL", help="Where the deploy can be looked at.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Keep as evidence that a deploy has happened; `switch_reads: {by: external}` waits for it."""
    with opened(url, config) as service:
        status = service.attest(change, deploy=deploy, release=release, url=link)
    tell(status, as_json, f"deploy of {clean(deploy)} {clean(release)} attested")


def freeze(
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="A moment with its zone, or a duration from now.")
    ] = None,
    reason: Reason = None,
    target: Annotated[str | None, typer.Option("--target", metavar="NAME", help="Only on this target.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="End the freeze now.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Let no phase start until a moment; what runs goes on to its end. Without options, show what is frozen."""
    if lift and until is not None:
        raise Invalid("--lift ends a freeze, --until begins one", "orch freeze --help")
    with opened(url, config) as service:
        if lift or until is not None:
            moment = None if until is None else _moment(until)
            found = service.freeze(moment, reason=reason or "", target=target)
        else:
            found = service.freezes()
    if as_json:
        data([_json(each) for each in found])
    else:
        out([_line(each) for each in found] or ["nothing is frozen"])


def _moment(text: str) -> datetime | timedelta:
    """A moment with its zone, or how long from now. Raises Invalid."""
    try:
        return timedelta(seconds=duration.seconds(text))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        wanted = "write 12h, 3d, or a moment with its zone: 2026-12-24T00:00+01:00"
        raise Invalid(f"--until {clean(text)!r} is no moment: {wanted}", "orch freeze --help")
    return found


def _line(found: "Freeze") -> str:
    where = f"target {clean(found.target)}" if found.target else "everything"
    return f"{where} is frozen until {found.until:%Y-%m-%d %H:%M}Z by {clean(found.actor)}: {clean(found.reason)}"


def _json(found: "Freeze") -> dict[str, Any]:
    return {
        "target": found.target,
        "until": found.until.isoformat(),
        "reason": found.reason,
        "actor": found.actor,
        "at": found.at.isoformat(),
    }
