"""An example on one point of the axes: under which names, in which schema, with which kind of key.

Why it exists: an example is written once, plainly. That an operation also copes with reserved words, quotes and composite
keys follows from playing the same example with every name and the key replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from orchestrator.operations._model import Name
from orchestrator.plugins import discover
from tests.conformance.example import Example, Fact, Place, Values

Side = Literal["old", "new"]
SIDES: tuple[Side, Side] = ("old", "new")
PART = 'the "kéy" of %s'


@dataclass(frozen=True)
class Key:
    """A kind of key. ``ddl`` is put to the table once its own primary key is gone; ``columns`` are computed from the id.

    ``partitioned`` is how the table is partitioned by its id, and ``partitions`` what makes its partitions.
    """

    name: str
    ddl: tuple[str, ...] = ()
    columns: Mapping[str, Callable[[int], str]] | None = None
    with_id: bool = False
    drops: bool = True
    partitioned: str = ""
    partitions: tuple[str, ...] = ()


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


_PART = '"' + PART.replace('"', '""') + '"'
_ADD = f"ALTER TABLE {{t}} ADD {_PART} "
_PRIMARY = f"ALTER TABLE {{t}} ADD PRIMARY KEY ({_PART})"
KEYS = (
    Key("own", drops=False),
    Key(
        "composite",
        (_ADD + "int NOT NULL DEFAULT 0", f"UPDATE {{t}} SET {_PART} = {{id}} % 7", _PRIMARY[:-1] + ", {id})"),
        {PART: lambda number: str(number % 7)},
        with_id=True,
    ),
    Key(
        "uuid",
        (
            _ADD + "uuid",
            f"UPDATE {{t}} SET {_PART} = ('00000000-0000-4000-8000-' || lpad(to_hex({{id}}), 12, '0'))::uuid",
            _PRIMARY,
        ),
        {PART: _uuid},
    ),
    Key("text", (_ADD + "text", f"UPDATE {{t}} SET {_PART} = 'ü' || {{id}}", _PRIMARY), {PART: lambda n: f"ü{n}"}),
    Key("none"),
    Key(
        "hash",
        drops=False,
        partitioned="HASH ({id})",
        partitions=(
            """CREATE TABLE "part 0" PARTITION OF {t} FOR VALUES WITH (MODULUS 2, REMAINDER 0)""",
            """CREATE TABLE "part 1" PARTITION OF {t} FOR VALUES WITH (MODULUS 2, REMAINDER 1)""",
        ),
    ),
    Key(
        "range",
        drops=False,
        partitioned="RANGE ({id})",
        partitions=(
            """CREATE TABLE "the first" PARTITION OF {t} FOR VALUES FROM (MINVALUE) TO (31)""",
            """CREATE TABLE "the ""next" PARTITION OF {t} FOR VALUES FROM (31) TO (1011) PARTITION BY HASH ({id})""",
            """CREATE TABLE "next 0" PARTITION OF "the ""next" FOR VALUES WITH (MODULUS 2, REMAINDER 0)""",
            """CREATE TABLE "next 1" PARTITION OF "the ""next" FOR VALUES WITH (MODULUS 2, REMAINDER 1)""",
            """CREATE TABLE "the rest" PARTITION OF {t} DEFAULT""",
        ),
    ),
    Key(
        "list",
        partitioned="LIST ({id})",
        partitions=(
            """CREATE TABLE "some" PARTITION OF {t} FOR VALUES IN (2, 3, 5, 7, 11, 13, 1001, 1003, 1005, 1007, 1009)""",
            """CREATE TABLE "all others" PARTITION OF {t} DEFAULT""",
        ),
    ),
)


@dataclass(frozen=True)
class Scene:
    """``example`` has its names replaced already; ``schema`` is where its objects are created."""

    example: Example
    schema: str
    key: Key

    @property
    def tables(self) -> dict[Side, str]:
        """The table under load in each shape that has one."""
        place = self.example.place()
        found: dict[Side, str] = {}
        if place.old is not None:
            found["old"] = place.old
        if place.new is not None:
            found["new"] = place.new
        return found

    def key_values(self, number: int) -> dict[str, str]:
        """The columns of the key besides the id."""
        return {name: value(number) for name, value in (self.key.columns or {}).items()}


_WORD = re.compile(
    r"""(?P<skip>'(?:[^']|'')*'|--[^\n]*)|"(?P<quoted>(?:[^"]|"")+)"|(?P<word>[A-Za-z_][A-Za-z_0-9]*)""", re.ASCII
)
_RESERVED = ("select", "table", "user", "order", "group", "where", "from", "check", "column", "default", "end", "all")


def hostile(names: frozenset[str]) -> dict[str, str]:
    """A name for each name that breaks whoever does not quote: reserved words, capitals, quotes, blanks, %, {}, unicode."""
    found = {}
    for number, name in enumerate(sorted(names)):
        reserved = number % 3 == 1 and number // 3 < len(_RESERVED)
        found[name] = _RESERVED[number // 3] if reserved else f'{name.title()} "%s" {{}} \'ö\\{number}'
    return found


def renamed(example: Example, names: Mapping[str, str], schema: str, types: frozenset[str]) -> Example:
    """The example under other names, its tables and types spelled with their schema in the change."""
    rename = _Renamer(names, schema, types)
    place = example.place()
    return example.model_copy(
        update={
            "setup": rename.sql(example.setup),
            "plain": rename.sql(example.plain),
            "change": rename.change(example.change),
            "table": Place(old=rename.name(place.old), new=rename.name(place.new)),
            "facts": tuple(rename.fact(fact) for fact in example.facts),
            "others": rename.values(example.others),
            "key": rename.name(example.key),
            "by_chance": tuple(str(rename.name(name)) for name in example.by_chance),
        }
    )


class _Renamer:
    def __init__(self, names: Mapping[str, str], schema: str, types: frozenset[str]) -> None:
        self._names, self._schema, self._types = names, schema, types

    def name(self, name: str | None) -> str | None:
        return None if name is None else self._names.get(name, name)

    def sql(self, text: str, *, qualify: bool = False) -> str:
        def replaced(found: re.Match[str]) -> str:
            word = found["quoted"] or (found["word"] or "").lower()
            if word not in self._names:
                return found[0]
            prefix = quoted(self._schema) + "." if qualify and word in self._types else ""
            return prefix + quoted(self._names[word])

        return _WORD.sub(replaced, text)

    def values(self, values: Values) -> Values:
        return {str(self.name(name)): [self.sql(text) for text in texts] for name, texts in values.items()}

    def fact(self, fact: Fact) -> Fact:
        return Fact(
            old=self.values(fact.old),
            new=self.values(fact.new),
            lossy=self.values(fact.lossy),
            one_way=fact.one_way,
            unique=fact.unique,
            up={str(self.name(name)): self.sql(text) for name, text in fact.up.items()},
            down={str(self.name(name)): self.sql(text) for name, text in fact.down.items()},
        )

    def change(self, change: Mapping[str, Any]) -> dict[str, Any]:
        operations = [
            {word: self._body(discover("orchestrator.operations")[word], body) for word, body in operation.items()}
            for operation in change["operations"]
        ]
        return {**change, "operations": operations}

    def _body(self, model: Any, body: Mapping[str, Any]) -> dict[str, Any]:
        return {field: self._value(model.model_fields[field], field, value) for field, value in body.items()}

    def _value(self, field: Any, key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(field, key, each) for each in value]
        if isinstance(value, dict):
            inner = _model_in(field.annotation)
            if inner is not None and value.keys() <= inner.model_fields.keys():
                return self._body(inner, value)
            return {str(self.name(name)): self._value(field, key, each) for name, each in value.items()}
        if isinstance(value, dict) and (inner := _model(field.annotation)) is not None:
            return self._body(inner, value)
        if not isinstance(value, str):
            return value
        if key in ("table", "references"):
            return f"{quoted(self._schema)}.{quoted(str(self.name(value)))}"
        if _is_name(field.metadata, field.annotation):
            return self.name(value)
        return self.sql(value, qualify=True)


_NAME = get_args(Name)[1]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of which a field holds one, a list, or a mapping by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _model(annotation: Any) -> Any:
    """The model inside an annotation, if there is one."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model(each)) is not None), None)


def _is_name(metadata: Iterable[Any], annotation: Any) -> bool:
    """Whether a field holds identifiers (``Name``, also in a list or an option), not SQL."""
    held = get_args(annotation)
    values = held[1:] if get_origin(annotation) is dict else held
    inner = (_is_name(getattr(each, "__metadata__", ()), each) for each in values)
    return _NAME in metadata or any(inner)


def quoted(name: str) -> str:
    """An identifier as SQL spells it."""
    return '"' + name.replace('"', '""') + '"'


def change_file(scene: Scene, change: str, more: Mapping[str, Any]) -> str:
    """The text of a change file for the scene (JSON is YAML)."""
    return json.dumps({"change": change, **scene.example.change, **more}, ensure_ascii=False)
