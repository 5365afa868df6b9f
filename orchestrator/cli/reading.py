"""Verbs that read and change nothing: plan, status, verify, audit, doctor, schema.

``verify`` writes evidence, but never touches a row of the target.
"""

# Typer reads the annotations when the program starts, so they are not deferred here.
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli import plantext, statustext
from orchestrator.cli.text import clean, out, wrapped
from orchestrator.cli.wiring import AsJson, ChangeId, ChangePath, ConfigFile, StatementsFile, Url, data, opened
from orchestrator.core.audit import to_json
from state.model import EventRow, Verdict

REFUSED = 4


def plan(file: ChangePath, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Show what a change file would do. Writes nothing.

    Every step comes with its exact SQL, its lock, whether it rewrites or scans the table, and its undo.
    """
    from orchestrator.change import read

    source = read(file)
    with opened(url, config) as service:
        view = service.plan(source, file)
    data(view.to_json()) if as_json else out(plantext.plan(view))


def status(
    change: Annotated[str | None, typer.Argument(metavar="[ID]", help="One change in full.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Show where changes stand, why, and what is missing."""
    with opened(url, config) as service:
        if change is None:
            found = service.statuses()
            listed = [each.to_json(steps=False) for each in found]
            data(listed) if as_json else out(statustext.listed(found))
        else:
            one = service.status(change)
            data(one.to_json()) if as_json else out(statustext.detailed(one))


def verify(
    change: ChangeId,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="NAME", help="Only this check; repeatable.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Only follow what somebody else is comparing, then show the evidence.")
    ] = False,
    statements: StatementsFile = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Run the checks of the gate ahead. Records evidence; exit 4 unless all pass.

    Whole tables are compared range by range: interrupt it, and the next run goes on where it stood. With --check nothing is
    recorded.
    """
    from orchestrator.cli.progress import listener

    with opened(url, config) as service, listener() as listen:
        if watch:
            evidence = service.follow(change, checks=check or (), listen=listen)
        else:
            evidence = service.verify(change, checks=check or (), statements=statements, listen=listen)
    if as_json:
        data(asdict(evidence))
    else:
        lines = [f"{evidence.gate.value} gate, evidence {evidence.sha256}"]
        for finding in evidence.findings:
            lines.append(f"  {statustext.verdict(finding.verdict)}{clean(finding.name)}")
            lines += wrapped(finding.detail, 12) if finding.detail else []
            keys = ", ".join(finding.samples)
            lines += wrapped(f"for example {keys}", 12) if keys else []
        out(lines)
    if any(finding.verdict is not Verdict.PASS for finding in evidence.findings):
        raise typer.Exit(REFUSED)


def audit(
    change: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this change.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute the chain and compare it with the state.")
    ] = False,
    anchor: Annotated[
        str | None,
        typer.Option("--anchor", metavar="FILE", help="Keep the head there; with --verify, compare with it."),
    ] = None,
    after: Annotated[int, typer.Option("--after", metavar="SEQ", help="Only later events.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Show the history, or prove it intact. With --verify, exit 4 if somebody has rewritten it."""
    with opened(url, config) as service:
        if anchor is not None and not verify:
            kept = service.audit_anchor(anchor)
            data(asdict(kept)) if as_json else out(clean(f"{anchor}: event {kept.seq}, {kept.sha256}"))
            return
        if not verify:
            events = service.events(change, after=after, limit=limit)
            data([to_json(each) for each in events]) if as_json else out(_history(events))
            return
        problems = service.audit_verify(anchor=anchor)
    if as_json:
        data({"intact": not problems, "problems": [asdict(each) for each in problems]})
    elif problems:
        out([line for each in problems for line in wrapped(each, 2)])
    else:
        out("the history is intact and agrees with the state")
    if problems:
        raise typer.Exit(REFUSED)


def _history(events: list[EventRow]) -> list[str]:
    lines = []
    for row in events:
        lines.append(f"{row.seq:>6}  {clean(row.at)}  {clean(row.kind)}")
        facts = ", ".join(f"{key} {value}" for key, value in row.data.items())
        lines += wrapped(f"{row.change_id} by {row.actor}{': ' if facts else ''}{facts}", 8)
    return lines or ["no events"]


def doctor(as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Check connections, rights and settings. Says how to repair what is wrong."""
    with opened(url, config) as service:
        found = service.doctor()
    if as_json:
        data([asdict(each) for each in found])
    else:
        lines = []
        for each in found:
            lines.append(f"{statustext.verdict(each.verdict)}{clean(each.name)}")
            lines += wrapped(each.detail, 10) if each.detail else []
            wrong = each.next_step and each.verdict is not Verdict.PASS
            lines += wrapped(f"next: {each.next_step}", 10) if wrong else []
        out(lines)
    if any(each.verdict is Verdict.FAIL for each in found):
        raise typer.Exit(REFUSED)


def schema() -> None:
    """Print the JSON Schema of change files, for editors."""
    from orchestrator.change import json_schema
    from orchestrator.plugins import discover

    data(json_schema(discover("orchestrator.operations")))
