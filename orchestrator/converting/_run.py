"""One script through all converters: every Part of it ends as converted, passed through, or not understood.

Why it exists: the one promise of converting is that nothing of a script gets lost. So each Part has exactly one Verdict, and a
conversion counts only if it says in SQL what the Part says.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from orchestrator.converting import _levels, _passing
from orchestrator.converting._filling import filled
from orchestrator.converting._folding import fold
from orchestrator.converting._model import Converter, Part, Place, Request, Seen, Unclear, place
from orchestrator.core.errors import OrchError
from orchestrator.core.known import Known
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Name
from orchestrator.dialects.postgres.script.reading import Statement, read
from orchestrator.dialects.postgres.script.saying import names, parts, same
from orchestrator.plugins import discover

When = Literal["before", "after", "never"]
NO_OPERATION = "orch has no operation for it, and it is not known to be harmless"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a Part. ``when`` says of one that passes through when it runs; never: it is not needed."""

    part: Part
    kind: Literal["converted", "passed", "left"]
    why: str = ""
    when: When = "before"
    changes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Converted:
    """A script as changes, one after the other, with a Verdict for every Part of it, in order."""

    changes: tuple[tuple[Request, ...], ...]
    verdicts: tuple[Verdict, ...]

    def of(self, kind: str) -> tuple[Verdict, ...]:
        """The Verdicts of one kind."""
        return tuple(verdict for verdict in self.verdicts if verdict.kind == kind)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person must look at."""
        return tuple(dict.fromkeys(note for change in self.changes for each in change for note in each.notes))


def convert(text: str, known: Known | None = None, answers: Mapping[str, str] | None = None) -> Converted:
    """Convert a script. ``answers``: ``table.column`` → the expression that leads back. Never raises for what is in it."""
    found = tuple(_parts(text))
    run = _Run(found, Seen(known, dict(answers or {}), _validated(found)))
    for number in range(len(found)):
        run.take(number)
    return run.ended()


def _parts(text: str) -> Iterator[Part]:
    ends = [found.start() for found in re.finditer("\n", text)]
    for statement in read(text):
        said = parts(statement.text) if not statement.error else (statement.text,)
        if len(said) == 1:
            yield Part(statement.text, bisect_left(ends, statement.start) + 1, _act(statement), statement.error)
            continue
        at = [act.at for act in statement.acts]
        for each, start in zip(said, at if len(at) == len(said) else [statement.start] * len(said), strict=True):
            (one,) = read(each)
            yield Part(each, bisect_left(ends, start) + 1, _act(one), one.error)


def _act(statement: Statement) -> Act | None:
    return statement.acts[0] if len(statement.acts) == 1 else None


def _validated(found: tuple[Part, ...]) -> frozenset[Place]:
    validating = [part.act for part in found if isinstance(part.act, acts.ValidateConstraint)]
    return frozenset((place(act.table), act.name) for act in validating)


def _converters() -> dict[type[Act], Converter]:
    every: list[Converter] = list(discover("orchestrator.converting").values())
    return {kind: each for each in every for kind in each.kinds}


@dataclass
class _Run:
    parts: tuple[Part, ...]
    seen: Seen
    requests: list[Request] = field(default_factory=list)
    passed: dict[int, str] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    converters: dict[type[Act], Converter] = field(default_factory=_converters)

    def take(self, number: int) -> None:
        part = self.parts[number]
        act = part.act
        if part.error or act is None:
            self.left[number] = part.error or "it does several things at once, or nothing"
            return
        table = getattr(act, "table", None)
        try:
            if isinstance(table, Name) and place(table) in self.plain:
                raise Unclear(NO_OPERATION)
            self.requests = self._with(part, act, number)
            if isinstance(act, acts.Rename):
                self.seen = self.seen.renamed(act)
        except Unclear as unclear:
            self._otherwise(number, act, str(unclear))

    def _with(self, part: Part, act: Act, number: int) -> list[Request]:
        """The Requests with what the Part asks for. Raises Unclear."""
        if isinstance(act, acts.Modify):
            return [*map(_checked, filled(self.requests, act, part, number))]
        if isinstance(act, acts.ValidateConstraint):
            found = fold(self.requests, act, number)
            if found is None:
                raise Unclear(NO_OPERATION)
            return found
        converter = self.converters.get(type(act))
        if converter is None:
            raise Unclear(NO_OPERATION)
        conversion = converter.convert(act, self.seen)
        if not same(conversion.said, part.sql):
            raise Unclear(f"it says more than orch's operation can, which is: {conversion.said}")
        folded = fold(self.requests, act, number)
        if folded is not None:
            return [*map(_checked, folded)]
        made = (replace(request, parts=(number,)) for request in conversion.requests)
        return [*self.requests, *map(_checked, made)]

    def _otherwise(self, number: int, act: Act, why: str) -> None:
        unneeded = _passing.unneeded(act)
        harmless = unneeded or _passing.harmless(act, frozenset(self.plain))
        if not harmless:
            self.left[number] = why
            return
        self.passed[number] = harmless
        if isinstance(act, acts.CreateTable) and not act.if_not_exists:
            self.plain.add(place(act.table))

    def ended(self) -> Converted:
        order = self._order()
        for number, when in order.items():
            if when == "after":
                self._needed_too_early(number)
        for request in [each for each in self.requests if each.lacks]:
            self._leave(request.parts, request.lacks)
        while self._left_behind():
            pass
        changes = _levels.changes(self.requests)
        where = {
            number: tuple(at for at, change in enumerate(changes) if any(number in each.parts for each in change))
            for number in range(len(self.parts))
        }
        return Converted(changes, tuple(self._verdict(number, order, where) for number in range(len(self.parts))))

    def _verdict(self, number: int, order: Mapping[int, When], where: Mapping[int, tuple[int, ...]]) -> Verdict:
        part = self.parts[number]
        if number in self.left:
            return Verdict(part, "left", self.left[number])
        if number in self.passed:
            return Verdict(part, "passed", self.passed[number], order[number])
        if not where[number]:
            return Verdict(part, "left", NO_OPERATION)
        return Verdict(part, "converted", changes=where[number])

    def _order(self) -> dict[int, When]:
        """When each Part that passes runs: after the changes if it speaks of what an earlier Part changes or makes then."""
        order: dict[int, When] = {}
        late: set[str] = set()
        for number in self.passed:
            act = self.parts[number].act
            if act is None or _passing.unneeded(act):
                order[number] = "never"
                continue
            earlier = [each for each in self.requests if min(each.parts) < number]
            changed = {word for each in earlier for table, thing in each.touches for word in (*table.split("."), thing)}
            said = names(self.parts[number].sql)
            words = {word for text in said for word in re.findall(r"[\w$]+", text)} | said
            order[number] = "after" if words & ((changed - {"*", "public", "key", ""}) | late) else "before"
            late |= {_passing.made(act)} - {""} if order[number] == "after" else set()
        return order

    def _needed_too_early(self, number: int) -> None:
        """Leave Parts that need what runs after them."""
        act = self.parts[number].act
        name = _passing.made(act) if act is not None else ""
        for later in range(number + 1, len(self.parts)):
            if name and later not in self.left and later not in self.passed and name in names(self.parts[later].sql):
                self._leave((later,), f"it needs {name}, which is made after a change only: split the file there")

    def _left_behind(self) -> bool:
        """Leave Requests that need what a Part makes that is left; whether there were any."""
        for number in sorted(self.left):
            made = _makes(self.parts[number].act)
            for request in self.requests:
                if made is not None and min(request.parts) > number and _names(request, made):
                    line = self.parts[number].line
                    self._leave(request.parts, f"it needs what line {line} makes, which is not understood")
                    return True
        return False

    def _leave(self, numbers: tuple[int, ...], why: str) -> None:
        """Take Requests out, and leave all Parts that they came from."""
        going = set(numbers)
        while more := {number for each in self.requests if going & set(each.parts) for number in each.parts} - going:
            going |= more
        self.requests = [each for each in self.requests if not going & set(each.parts)]
        for number in going:
            self.left.setdefault(number, why)


def _makes(act: Act | None) -> Place | None:
    """The column or table of a Part that is new, by its new name."""
    match act:
        case acts.AddColumn(table=table, column=column):
            return place(table), column.name
        case acts.CreateTable(table=table):
            return place(table), "*"
        case acts.Rename(kind="column", table=Name() as table, new=new):
            return place(table), new
        case acts.Rename(kind="table", table=Name() as table, new=new):
            return place(Name(table.schema, new)), "*"
        case _:
            return None


def _names(request: Request, made: Place) -> bool:
    table, thing = made
    return any(other == table and thing in ("*", part) for other, part in request.touches | request.reads)


def _checked(request: Request) -> Request:
    """See that the operation accepts it. Raises Unclear."""
    if request.lacks:
        return request
    model: Any = discover("orchestrator.operations")[request.word]
    try:
        model.model_validate_json(json.dumps(request.body))
    except (ValidationError, OrchError) as error:
        problems = error.errors(include_url=False) if isinstance(error, ValidationError) else []
        why = problems[0]["msg"].removeprefix("Value error, ") if problems else str(error)
        raise Unclear(f"{request.word} refuses it: {why}") from None
    return request
