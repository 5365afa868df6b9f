"""The garbage collector rests while a screen starts.

Why it exists: what is loaded and read until the first answer stays. Looking through it for garbage while it grew took a fifth of
the time until there was anything to see; afterwards it need not be looked at again.
"""

from __future__ import annotations

import gc


def rest() -> None:
    """No collection until ``go_on``."""
    gc.disable()


def go_on() -> None:
    """What is here by now stays; collect what comes. Does nothing where there was no rest."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
