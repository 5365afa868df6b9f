"""The verb that judges migrations: lint."""

# Typer reads the annotations when the program starts, so they are not deferred here.
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from orchestrator.cli import wiring
from orchestrator.cli.failures import translating
from orchestrator.cli.reading import REFUSED
from orchestrator.cli.text import out
from orchestrator.cli.wiring import Url, data

if TYPE_CHECKING:
    from orchestrator.core.known import Known


class Format(StrEnum):
    """How findings are shown."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(StrEnum):
    """From which tier on a finding is a refusal."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    NEVER = "never"


def lint(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files or directories of migrations; - is stdin.")
    ],
    shown: Annotated[
        Format, typer.Option("--format", help="For people, programs, code hosts, GitHub's log.")
    ] = Format.TEXT,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="The mildest tier that refuses.")] = FailOn.CRITICAL,
    url: Url = None,
) -> None:
    """Say what is dangerous in migrations that exist already. Exit 4 when something is critical.

    Every finding names its place, the lock, what it does to a live table, and the safe way. With --url, and only then, a
    database is asked for sizes, types, constraints, indexes and functions.
    """
    from orchestrator.cli import findings
    from orchestrator.lint._model import Tier
    from orchestrator.lint._run import lint as lint_text
    from orchestrator.linting import files, lint_files, text_of

    known = _known(url or wiring.root.get()[0])
    if paths == ["-"]:
        report = lint_text(text_of(sys.stdin.buffer.read()), "<stdin>", known=known)
    else:
        report = lint_files(files(paths), known)
    match shown:
        case Format.JSON:
            data(findings.as_json(report))
        case Format.SARIF:
            data(findings.sarif(report))
        case Format.GITHUB:
            out(findings.github(report))
        case _:
            out(findings.text(report))
    if fail_on is not FailOn.NEVER and any(each.tier.at_least(Tier(fail_on.value)) for each in report.findings):
        raise typer.Exit(REFUSED)


def _known(url: str | None) -> Optional["Known"]:
    if url is None:
        return None
    from orchestrator.linting import look

    settings = wiring.configured(url, None)
    with translating(settings):
        target = settings.target()
        return look(target.url, target.rehearse_from)
