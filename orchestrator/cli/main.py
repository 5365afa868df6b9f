"""The program ``orch``: the list of verbs, what a bare ``orch`` does, and the one way out.

Why it exists: everything heavy stays inside the verbs. ``orch status`` is what people type during an incident, so this
module and what it imports must load in a blink.
"""

# Typer reads the annotations when the program starts, so they are not deferred here.
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.cli import (
    acting,
    converting,
    exporting,
    light,
    linting,
    reading,
    rehearsing,
    saying,
    screens,
    watching,
    wiring,
)
from orchestrator.cli.failures import guarded
from orchestrator.cli.text import out
from orchestrator.cli.wiring import ConfigFile, Url

app = typer.Typer(
    name="orch",
    cls=light.Group,
    help="Takes PostgreSQL schema changes through expand, backfill, switch reads and contract.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _verb in (
    acting.init,
    reading.doctor,
    reading.plan,
    acting.submit,
    reading.status,
    acting.advance,
    acting.retry_rows,
    acting.approve,
    acting.reject,
    reading.verify,
    watching.watch,
    acting.pause,
    acting.resume,
    acting.tune,
    acting.abort,
    acting.undo,
    saying.attest,
    saying.freeze,
    reading.audit,
    linting.lint,
    converting.convert,
    exporting.export,
    rehearsing.rehearse,
    screens.worker,
    screens.tui,
    screens.demo,
):
    app.command(cls=light.Command)(_verb)
app.command(cls=light.Command, hidden=True)(reading.schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out(f"orch {version('orch')}")
        raise typer.Exit


@app.callback()
def bare(
    ctx: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Takes PostgreSQL schema changes through expand, backfill, switch reads and contract."""
    wiring.debug.set(debug)
    wiring.root.set((url, config))
    if ctx.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        screens.tui()
    else:
        out(ctx.get_help())


def _run(arguments: Sequence[str]) -> int:
    try:
        app(args=list(arguments), prog_name="orch")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and answer with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    return guarded(lambda: _run(given), wiring.debug.get)


if __name__ == "__main__":
    sys.exit(main())
