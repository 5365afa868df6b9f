"""Lines that are built when they are looked at.

Why it exists: a screen shows fifty of a thousand rows. Building all of them twice a second took a quarter of a core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from tui.line import Line


class Rows(Sequence[Line]):
    """``count`` lines, the one at ``y`` made by ``build(y)`` once."""

    def __init__(self, count: int, build: Callable[[int], Line]) -> None:
        self._count, self._build = count, build
        self._built: dict[int, Line] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, y: int) -> Line: ...

    @overload
    def __getitem__(self, y: slice) -> list[Line]: ...

    def __getitem__(self, y: int | slice) -> Line | list[Line]:
        if isinstance(y, slice):
            return [self[each] for each in range(*y.indices(self._count))]
        at = y + self._count if y < 0 else y
        if not 0 <= at < self._count:
            raise IndexError(y)
        if at not in self._built:
            self._built[at] = self._build(at)
        return self._built[at]
