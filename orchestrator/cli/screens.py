"""Verbs that stay: worker, tui, demo. What they need is imported when they are called."""

# Typer reads the annotations when the program starts, so they are not deferred here.
import sys
from typing import Annotated

import typer

from orchestrator.cli.wiring import ConfigFile, Url, configured
from orchestrator.core.errors import Invalid

WithWorker = Annotated[bool, typer.Option("--with-worker", help="Run a worker beside the screen, and end it with it.")]


def worker(
    once: Annotated[bool, typer.Option("--once", help="Sweep once and end.")] = False,
    interval: Annotated[float, typer.Option("--interval", metavar="S", min=0.05, help="Seconds between sweeps.")] = 1.0,
    parent: Annotated[
        int | None,
        typer.Option("--parent-pid", hidden=True, help="End when this process is gone."),
    ] = None,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Run whatever is ready, until told to stop. Contract and purge run only when asked for."""
    from orchestrator.worker import run

    run(configured(url, config), interval=interval, once=once, parent=parent)


def tui(
    with_worker: WithWorker = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Only look: every key that changes something is off.")
    ] = False,
    theme: Annotated[
        str | None, typer.Option("--theme", metavar="NAME", help="dark, light, colour-blind or monochrome.")
    ] = None,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw with ASCII alone.")] = False,
    mouse: Annotated[
        bool | None, typer.Option("--mouse/--no-mouse", help="Whether the screen takes the mouse.")
    ] = None,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Open the terminal UI.

    The table [tui] of the configuration says the same, and which keys do what; what is given here comes first.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Invalid("the terminal UI needs a terminal", "orch status shows the same as text")
    from tui import collecting

    collecting.rest()
    settings = configured(url, config)
    from tui import deferred, first

    with first.frame():
        service = deferred.of(settings)
        service.begin()
        from tui.app import run
        from tui.preferences import preferences
        from tui.terminal import leave

        wanted = preferences(settings.tui, read_only=read_only, theme=theme, ascii_only=ascii_only, mouse=mouse)
        code = run(settings, with_worker=with_worker, preferences=wanted, service=service)
    leave(code)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No screen: run through and report.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows in the largest table.")] = 200_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the demo's database running afterwards.")] = False,
) -> None:
    """Watch a release on a bundled PostgreSQL; needs no configuration."""
    from orchestrator.demo.main import run

    raise typer.Exit(run(headless=headless, rows=rows, keep=keep))
