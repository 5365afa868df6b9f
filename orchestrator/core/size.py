"""How large a table is, as far as it matters: evidence for one size says nothing about the next.

Why it exists: a rehearsal is judged by the size class that it was made for, so both sides must count alike.
"""

from __future__ import annotations


def size_class(rows: int) -> int:
    """The power of ten of a number of rows."""
    return len(str(rows)) - 1 if rows > 0 else 0
