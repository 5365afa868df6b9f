"""What every verb shares: its options, the way to the service, and the output of data.

Why it exists: a verb should read as one sentence. Nothing heavy is imported here; ``orch status`` must answer at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.failures import hide, translating
from orchestrator.cli.text import out

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.service import Service

Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Target database, instead of the configured one."),
]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Configuration, instead of ./orch.toml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ChangeId = Annotated[str, typer.Argument(metavar="ID", help="The change.")]
ChangePath = Annotated[str, typer.Argument(metavar="FILE", help="The change file; - reads stdin.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the history.")]
StatementsFile = Annotated[
    str | None,
    typer.Option(
        "--statements", metavar="FILE", help="Statements in use (SQL or CSV), for who still reads the old shape."
    ),
]
NeededReason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the history (required).")]

root: ContextVar[tuple[str | None, str | None]] = ContextVar("root", default=(None, None))
"""``--url`` and ``--config`` where they stand before the verb."""
debug: ContextVar[bool] = ContextVar("debug", default=False)
"""Whether tracebacks are wanted."""


def configured(url: str | None, config: str | None) -> Config:
    """The configuration these options ask for, after the verb or before it. Raises Invalid."""
    from orchestrator.config import load

    root_url, root_config = root.get()
    found = load(config or root_config, url=url or root_url)
    hide(found.secrets())
    return found


@contextmanager
def opened(url: str | None, config: str | None) -> Iterator[Service]:
    """The service, closed afterwards; whatever the driver raises leaves as an error for people."""
    settings = configured(url, config)
    from orchestrator.service import Service

    with translating(settings), Service(settings, client="cli") as service:
        yield service


def data(value: Any) -> None:
    """Print JSON."""
    out(json.dumps(value, indent=2, ensure_ascii=False, default=str))
