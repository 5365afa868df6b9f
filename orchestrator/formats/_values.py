"""What an expression of Python is, as far as it can be said without running it.

Why it exists: a migration in Python is somebody's program; it is read, never executed, so reading it needs no application, no
driver, and no trust.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from textwrap import dedent
from typing import Any

LONGEST = 50_000_000
"""Characters of a text that is put together; beyond it is not known."""
_METHODS = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "replace", "split", "removeprefix", "removesuffix"}
)
_SAME = frozenset({"bindparams", "execution_options", "columns", "compile"})
_PERCENT = re.compile(r"%(?!%|s|d|\((\w+)\)[sd])")


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
"""What only running the program would tell."""


class Guess(str):
    """A text in which names were made up for what is not known; ``:name`` where it may be a value as well."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Ref:
    """Something imported, or built in, by its full name."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What a call of something imported gives. ``keywords`` is None where ``**`` adds some that are not known; ``owner`` is what
    it was asked of.
    """

    path: tuple[str, ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] | None = field(default_factory=dict)
    owner: Made | None = None

    @property
    def kind(self) -> str:
        """The last word of its name."""
        return self.path[-1]

    def get(self, keyword: str, default: Any = None) -> Any:
        """The value of a keyword."""
        return UNKNOWN if self.keywords is None else self.keywords.get(keyword, default)


@dataclass(frozen=True, slots=True)
class Sql:
    """Text that is SQL and no value: ``sa.text("…")``."""

    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the file itself."""

    node: ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Batch:
    """What ``op.batch_alter_table`` gives."""

    table: Any
    schema: Any


Names = dict[str, Any]


def made(value: Any) -> Made | None:
    """Something made; a name without a call counts as one without arguments."""
    if isinstance(value, Ref):
        return Made(value.path)
    return value if isinstance(value, Made) else None


def is_guessed(found: Any) -> bool:
    """Whether a name was made up anywhere in it."""
    if isinstance(found, list | tuple):
        return any(map(is_guessed, found))
    if isinstance(found, dict):
        return any(map(is_guessed, found.values()))
    if isinstance(found, Made):
        return is_guessed(found.arguments) or is_guessed(found.keywords)
    return isinstance(found.text if isinstance(found, Sql) else found, Guess)


def value(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    """The value, UNKNOWN where running the program would be needed."""
    found = _KINDS.get(type(node)) if node is not None else None
    return UNKNOWN if found is None else found(node, names)


def _name(node: ast.Name, names: Mapping[str, Any]) -> Any:
    return names.get(node.id, Ref(("builtins", node.id)) if node.id in _BUILTINS else UNKNOWN)


_BUILTINS = frozenset(dir(builtins))


def _attribute(node: ast.Attribute, names: Mapping[str, Any]) -> Any:
    owner = value(node.value, names)
    if node.attr == "name" and isinstance(owner, Made | Ref) and owner.path[-1] == "dialect":
        return "postgresql"
    if isinstance(owner, Ref):
        return Ref((*owner.path, node.attr))
    return Made((*owner.path, node.attr), owner=owner) if isinstance(owner, Made) else UNKNOWN


def _joined(node: ast.JoinedStr, names: Mapping[str, Any]) -> Any:
    parts: list[Any] = []
    for each in node.values:
        if isinstance(each, ast.FormattedValue) and (each.format_spec is not None or each.conversion not in (-1, 115)):
            return UNKNOWN
        inner = each.value if isinstance(each, ast.FormattedValue) else each
        part = _or_guess(value(inner, names), inner)
        apart = not parts or not re.search(r"\w\Z", str(parts[-1]))
        parts.append(Guess(f":{part}") if isinstance(part, Guess) and inner is not each and apart else part)
    return _bounded("".join(map(str, parts)), parts)


def _or_guess(found: Any, node: ast.expr) -> Any:
    """What is no text gets a name after its expression."""
    if isinstance(found, str | int):
        return found
    return Guess(re.sub(r"\W+", "_", ast.unparse(node))[:40].strip("_").lower() or "computed")


def _bounded(text: str, parts: Iterable[Any] = ()) -> Any:
    """A text that was put together of parts, of which some may be guessed."""
    if len(text) > LONGEST:
        return UNKNOWN
    return Guess(text) if any(isinstance(each, Guess) for each in parts) else text


def _operation(node: ast.BinOp, names: Mapping[str, Any]) -> Any:
    left, right = value(node.left, names), value(node.right, names)
    if isinstance(node.op, ast.Add) and (isinstance(left, str) or isinstance(right, str)):
        left, right = _or_guess(left, node.left), _or_guess(right, node.right)
    if isinstance(node.op, ast.Add):
        for kind in (str, tuple, list):
            if isinstance(left, kind) and isinstance(right, kind):
                added = left + right  # type: ignore[operator]  # of one kind
                return _bounded(added, (left, right)) if isinstance(added, str) else added
    if isinstance(node.op, ast.Mod) and isinstance(left, str) and _PERCENT.search(left) is None:
        return _filled(left, right)
    return UNKNOWN


def _filled(text: str, given: Any) -> Any:
    several = given if isinstance(given, tuple) else tuple(given.values()) if isinstance(given, dict) else (given,)
    if not all(isinstance(each, str | int) for each in several):
        return UNKNOWN
    try:
        return _bounded(text % given, (text, *several))
    except (TypeError, KeyError, ValueError):
        return UNKNOWN


def _negative(node: ast.UnaryOp, names: Mapping[str, Any]) -> Any:
    inner = value(node.operand, names)
    if isinstance(node.op, ast.Not) and isinstance(inner, bool):
        return not inner
    return -inner if isinstance(node.op, ast.USub) and type(inner) in (int, float) else UNKNOWN


def _compare(node: ast.Compare, names: Mapping[str, Any]) -> Any:
    left, right = value(node.left, names), value(node.comparators[0], names)
    if len(node.ops) > 1 or not isinstance(left, str) or not isinstance(right, str | tuple | list):
        return UNKNOWN
    match node.ops[0]:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.In():
            return left in right
        case ast.NotIn():
            return left not in right
    return UNKNOWN


def _either(node: ast.IfExp, names: Mapping[str, Any]) -> Any:
    truth = value(node.test, names)
    return value(node.body if truth else node.orelse, names) if isinstance(truth, bool) else UNKNOWN


def _items(node: ast.Tuple | ast.List | ast.Set, names: Mapping[str, Any]) -> Any:
    found: list[Any] = []
    for each in node.elts:
        if isinstance(each, ast.Starred):
            inner = value(each.value, names)
            found += inner if isinstance(inner, list | tuple) else [UNKNOWN]
        else:
            found.append(value(each, names))
    return tuple(found) if isinstance(node, ast.Tuple) else found


def _mapping(node: ast.Dict, names: Mapping[str, Any]) -> Any:
    keys = [value(key, names) for key in node.keys]
    if not all(isinstance(key, str | int) for key in keys):
        return UNKNOWN
    return dict(zip(keys, (value(each, names) for each in node.values), strict=True))


def _call(node: ast.Call, names: Mapping[str, Any]) -> Any:
    function = value(node.func, names)
    if isinstance(function, Ref | Made):
        return _made(function, *arguments(node, names))
    if isinstance(node.func, ast.Attribute):
        return _method(value(node.func.value, names), node.func.attr, *arguments(node, names))
    return UNKNOWN


def arguments(node: ast.Call, names: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any] | None]:
    """The arguments of a call by place and by keyword; None for keywords that are not known."""
    by_place = _items(ast.List(node.args), names)
    by_keyword: dict[str, Any] = {}
    for each in node.keywords:
        given = value(each.value, names)
        if each.arg is not None:
            by_keyword[each.arg] = given
        elif isinstance(given, dict):
            by_keyword |= given
        else:
            return by_place, None
    return by_place, by_keyword


def _made(function: Ref | Made, given: list[Any], keywords: dict[str, Any] | None) -> Any:
    path, first = function.path, given[0] if given else UNKNOWN
    if path[0] == "sqlalchemy" and path[-1] in ("text", "DDL"):
        return Sql(first) if isinstance(first, str) else UNKNOWN
    if path == ("alembic", "op", "f") or path in (("builtins", "str"), ("builtins", "list"), ("builtins", "tuple")):
        return first
    if path[-2:] == ("textwrap", "dedent") or path == ("inspect", "cleandoc"):
        return _bounded(dedent(first), (first,)) if isinstance(first, str) else UNKNOWN
    return Made(path, tuple(given), keywords, function.owner if isinstance(function, Made) else None)


def _method(owner: Any, name: str, given: list[Any], keywords: dict[str, Any] | None) -> Any:
    if isinstance(owner, Sql) and name in _SAME:
        return owner
    if isinstance(owner, dict) and name in ("items", "keys", "values") and not given:
        return list(getattr(owner, name)())
    if not isinstance(owner, str) or keywords is None:
        return UNKNOWN
    if name in _METHODS and all(isinstance(each, str) for each in given):
        changed = getattr(owner, name)(*given)
        return _bounded(changed, (owner, *given)) if isinstance(changed, str) else changed
    if name == "join" and given and isinstance(given[0], list | tuple) and all(isinstance(e, str) for e in given[0]):
        return _bounded(owner.join(given[0]), (owner, *given[0]))
    return _formatted(owner, given, keywords) if name == "format" else UNKNOWN


def _formatted(text: str, given: list[Any], keywords: dict[str, Any]) -> Any:
    if not all(isinstance(each, str | int) for each in (*given, *keywords.values())):
        return UNKNOWN
    try:
        fields = [each for each in Formatter().parse(text) if each[1] is not None]
        plain = all(re.fullmatch(r"\w*", name or "") and not spec and not how for _, name, spec, how in fields)
        return _bounded(text.format(*given, **keywords), (text, *given, *keywords.values())) if plain else UNKNOWN
    except (ValueError, IndexError, KeyError):
        return UNKNOWN


_KINDS: dict[type[ast.expr], Callable[[Any, Mapping[str, Any]], Any]] = {
    ast.Constant: lambda node, names: node.value,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.JoinedStr: _joined,
    ast.BinOp: _operation,
    ast.UnaryOp: _negative,
    ast.Compare: _compare,
    ast.Tuple: _items,
    ast.List: _items,
    ast.Set: _items,
    ast.Dict: _mapping,
    ast.Call: _call,
    ast.IfExp: _either,
}
