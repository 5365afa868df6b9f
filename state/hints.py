"""Hears that something was appended to the history, the moment it is.

Why it exists: whoever watches need not ask all the time. What is heard is a hint and never the fact: a notification may be lost
with its connection, or come late, so whoever hears one reads again, and asks from time to time all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg

from state.connect import connected
from state.errors import Unreachable

_LISTEN = "LISTEN orch"
"""``orch.link_event`` notifies this with every event."""
LOOK_UP = 0.5
"""Seconds after which a listener that hears nothing looks whether it is to stop."""


def listen(url: str, application_name: str, stopped: threading.Event) -> Iterator[str]:
    """The Change of each event as it is appended, until ``stopped``; first of all an empty one, once it listens.

    On a connection of its own. Raises Unreachable when that cannot be made or is lost.
    """
    with closing(connected(url, application_name)) as link:
        try:
            link.autocommit = True
            link.execute(_LISTEN)
            yield ""
            while not stopped.is_set():
                for heard in link.notifies(timeout=LOOK_UP):
                    yield heard.payload
                    if stopped.is_set():
                        return
        except psycopg.Error as error:
            raise Unreachable("the connection that listens to the registry was lost") from error
