"""Verbs that change something: init, submit, advance, approve, reject, pause, resume, tune, abort, undo."""

# Typer reads the annotations when the program starts, so they are not deferred here.
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import plantext, statustext
from orchestrator.cli.converting import SUFFIX, source_of
from orchestrator.cli.text import clean, note, out, wrapped
from orchestrator.cli.wiring import (
    AsJson,
    ChangeId,
    ChangePath,
    ConfigFile,
    NeededReason,
    Reason,
    StatementsFile,
    Url,
    data,
    opened,
)
from orchestrator.core.errors import Busy, Invalid
from state.model import GateName, State

if TYPE_CHECKING:
    from orchestrator.core.status import Status
    from orchestrator.service import Service

AnyChange = Annotated[str | None, typer.Argument(metavar="[ID]", help="The change.")]
Gate = Annotated[GateName | None, typer.Option("--gate", help="The gate meant, if it is not the one ahead.")]
NoRun = Annotated[bool, typer.Option("--no-run", help="Only record the intent; a worker does it.")]


def tell(status: "Status", as_json: bool, said: str) -> None:
    """Say what was done and where the change stands now."""
    if as_json:
        data(status.to_json())
        return
    line = f"{clean(status.change)}: {said}, now {status.state.value}"
    out([line, *wrapped(status.why, 2, "")])


def init(
    roles: Annotated[
        bool,
        typer.Option("--roles", help="Create orch_owner, _worker, _operator, _auditor and hand them the registry."),
    ] = False,
    moved: Annotated[
        str | None,
        typer.Option("--moved", metavar="REASON", help="The registry is at home here now, and nowhere else: why."),
    ] = None,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Create or upgrade the registry; prepare the targets. Safe to repeat."""
    with opened(url, config) as service:
        done = service.init(roles=roles, moved=moved)
    out([clean(line) for line in done] or ["nothing to do"])


def submit(file: ChangePath, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Record a change with its plan. Submitting the same file again changes nothing.

    A migration (FILE.sql) is converted first, and refused with the list of what would not come along (orch convert).
    """
    from orchestrator.change import read

    source = source_of(file, url, config) if file.endswith(SUFFIX) else read(file)
    with opened(url, config) as service:
        status, changed = service.submit(source, file)
    tell(status, as_json, "submitted" if changed else "unchanged")


def _wait(text: str | None) -> float:
    from orchestrator.core.duration import seconds

    try:
        return seconds(text) if text else 0.0
    except ValueError as error:
        raise Invalid(f"--wait: {error}", "orch advance ID --wait 30min") from None


def advance(
    change: ChangeId,
    through: Annotated[State | None, typer.Option("--through", metavar="STATE", help="Go on until this state.")] = None,
    wait: Annotated[
        str | None, typer.Option("--wait", metavar="DURATION", help="Wait so long for gates to open.")
    ] = None,
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="Skip approvals, soak and window; needs --reason."),
    ] = False,
    reason: Reason = None,
    no_run: NoRun = False,
    statements: StatementsFile = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Run the next phase with live progress. If its gate is closed, says exactly what is missing."""
    from orchestrator.cli.progress import listener

    if bool(reason) != break_glass:
        raise Invalid("--break-glass and --reason belong together", "orch advance ID --break-glass --reason TEXT")
    patience = _wait(wait)
    if no_run:
        if through is not None or wait is not None or break_glass:
            raise Invalid("--no-run goes with none of --through, --wait, --break-glass", "orch advance ID --no-run")
        with opened(url, config) as service:
            status = service.request(change)
        tell(status, as_json, "asked to advance")
        return
    with opened(url, config) as service, listener() as listen:
        status = service.advance(
            change, through=through, wait=patience, break_glass=reason, statements=statements, listen=listen
        )
    tell(status, as_json, "advanced")


def retry_rows(change: ChangeId, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Try rows again that the backfill was refused, after their repair."""
    from orchestrator.cli.progress import listener

    with opened(url, config) as service, listener() as listen:
        status = service.retry_rows(change, listen=listen)
    tell(status, as_json, "rows tried again")


def approve(
    change: ChangeId,
    gate: Gate = None,
    reason: Reason = None,
    statements: StatementsFile = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Consent to the gate ahead, having been shown what it will run."""
    from orchestrator.cli.progress import listener

    with opened(url, config) as service:
        seen = service.status(change)
        shown = plantext.steps(service.gate_steps(change))
        if not as_json:
            ahead = seen.gate.phase.value if seen.gate else "no"
            out([f"{clean(change)}: the {ahead} gate; plan {seen.plan_sha256}", *shown, ""])
        with listener() as listen:
            status = service.approve(
                change, gate=gate, reason=reason, version=seen.version, statements=statements, listen=listen
            )
    tell(status, as_json, "approved")
    if not as_json and status.gate is not None and status.gate.missing:
        out([f"{status.gate.phase.value} still waits for:", *statustext.needs(status, missing=True)])


def reject(
    change: ChangeId,
    reason: NeededReason,
    gate: Gate = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Refuse consent to the gate ahead, and void earlier approvals."""
    with opened(url, config) as service:
        status = service.reject(change, reason=reason, gate=gate)
    tell(status, as_json, "rejected")


def pause(
    change: AnyChange = None,
    everything: Annotated[bool, typer.Option("--all", help="Hold every change at once; needs --reason.")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Hold a change, or all of them; a running backfill stops within its batch."""
    _one_or_all(change, everything, "pause")
    with opened(url, config) as service:
        if change is None:
            _tell_all(service.hold_everything(reason=reason or ""), as_json, "held")
        else:
            tell(service.pause(change, reason=reason or "no reason given"), as_json, "paused")


def resume(
    change: AnyChange = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Lift the holds that pause --all has set, and no other.")
    ] = False,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Lift the hold of a change, or those that were set on all at once."""
    _one_or_all(change, everything, "resume")
    with opened(url, config) as service:
        if change is None:
            _tell_all(service.let_go(reason=reason), as_json, "resumed")
        else:
            tell(service.resume(change, reason=reason), as_json, "resumed")


def _one_or_all(change: str | None, everything: bool, verb: str) -> None:
    if (change is None) is not everything:
        raise Invalid("name a change, or say --all", f"orch {verb} ID or orch {verb} --all")


def _tell_all(changes: list[str], as_json: bool, said: str) -> None:
    if as_json:
        data(changes)
    else:
        out([f"{clean(change)}: {said}" for change in changes] or [f"nothing was {said}: there is nothing to be"])


def tune(
    change: ChangeId,
    statement_time: Annotated[
        str | None, typer.Option("--statement-time", metavar="DURATION", help="What one batch may take.")
    ] = None,
    max_replica_lag: Annotated[
        str | None, typer.Option("--max-replica-lag", metavar="DURATION", help="A lag of a standby at which to wait.")
    ] = None,
    lanes: Annotated[
        int | None, typer.Option("--lanes", metavar="N", help="Batches at the same time, at most.")
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", metavar="HOURS", help="When batches run, as in the file; none: always.")
    ] = None,
    max_latency: Annotated[
        str | None,
        typer.Option("--max-latency", metavar="DURATION", help="What the probe's p99 may take; none: whatever."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Hold a backfill to other settings; a running one from its next batch on. What is not named stays as it is."""
    given = {
        "statement_time": statement_time,
        "max_replica_lag": max_replica_lag,
        "lanes": lanes,
        "window": window,
        "max_latency": max_latency,
    }
    settings = {name: None if value == "none" else value for name, value in given.items() if value is not None}
    with opened(url, config) as service:
        status = service.tune(change, settings)
    tell(status, as_json, "tuned")


def abort(
    change: ChangeId,
    reason: NeededReason,
    no_run: NoRun = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Undo everything back to before expand. Refused once contract has begun."""
    with opened(url, config) as service:
        status = service.abort(change, reason=reason)
        status = status if no_run else _carried_out(service, change)
    tell(status, as_json, "abort recorded" if no_run else "aborted")


def undo(
    change: ChangeId,
    reason: NeededReason,
    no_run: NoRun = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Unpark the old shape, or switch reads back to it."""
    with opened(url, config) as service:
        status = service.undo(change, reason=reason)
        status = status if no_run else _carried_out(service, change)
    tell(status, as_json, "undo recorded" if no_run else "undone")


def _carried_out(service: "Service", change: str) -> "Status":
    from orchestrator.cli.progress import listener

    try:
        with listener() as listen:
            status: Status = service.advance(change, listen=listen)
            return status
    except Busy:
        note("the intent is recorded; whoever holds the lease, or a worker, carries it out")
        raise
