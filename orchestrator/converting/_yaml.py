"""Changes as the text of change files.

Why it exists: people read and edit what is emitted, so an operation is one line, in the order in which its page explains it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from orchestrator.converting._model import Request
from orchestrator.converting._run import Converted


@dataclass(frozen=True, slots=True)
class Written:
    """A change file: its change and its text."""

    change: str
    text: str


def files(found: Converted, change: str, title: str) -> tuple[Written, ...]:
    """The change files of a script, in the order in which they are to be completed; the first has the id ``change``."""
    every = ids(change, len(found.changes))
    named = zip(every, found.changes, strict=True)
    return tuple(
        Written(each, text_of(each, title if len(every) == 1 else f"{title}, {number} of {len(every)}", requests))
        for number, (each, requests) in enumerate(named, 1)
    )


def change_id(name: str) -> str:
    """A change's id from the name of a file."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words[:56].rstrip("-") or "change"


def ids(base: str, count: int) -> tuple[str, ...]:
    """The ids of several changes, in order."""
    return tuple(base if number == 0 else f"{base}-{number + 1}" for number in range(count))


def text_of(change: str, title: str, requests: Sequence[Request]) -> str:
    """The change file."""
    document = CommentedMap({"change": change, "title": title})
    document["operations"] = CommentedSeq([CommentedMap({each.word: _flow(each.body)}) for each in requests])
    if any(each.by_views for each in requests):
        document["switch_reads"] = _flow({"by": "views"})
    yaml = YAML()
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _flow(value: Any) -> Any:
    if isinstance(value, dict):
        made: Any = CommentedMap({word: _flow(each) for word, each in value.items()})
    elif isinstance(value, list | tuple):
        made = CommentedSeq([_flow(each) for each in value])
    else:
        return value
    made.fa.set_flow_style()
    return made
