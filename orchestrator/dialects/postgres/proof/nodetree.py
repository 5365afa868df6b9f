"""Reads pg_node_tree, the text in which PostgreSQL stores an analysed query.

Why it exists: after analysis every name is a number (table, attribute), so it says exactly what a statement reads and writes.
The server spells it that way for itself; nothing here depends on which fields a version's nodes have.
"""

from __future__ import annotations

import re
from typing import Any

Node = dict[str, Any]
"""A node: its fields by name, its kind under ``""``. A field is a text, a Node, a list of these, or a tuple of several texts."""

_TOKEN = re.compile(r'[(){}]|"(?:[^"\\]|\\.)*"|(?:\\.|[^\s(){}\\])+', re.DOTALL)


def parse(text: str) -> Any:
    """The tree. Raises ValueError for what is none."""
    tokens = _TOKEN.findall(text)
    tokens.reverse()
    found = _value(tokens)
    if tokens:
        raise ValueError("the tree has no end")
    return found


def _value(tokens: list[str]) -> Any:
    if not tokens:
        raise ValueError("the tree ends early")
    first = tokens.pop()
    if first == "(":
        return _list(tokens)
    return _node(tokens) if first == "{" else first


def _list(tokens: list[str]) -> list[Any]:
    found: list[Any] = []
    while tokens and tokens[-1] != ")":
        found.append(_value(tokens))
    if not tokens:
        raise ValueError("the tree ends early")
    tokens.pop()
    return found


def _node(tokens: list[str]) -> Node:
    found: Node = {"": tokens.pop() if tokens else ""}
    while tokens and tokens[-1] != "}":
        field = tokens.pop()
        values: list[Any] = []
        while tokens and tokens[-1] != "}" and not tokens[-1].startswith(":"):
            values.append(_value(tokens))
        found[field[1:]] = values[0] if len(values) == 1 else tuple(values)
    if not tokens:
        raise ValueError("the tree ends early")
    tokens.pop()
    return found
