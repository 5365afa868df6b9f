"""Finds the plug-ins of a room: one public module, one plug-in, exported as ``plugin``.

Why it exists: operations, checks, signals, rules and formats are open sets. Dropping a file into the room must be
enough, so no list of them is kept anywhere; the word of a plug-in is the name of its module.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from orchestrator.core.errors import Invalid


class Room(Mapping[str, Any]):
    """Word → plug-in. Listing the words imports nothing but the room; a plug-in is imported when asked for."""

    def __init__(self, package: str) -> None:
        self._package = package
        found = pkgutil.iter_modules(import_module(package).__path__)
        self._words = sorted(module.name for module in found if not module.name.startswith("_"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, word: str) -> Any:
        if word not in self._words:
            raise KeyError(word)
        module = import_module(f"{self._package}.{word}")
        if not hasattr(module, "plugin"):
            raise Invalid(
                f"{module.__file__} holds no plug-in",
                "end the file with `plugin = …`, or begin its name with an underscore",
            )
        return module.plugin


@lru_cache
def discover(room: str) -> Mapping[str, Any]:
    """The plug-ins of a package such as ``orchestrator.operations``."""
    return Room(room)
