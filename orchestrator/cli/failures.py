"""Errors as an operator needs them: what happened, what to type next, and an exit code that means something.

Why it exists: pipelines branch on the exit code and people read one line; neither wants a traceback, and a password must
not slip into a log through a driver's message.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.cli.text import clean_lines, note
from orchestrator.core.errors import Invalid, OrchError, Unreachable

if TYPE_CHECKING:
    from orchestrator.config import Config

_UNREACHABLE = ("08", "28", "3D", "57P")
"""SQLSTATE classes: connection, authorization, no such database, server shutting down."""
_UNPRIVILEGED = "42501"


_secrets: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Passwords that no message, traceback or log may show from here on."""
    _secrets.update(secrets)


def scrubbed(text: str) -> str:
    """``text`` without any password."""
    from orchestrator.config import redact

    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return redact(text)


def translated(error: Exception, config: Config) -> Exception:
    """A driver's error as ours; everything else as it is."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None)
    words = _short(cause)
    if _named(error, "OperationalError") and (state or "08").startswith(_UNREACHABLE):
        return Unreachable(f"unreachable: {_places(config)}: {words}", "check the URL and the server: orch doctor")
    if state == _UNPRIVILEGED:
        return Invalid(f"not privileged: {words}", "orch doctor says which rights are missing")
    return error


@contextmanager
def translating(config: Config) -> Iterator[None]:
    """Whatever the driver raises within leaves as an error for people."""
    try:
        yield
    except Exception as error:
        ours = translated(error, config)
        if ours is error:
            raise
        raise ours from error


class Unexpected(OrchError):
    """Something no part of orch foresaw; ``--debug`` shows where."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "orch --debug VERB … shows where; nothing recorded is lost")


def _named(error: Exception, name: str) -> bool:
    """Whether a class of psycopg or SQLAlchemy of that name is among the error's, without importing either."""
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] in ("psycopg", "sqlalchemy")
        for kind in type(error).__mro__
    )


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]


def _places(config: Config) -> str:
    from orchestrator.config import redact

    urls = [config.registry_url, *(target.url for target in config.targets.values())]
    return ", ".join(dict.fromkeys(redact(url) for url in urls))


class Signals:
    """SIGINT and SIGTERM raise KeyboardInterrupt in the main thread; ``code`` remembers which one came.

    The engine ends its batch on KeyboardInterrupt, whoever asked for it; the exit code tells the two apart.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self.code = 128 + number
        raise KeyboardInterrupt


def guarded(run: Callable[[], int], debug: Callable[[], bool]) -> int:
    """Run and answer with the exit code, whatever happens."""
    with Signals() as signals:
        code = _attempted(run, debug)
        if signals.code is None:
            return code
        note("interrupted; nothing recorded is lost, orch advance goes on from here")
        return signals.code


def _attempted(run: Callable[[], int], debug: Callable[[], bool]) -> int:
    try:
        code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads any more
        return 1
    except Exception as error:
        return _told(error, debug())
    return code


def _told(error: Exception, debug: bool) -> int:
    if debug:
        note(scrubbed("".join(traceback.format_exception(error))))
    known = error if isinstance(error, OrchError) else Unexpected(f"{type(error).__name__}: {_short(error)}")
    for line in clean_lines(scrubbed(f"orch: {known.message}")):
        note(line)
    if known.next_step:
        note(f"next: {scrubbed(known.next_step)}")
    return known.exit_code
