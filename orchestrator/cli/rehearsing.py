"""The verb that takes a change through on a copy: rehearse."""

# Typer reads the annotations when the program starts, so they are not deferred here.
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.failures import hide
from orchestrator.cli.reading import REFUSED
from orchestrator.cli.text import clean, colourful, note, out, width
from orchestrator.cli.wiring import AsJson, ConfigFile, Url, configured, data, opened
from orchestrator.core.errors import Invalid, OrchError

if TYPE_CHECKING:
    from orchestrator.rehearsal.model import Report
    from orchestrator.service import Service

_STYLES = {"FAILS": "red", "gone": "dim", "ok": "green"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EXAMPLE = "orch rehearse change.yaml --synthetic --max-lock-hold 50ms"


def rehearse(
    file: Annotated[
        str, typer.Argument(metavar="FILE|ID", help="The change file (- reads stdin), or a submitted change.")
    ],
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="On a PostgreSQL of our own, with rows like the target's, none from it.")
    ] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="URL", help="On a copy that you restored; it is changed by that.")
    ] = None,
    copy_of: Annotated[
        str | None,
        typer.Option("--copy-of", metavar="NAME", help="The target that --on is a copy of, registry included."),
    ] = None,
    clone: Annotated[
        str | None,
        typer.Option(
            "--clone", metavar="URL", help="On a copy with the target's rows, made on that server and dropped."
        ),
    ] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="With --synthetic: the target's own rows instead of made-up ones.")
    ] = False,
    scale: Annotated[
        float, typer.Option("--scale", metavar="N", min=0.0001, max=1000.0, help="Rows as a multiple of the target's.")
    ] = 1.0,
    max_lock_hold: Annotated[
        str | None, typer.Option("--max-lock-hold", metavar="TIME", help="The longest that a strong lock may be held.")
    ] = None,
    max_client_stall: Annotated[
        str | None, typer.Option("--max-client-stall", metavar="TIME", help="The longest that a client may wait.")
    ] = None,
    max_extra_disk: Annotated[
        str | None, typer.Option("--max-extra-disk", metavar="PART", help="By how much the database may grow, as 40%.")
    ] = None,
    statements: Annotated[
        str | None,
        typer.Option("--statements", metavar="FILE", help="Statements in use (SQL or CSV), sent by the clients."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE", help="SQL that does the same in one step, to compare; taken back."),
    ] = None,
    markdown: Annotated[str | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown, too.")] = None,
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Write a page with charts, too.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Take the whole change through on a copy, under load, and say what it did.

    Exit 4 when a statement fails where it must work, or when a budget is exceeded. The target is only read.
    """
    from orchestrator.config import Config
    from orchestrator.rehearsal.budgets import budget
    from orchestrator.rehearsal.rehearse import Options, rehearsed

    _one_copy(synthetic, on, clone, with_data, scale)
    for secret in (on, clone):
        hide(Config(secret or "", {}).secrets())
    limits = budget(max_lock_hold, max_client_stall, max_extra_disk)
    options = Options(scale, limits, statements, on, copy_of, clone, with_data, against)
    with opened(url, config) as service:
        source, path = _source(service, file)
        report = rehearsed(configured(url, config), source, path, options, lambda line: note(clean(line)))
        _keep(service, report)
    _written(report, markdown, html)
    if as_json:
        data(report.to_json())
    else:
        _told(report)
    if report.faults:
        raise typer.Exit(REFUSED)


def _one_copy(synthetic: bool, on: str | None, clone: str | None, with_data: bool, scale: float) -> None:
    if [synthetic, on is not None, clone is not None].count(True) != 1:
        raise Invalid("a rehearsal needs a copy to run on: one of --synthetic, --clone URL, --on URL", _EXAMPLE)
    if with_data and (not synthetic or scale != 1.0):
        raise Invalid("--with-data goes with --synthetic, and takes all rows", _EXAMPLE)


def _source(service: "Service", given: str) -> tuple[str, str]:
    """The text of a change file, or of a submitted change where no file has such a name; and where it is from."""
    from orchestrator.change import read

    if given == "-" or Path(given).exists() or not _ID.fullmatch(given):
        return read(given), given
    return service.source(given), f"{given} (as submitted)"


def _keep(service: "Service", report: "Report") -> None:
    """Evidence for the expand gate, where the change waits there with this plan; a report is one without it, too."""
    try:
        why = service.keep_rehearsal(report.change, report.evidence())
    except OrchError as error:
        why = error.message
    told = f"not kept as evidence: {why}" if why else f"kept as evidence for the expand gate of {report.change}"
    note(clean(told))


def _written(report: "Report", markdown: str | None, html: str | None) -> None:
    from orchestrator.rehearsal import markdown as text
    from orchestrator.rehearsal import page

    for path, render in ((markdown, text.markdown), (html, page.page)):
        if path is None:
            continue
        try:
            Path(path).write_text(render(report), encoding="utf-8")
        except OSError as error:
            raise Invalid(f"{path} cannot be written: {error.strerror}", "name another file") from None


def _told(report: "Report") -> None:
    from orchestrator.rehearsal import shown

    out([f"{name:<16}{clean(value)}" for name, value in shown.facts(report)])
    out([f"{'':<16}{clean(ending)}" for ending in report.endings])
    _table("steps", list(shown.STEP_HEADS), [list(shown.step_row(step)) for step in report.steps])
    if rows := shown.against(report):
        _table("the same in one step", list(shown.AGAINST_HEADS), [list(row) for row in rows])
    _table("statements of both shapes in every phase", *shown.coexistence(report))
    _listed("breaks at contract", [each.text for each in report.breaks_at_contract])
    _listed("the copy lacks", report.lacks)
    _listed("not tried, it does not work on the copy even before", report.untried)
    _listed("against it", report.faults)
    out(f"\n{shown.verdict(report)}")


def _listed(title: str, lines: "list[str] | tuple[str, ...]") -> None:
    if lines:
        out([f"\n{title}", *(f"  - {clean(line)}" for line in lines)])


def _table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell), style=_STYLES.get(cell, "")) for cell in row))
    Console(width=max(width(), 120), highlight=False, no_color=not colourful()).print(table)
