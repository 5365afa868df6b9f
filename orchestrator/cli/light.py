"""Typer commands that take text as it is.

Why it exists: Typer hands every value, absent ones included, to pydantic, whose import alone costs ``orch status`` a fifth
of its time. Text needs no conversion, so it goes around; numbers and choices are converted as ever.
``tests/cli/test_startup.py`` notices when a newer Typer no longer lets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

Process = Callable[[Any, Any], Any]


def _around(param: Any, converting: Process) -> Process:
    """``process_value`` of a parameter, but only where there is something to convert."""
    is_text = getattr(getattr(param, "type_descriptor", None), "annotation", None) is str

    def process(ctx: Any, value: Any) -> Any:
        plain = (value is None and not param.required) or (is_text and isinstance(value, str))
        if not plain:
            return converting(ctx, value)
        return value if param.callback is None else param.callback(ctx, param, value)

    return process


def _lightened(params: list[Any]) -> list[Any]:
    for param in params:
        if not param.multiple and param.nargs == 1 and "process_value" not in vars(param):
            param.process_value = _around(param, param.process_value)
    return params


class Command(TyperCommand):
    """A verb."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, those of help and completion included."""
        return _lightened(list(super().get_params(ctx)))


class Group(TyperGroup):
    """The program."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, those of help and completion included."""
        return _lightened(list(super().get_params(ctx)))
