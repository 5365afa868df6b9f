"""What a later statement adds to an operation of an earlier one: NOT NULL after a fill, a comment, the default of a new type.

Why it exists: a migration says in five statements what is one operation; five changes, one after the other, would each take
through all phases what one change can.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.converting._filling import last
from orchestrator.converting._model import Place, Request, place
from orchestrator.converting.create_table import folded
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Name


def fold(requests: list[Request], act: Act, number: int) -> list[Request] | None:
    """The Requests with what the Act adds to one of them; None where it is an operation of its own."""
    match act:
        case acts.SetNotNull():
            return _not_null(requests, act, number)
        case acts.SetDefault():
            return _default(requests, act, number)
        case acts.ValidateConstraint():
            return _validated(requests, act, number)
        case acts.Comment() | acts.CreateIndex() | acts.AddConstraint():
            return _into_new(requests, act, number)
        case _:
            return None


def _at(requests: list[Request], found: int, made: Request, number: int) -> list[Request]:
    return [*requests[:found], replace(made, parts=(*made.parts, number)), *requests[found + 1 :]]


def _not_null(requests: list[Request], act: acts.SetNotNull, number: int) -> list[Request] | None:
    found = last(requests, (place(act.table), act.column))
    if found is None:
        return None
    before = requests[found]
    if before.word == "set_not_null" and before.lacks:
        return _at(requests, found, replace(before, lacks=""), number)
    if before.word == "add_column" and before.body.keys() & {"fill", "default"}:
        return _at(requests, found, before.given(not_null=True), number)
    return None


def _default(requests: list[Request], act: acts.SetDefault, number: int) -> list[Request] | None:
    """The default of a column that has just got another type; a DROP DEFAULT that made way for that is part of it."""
    here: Place = (place(act.table), act.column)
    found = last(requests, here)
    if found is None or found < 1 or requests[found - 1].word != "change_type" or here not in requests[found - 1].takes:
        return None
    made = requests[found - 1].given(default=act.default.said())
    made = replace(made, notes=tuple(note for note in made.notes if "needs default:" not in note))
    changed = [*requests[: found - 1], replace(made, parts=(*made.parts, number)), *requests[found:]]
    dropped = last(changed[: found - 1], here)
    if dropped is None or changed[dropped].word != "drop_default":
        return changed
    whole = replace(changed[found - 1], parts=(*changed[found - 1].parts, *changed[dropped].parts))
    return [*changed[:dropped], *changed[dropped + 1 : found - 1], whole, *changed[found:]]


def _validated(requests: list[Request], act: acts.ValidateConstraint, number: int) -> list[Request] | None:
    here = (place(act.table), f"constraint {act.name}")
    for found in reversed(range(len(requests))):
        if here in requests[found].touches:
            return _at(requests, found, requests[found], number) if requests[found].word.startswith("add_") else None
    return None


def _into_new(requests: list[Request], act: acts.Comment | acts.TableAct, number: int) -> list[Request] | None:
    """A comment on a new column; whatever a new table can take, if nothing has to do with it yet."""
    table: Name = act.table
    things = (
        [(place(table), "*"), (place(table), act.column)] if isinstance(act, acts.Comment) else [(place(table), "*")]
    )
    met = [
        found
        for found, each in enumerate(requests)
        if any(thing[0] == place(table) for thing in each.touches | each.reads)
    ]
    if not met:
        return None
    found = met[-1]
    before = requests[found]
    if before.word == "create_table" and len(met) == 1 and things[0] in before.touches:
        made = folded(before, act)
        return None if made is None else _at(requests, found, made, number)
    if isinstance(act, acts.Comment) and act.column:
        found_column = last(requests, things[1])
        if found_column is not None and requests[found_column].word == "add_column" and act.text:
            return _at(requests, found_column, requests[found_column].given(comment=act.text), number)
    return None
