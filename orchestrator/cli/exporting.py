"""The verb that hands a change back in the files of the team's own migration tool: export."""

# Typer reads the annotations when the program starts, so they are not deferred here.
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.converting import SUFFIX, save, source_of
from orchestrator.cli.text import clean, note, out
from orchestrator.cli.wiring import ConfigFile, Url, opened
from orchestrator.core.errors import OrchError

if TYPE_CHECKING:
    from orchestrator.core.exported import Exported
    from orchestrator.service import Service


class Tool(StrEnum):
    """Whose files are written."""

    ALEMBIC = "alembic"
    GOLANG_MIGRATE = "golang-migrate"
    PRISMA = "prisma"
    SQL = "sql"


_FILES = (SUFFIX, ".yaml", ".yml")


def export(
    change: Annotated[str, typer.Argument(metavar="ID|FILE", help="A submitted change, a change file or a migration.")],
    tool: Annotated[Tool, typer.Option("--format", help="The migration tool.")],
    directory: Annotated[str, typer.Option("--out", metavar="DIR", help="Where the files go, a directory per phase.")],
    after: Annotated[
        str | None, typer.Option("--after", metavar="VERSION", help="The team's last migration, which they follow.")
    ] = None,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Write a change as migrations of another tool: one directory per phase, each with its commit message.

    What runs them has none of the gates: no phase may be deployed before the one before it is done and the versions of the
    application are where it needs them.
    """
    from orchestrator.exporting._model import Start
    from orchestrator.plugins import discover

    name, start = tool.value.replace("-", "_"), Start(datetime.now(UTC), after)
    plugin = discover("orchestrator.exporting")[name]
    is_file = change.endswith(_FILES) or change == "-"
    with opened(url, config) as service:
        exported = service.exported(_source(change, url, config) if is_file else service.source(change), change)
        files = plugin.write(exported, start)
        texts = {**files, **_messages(exported), "README.md": "\n".join(_readme(exported, plugin.how)) + "\n"}
        save(Path(directory), texts)
        if not is_file and service.status(change).plan_sha256 != exported.plan_sha256:
            note(
                f"{change} was submitted with another plan: orch submit its file again before these files are deployed"
            )
        elif not is_file and plugin.versions is not None:
            _remember(service, change, name, exported, plugin.versions(exported, start))
    out([str(Path(directory) / each) for each in texts])
    note(f"no gate of orch guards these files: {directory}/README.md says what must be true before each phase")


def _remember(service: "Service", change: str, tool: str, exported: "Exported", versions: Sequence[str]) -> None:
    """The files are there whether or not we may write that down."""
    try:
        service.remember_export(change, tool, exported.plan_sha256, versions)
    except OrchError as error:
        note(
            f"the registry does not know the files' versions, so orch advance will ask for orch attest: {error.message}"
        )


def _source(file: str, url: str | None, config: str | None) -> str:
    from orchestrator.change import read

    return source_of(file, url, config) if file.endswith(SUFFIX) else read(file)


def _messages(exported: "Exported") -> dict[str, str]:
    return {
        f"{number}-{phase}/COMMIT_MSG": f"{message}\n" for number, (phase, message) in enumerate(exported.commits, 1)
    }


_BEFORE = {
    "expand": "nothing",
    "backfill": "expand has run. Run it when there is little load: it gives way to locks and lag only",
    "switch_reads": "the backfill has ended, and you have compared old and new rows",
    "contract": "no version of the application reads or writes the old shape any more",
    "purge": "nobody wants to go back: it cannot be undone",
}


def _readme(exported: "Exported", how: str) -> Iterator[str]:
    yield f"# {clean(exported.change)}\n"
    yield f"Exported by orch from plan {exported.plan_sha256}. {how}\n"
    yield "| phase | deploy it once | commit message |\n|---|---|---|"
    for number, (phase, message) in enumerate(exported.commits, 1):
        yield f"| {number}-{phase} | {_BEFORE[phase]} | `{clean(message)}` |"
    yield (
        "\nCommit and deploy one phase at a time. Each file is what may be one transaction, or one statement that must be alone:"
        " do not put two together, or a lock of a moment is held through a scan. Backfills commit after every batch and wait"
        " while standbys lag; checks, signals, approvals and the record of rows that do not convert are `orch advance`'s alone:"
        " a row that does not convert ends the backfill with its error. A statement that waits for a lock gives up after a"
        " second, and the migration is run again.\n"
    )
    for text in exported.notes:
        yield f"- {clean(text)}"
