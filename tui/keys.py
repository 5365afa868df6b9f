"""What keys do, by name, and how the configuration gives them other keys.

Why it exists: ctrl chords never arrive in some terminals and letters mean something else to some hands, so every key can be
changed; but a key that would do two things, or nothing, is found before the screen opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from orchestrator.config import nearest
from orchestrator.core.errors import Invalid

PLACE = "configuration: tui.keys"
RESERVED = frozenset({"ctrl+c", "ctrl+q", "tab", "shift+tab"})
"""Keys that always leave, or move the focus."""
_NAMES = frozenset(key.value for key in Keys)
_MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")


def bindings(kinds: Iterable[type[DOMNode]]) -> Iterator[Binding]:
    """The bindings of ours that widgets, screens or the app bring along, one for each key."""
    for kind in kinds:
        merged = cast(BindingsMap, kind._merged_bindings)
        yield from (binding for _, binding in merged if binding.id is not None and not binding.system)


def contexts(app: type[DOMNode]) -> dict[str, dict[str, set[str]]]:
    """For every screen that is not a modal: what its keys do → the keys. What widgets and the app bind counts everywhere."""
    everywhere = [app, *_ours(Widget)]
    found: dict[str, dict[str, set[str]]] = {}
    for screen in _ours(Screen):
        if issubclass(screen, ModalScreen):
            continue
        keys: dict[str, set[str]] = {}
        for binding in bindings([*everywhere, screen]):
            keys.setdefault(cast(str, binding.id), set()).add(binding.key)
        found[screen.__name__] = keys
    return found


def _ours(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    """Every subclass of ours; for Widget, those that are no screens."""
    for each in kind.__subclasses__():
        if kind is Widget and issubclass(each, Screen):
            continue
        if each.__module__.startswith("tui."):
            yield each
        yield from (deeper for deeper in _ours(each) if deeper.__module__.startswith("tui."))


def keymap(table: object, app: type[DOMNode]) -> dict[str, str]:
    """The Textual keymap that the table asks for. Raises Invalid for what nothing does, what is no key, and clashes."""
    if not isinstance(table, Mapping):
        raise Invalid(f"{PLACE} must be a table", '[tui.keys] has lines such as approve = "F2"')
    known = contexts(app)
    names = {name for keys in known.values() for name in keys}
    wanted = {name: _keys(name, given) for name, given in table.items() if _named(name, names)}
    for screen, keys in known.items():
        _refuse_clashes(screen, {name: wanted.get(name, bound) for name, bound in keys.items()}, wanted)
    return {name: ",".join(sorted(keys)) for name, keys in wanted.items()}


def _named(name: str, names: set[str]) -> bool:
    if name not in names:
        raise Invalid(
            f"{PLACE}: no key does {name!r}; {nearest(name, names)}", "? in the terminal UI lists what keys do"
        )
    return True


def _keys(name: str, given: object) -> set[str]:
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not listed:
        raise Invalid(f"{PLACE}.{name} must be a key or a list of keys", f'write {name} = "x", or {name} = ["x", "f2"]')
    return {_key(name, each) for each in listed}


def _key(name: str, given: object) -> str:
    if isinstance(given, str) and len(given) == 1 and given.isprintable() and given != " ":
        return _character_to_key(given)
    text = str(given).lower()
    *modifiers, last = text.split("+")
    plain = last in _NAMES or len(last) == 1
    if not isinstance(given, str) or not plain or any(each not in _MODIFIERS for each in modifiers):
        raise Invalid(
            f"{PLACE}.{name}: {given!r} is no key; {nearest(text, _NAMES) if isinstance(given, str) else 'it is no text'}",
            "a key is one character, or a name such as f2, escape, pagedown, ctrl+l",
        )
    if text in RESERVED:
        raise Invalid(f"{PLACE}.{name}: {text} always leaves or moves the focus", "choose another key")
    return text


def _refuse_clashes(screen: str, bound: Mapping[str, set[str]], wanted: Mapping[str, object]) -> None:
    taken: dict[str, str] = {}
    for name, keys in bound.items():
        for key in keys:
            other = taken.setdefault(key, name)
            if other != name and (name in wanted or other in wanted):
                raise Invalid(
                    f"{PLACE}: {key} is bound twice, to {other} and to {name} ({screen})",
                    f'give one of them another key, for example {name} = "f2"',
                )
