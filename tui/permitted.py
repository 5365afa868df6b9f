"""Which keys ask for something, and why one of them does nothing now.

Why it exists: a key that is refused must say so wherever it is pressed, and a new one must not slip past a screen that may only
look.
"""

from __future__ import annotations

from tui.viewmodel import World

ASKING = frozenset({"ask", "everything", "cancel_backend", "tune"})
"""Actions that ask for something to be changed."""
NEEDS_LIVE = ASKING | {"sql"}
"""Actions that would be blind over data that may be old."""
READ_ONLY = "this screen is READ-ONLY: it was started with --read-only, or orch.toml says [tui] read_only = true"
STALE = "DISCONNECTED: actions are disabled until the data is live again"


def why_not(action: str, world: World) -> str:
    """Why the action does nothing now, or nothing."""
    if world.read_only and action in ASKING:
        return READ_ONLY
    if not world.live and action in NEEDS_LIVE:
        return STALE
    return ""
