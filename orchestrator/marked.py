"""YAML that remembers where everything stands.

Why it exists: every complaint about a change file names line and column, so the file is read as a tree of marked nodes
and turned into plain values here. Nothing is constructed but text, numbers, booleans, null, lists and mappings; a file
from a stranger can neither name a type nor grow beyond its size by aliases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from orchestrator.core.errors import Invalid

Path = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_MAX_BYTES = 1_000_000
_MAX_NODES = 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, counted from one."""

    line: int
    column: int


@dataclass
class Document:
    """Plain data with the place of every key and value, and the problems found so far."""

    name: str
    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[tuple[Place, str]] = field(default_factory=list)
    _nodes: int = 0

    def report(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a problem at ``path``, or at the nearest enclosing thing that stands in the file.

        A value about which something was said already is left alone; a mapping may lack several keys.
        """
        places = {**self.values, **self.keys} if key else self.values
        while path and path not in places:
            path = path[:-1]
        place = places.get(path, Place(1, 1))
        if key or all(place != taken for taken, _ in self.problems):
            self.problems.append((place, message))

    def check(self) -> None:
        """Raise Invalid with every problem, in the order of the file."""
        if self.problems:
            ordered = sorted(self.problems, key=lambda found: (found[0].line, found[0].column))
            lines = [f"{self.name}:{at.line}:{at.column}: {message}" for at, message in ordered]
            raise Invalid("\n".join(lines), f"correct {self.name} and run the command again")

    def read(self, node: Node, path: Path = (), inside: tuple[Node, ...] = ()) -> Any:
        """The plain value of a node, noting where it stands."""
        self.values[path] = _place(node)
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(inside) > 50:
            self.report(path, "this is nested or repeated too much for a change file")
            self.check()
        if node in inside:
            self.report(path, "an anchor contains itself")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*inside, node))
        if isinstance(node, SequenceNode):
            items = enumerate(node.value)
            return [self.read(item, (*path, at), (*inside, node)) for at, item in items]
        return self._scalar(str(node.value), str(node.tag), path)

    def _mapping(self, node: MappingNode, path: Path, inside: tuple[Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value
            if not isinstance(key, ScalarNode) or not isinstance(name, str):
                self.problems.append((_place(key), "a key must be a plain word"))
            elif name in found:
                first = self.keys[*path, name].line
                self.problems.append((_place(key), f"duplicate key {name!r}, first in line {first}"))
            else:
                self.keys[*path, name] = _place(key)
                found[name] = self.read(value, (*path, name), inside)
        return found

    def _scalar(self, text: str, tag: str, path: Path) -> Any:
        kind = tag.removeprefix(_TAG)
        if kind in ("str", "timestamp"):
            return text
        try:
            return _PLAIN[kind](text)
        except (KeyError, ValueError):
            self.report(path, f"{text[:40]!r} with the tag {kind!r} is not supported; quote it")
            return None


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    base = 8 if "0o" in digits else 16 if "0x" in digits else 2 if "0b" in digits else 10
    return int(digits, base)


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_PLAIN: dict[str, Callable[[str], Any]] = {"int": _integer, "float": _float, "bool": _boolean, "null": lambda _: None}


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def read(source: str, name: str) -> Document:
    """Read one YAML document. Raises Invalid with the place, never anything else."""
    document = Document(name)
    try:
        if len(source) > _MAX_BYTES:
            raise ValueError("it is larger than 1 MB")
        node: Node | None = YAML(typ="safe", pure=True).compose(source)
    except Exception as error:  # the parser answers strange text with many classes
        document.problems.append(_explained(error, source))
        document.check()
    if node is None:
        document.report((), "the file is empty; begin with `change: NAME`")
    else:
        document.data = document.read(node)
    return document


def _explained(error: Exception, source: str) -> tuple[Place, str]:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = " ".join(str(error.problem or error.context).split())
        if "'\\t'" in problem:
            problem = "a tab; indent with spaces"
        return Place(mark.line + 1, mark.column + 1), f"not valid YAML: {problem}"
    if isinstance(error, ReaderError):
        before = source[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        return place, f"not text: character {error.character!r} is not allowed; is the file binary?"
    if isinstance(error, RecursionError):
        return Place(1, 1), "not valid YAML: nested too deeply"
    return Place(1, 1), f"not valid YAML: {error}"
