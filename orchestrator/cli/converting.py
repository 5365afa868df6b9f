"""The verb that turns a migration into change files, and what submit does with a migration: convert."""

# Typer reads the annotations when the program starts, so they are not deferred here.
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from orchestrator.cli import wiring
from orchestrator.cli.failures import translating
from orchestrator.cli.text import clean, note, out, wrapped
from orchestrator.cli.wiring import AsJson, ConfigFile, Url, data
from orchestrator.core.errors import Invalid

if TYPE_CHECKING:
    from orchestrator.converting._run import Converted, Verdict
    from orchestrator.converting._yaml import Written
    from orchestrator.core.known import Known

INVALID = 2
SUFFIX = ".sql"
"""What a migration is told by; every other file is a change file."""


def convert(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A migration in SQL; - reads stdin.")],
    change: Annotated[
        str | None, typer.Option("--change", metavar="ID", help="The change's id, instead of the file's name.")
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option("--down", metavar="TABLE.COLUMN=SQL", help="What leads back: an expression, or none; repeatable."),
    ] = None,
    directory: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="Write files there, what runs as it stands among them.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Turn a dangerous migration into change files. Exit 2 when something of it is not understood.

    The change files go to standard output, what a person must know to standard error. With --url, and only then, a database is
    asked for defaults, NOT NULL and the table of an index.
    """
    known = facts(url, config) if url or wiring.root.get()[0] else None
    found, written = converted(file, change, known, _answers(down or ()))
    if as_json:
        data(_json(found, written))
    elif directory is not None:
        out(_saved(Path(directory), found, written) or ["nothing to write"])
    elif written:
        out("---\n".join(each.text for each in written).rstrip("\n"))
    if not as_json:
        for line in told(found, written):
            note(line)
    if found.of("left"):
        raise typer.Exit(INVALID)


def converted(
    file: str, change: str | None, known: Optional["Known"], answers: dict[str, str]
) -> tuple["Converted", tuple["Written", ...]]:
    """A migration as Verdicts and change files. Raises Invalid when it cannot be read."""
    from orchestrator.converting._run import convert as run
    from orchestrator.converting._yaml import change_id, files
    from orchestrator.linting import text_of

    try:
        text = text_of(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", "check the file's name") from None
    name = "stdin" if file == "-" else Path(file).name
    found = run(text, known, answers)
    return found, files(found, change or change_id(Path(name).stem), clean(f"Converted from {name}")[:180])


def source_of(file: str, url: str | None, config: str | None) -> str:
    """The change file that a migration becomes, for submit. Raises Invalid with the list of what would not come along."""
    found, written = converted(file, None, facts(url, config), {})
    over = [verdict for verdict in found.verdicts if verdict.kind == "left" or _runs(verdict)]
    if over or len(written) != 1:
        for line in told(found, written):
            note(line)
        if over:
            raise Invalid(f"{file} is not submitted: {len(over)} of its statements would not come along", _NEXT)
        if not written:
            raise Invalid(f"{file} is not submitted: it needs no change", _NEXT)
        raise Invalid(
            f"{file} is not submitted: it takes {len(written)} changes, each submitted when the one before is completed and the"
            " application uses what that has made",
            f"orch convert {file} --out DIR, then "
            + ", then ".join(f"orch submit DIR/{each.change}.yaml" for each in written),
        )
    return written[0].text


_NEXT = "orch convert FILE --out DIR writes change files to edit and submit, and SQL to run before and after"


def facts(url: str | None, config: str | None) -> "Known":
    """What the target knows. Raises Invalid when it is unreachable."""
    from orchestrator.linting import look

    settings = wiring.configured(url, config)
    with translating(settings):
        return look(settings.target().url)


def _answers(given: Iterable[str]) -> dict[str, str]:
    found = {}
    for each in given:
        where, equals, expression = each.partition("=")
        if not equals or "." not in where or not expression.strip():
            raise Invalid(f"--down {each}: say TABLE.COLUMN=EXPRESSION", "--down 'orders.price=price_new / 100.0'")
        found[where.strip()] = expression.strip()
    return found


def _runs(verdict: "Verdict") -> bool:
    return verdict.kind == "passed" and verdict.when != "never"


def told(found: "Converted", written: tuple["Written", ...]) -> Iterator[str]:
    """What a person must know, line by line."""
    counts = {kind: len(found.of(kind)) for kind in ("converted", "passed", "left")}
    yield (
        f"{len(found.verdicts)} statements: {counts['converted']} converted, {counts['passed']} pass through,"
        f" {counts['left']} not understood"
    )
    if len(written) > 1:
        names = ", ".join(each.change for each in written)
        yield from wrapped(f"{len(written)} changes, each submitted when the one before is completed: {names}", 2)
    for verdict in found.verdicts:
        if verdict.kind == "left":
            yield from wrapped(f"line {verdict.part.line}: not understood: {_short(verdict)}: {verdict.why}", 2)
        elif _runs(verdict):
            words = f"line {verdict.part.line}: run {verdict.when} the change, as it stands: {_short(verdict)}"
            yield from wrapped(f"{words} ({verdict.why})", 2)
    for each in found.notes:
        yield from wrapped(f"note: {each}", 2)


def _short(verdict: "Verdict") -> str:
    line = " ".join(verdict.part.sql.split())
    return line if len(line) <= 80 else line[:79] + "…"


def _json(found: "Converted", written: tuple["Written", ...]) -> dict[str, Any]:
    return {
        "changes": [{"change": each.change, "file": each.text} for each in written],
        "statements": [
            {
                "line": each.part.line,
                "sql": each.part.sql,
                "verdict": each.kind,
                "when": each.when if each.kind == "passed" else None,
                "changes": [written[number].change for number in each.changes],
                "reason": each.why,
            }
            for each in found.verdicts
        ],
        "notes": list(found.notes),
    }


def _saved(directory: Path, found: "Converted", written: tuple["Written", ...]) -> list[str]:
    """Write the files, none over another; their names. Raises Invalid."""
    texts = {f"{each.change}.yaml": each.text for each in written}
    base = written[0].change if written else "plain"
    for when in ("before", "after"):
        said = [each.part.sql + ";\n" for each in found.of("passed") if each.when == when]
        texts |= {f"{base}.{when}.sql": "".join(said)} if said else {}
    save(directory, texts)
    return [str(directory / name) for name in texts]


def save(directory: Path, texts: dict[str, str]) -> None:
    """Write files, none over another one that says something else. Raises Invalid."""
    try:
        for name, text in texts.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            path = directory / name
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise Invalid(
                    f"{path} is there already, and says something else", "choose another directory: --out DIR"
                )
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(
            f"{error.filename} cannot be written: {error.strerror}", "choose another directory: --out DIR"
        ) from None
