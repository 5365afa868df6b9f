"""How one person wants the screen: the table ``tui`` of orch.toml, and what the command line says besides.

Why it exists: keys collide with multiplexers, colours with eyes and backgrounds, and who only looks must not be able to act. A
mistyped setting is an error that names the nearest one, never a screen that behaves otherwise than it was told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config import nearest, only_known
from orchestrator.core.errors import Invalid
from tui.themes import THEMES

PLACE = "configuration: tui"


@dataclass(frozen=True, slots=True)
class Preferences:
    """``keys`` is judged by ``tui.keys``, which knows the screens. ``ascii`` None means: as the terminal can."""

    read_only: bool = False
    theme: str = "dark"
    ascii: bool | None = None
    mouse: bool = True
    keys: object = field(default_factory=dict)


DEFAULTS = Preferences()


def preferences(
    table: Mapping[str, Any],
    *,
    read_only: bool = False,
    theme: str | None = None,
    ascii_only: bool = False,
    mouse: bool | None = None,
) -> Preferences:
    """What the table says, where the command line says nothing else. ``read_only`` can only be added. Raises Invalid."""
    only_known(table, ("read_only", "theme", "ascii", "mouse", "keys"), PLACE)
    plain = _switch(table, "ascii")
    return Preferences(
        read_only or bool(_switch(table, "read_only")),
        _theme(theme or table.get("theme", "dark")),
        True if ascii_only else plain,
        mouse if mouse is not None else _switch(table, "mouse") is not False,
        table.get("keys", {}),
    )


def _switch(table: Mapping[str, Any], name: str) -> bool | None:
    value = table.get(name)
    if value is not None and not isinstance(value, bool):
        raise Invalid(f"{PLACE}.{name} must be true or false, not {value!r}", f"write {name} = true, or remove it")
    return value


def _theme(name: object) -> str:
    if not isinstance(name, str) or name not in THEMES:
        raise Invalid(
            f"theme {name!r} is not known; {nearest(str(name), THEMES)}", f"choose one of {', '.join(THEMES)}"
        )
    return name
