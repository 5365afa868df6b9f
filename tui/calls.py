"""Blocking calls in daemon threads, awaited from the screen's loop.

Why it exists: a call in a handler freezes the screen, and Textual's own thread workers run in asyncio's executor, which is
joined at exit: quitting would wait for the slowest query. Nobody joins a daemon thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a daemon thread and await what it returns or raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # work returned it

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the screen is gone
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="orch-tui-call", daemon=True).start()
    return await future
