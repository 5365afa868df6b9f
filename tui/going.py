"""Where Enter goes in a modal that asks.

Why it exists: it must never say yes by itself, nor lead somebody who filled in everything to Cancel. One key alone, held down or
pressed twice, arrives at Cancel.
"""

from __future__ import annotations

from typing import Any

from textual.screen import Screen
from textual.widgets import Button, Input

HOW = "tab to the button, then enter"
CANCELLED = "cancelled, nothing was asked for"


def on(screen: Screen[Any]) -> None:
    """From a field to the next one; from the last to yes, where something was typed and nothing speaks against it.

    While something does, it stays: the verdict says what.
    """
    fields, yes = list(screen.query(Input)), screen.query_one("#yes", Button)
    at = next((index for index, field in enumerate(fields) if field.has_focus), 0)
    if at + 1 < len(fields):
        fields[at + 1].focus()
    elif not yes.disabled:
        typed = any(field.value.strip() for field in fields)
        (yes if typed else screen.query_one("#cancel", Button)).focus()
