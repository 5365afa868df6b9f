"""The change file: one YAML file, read into checked values.

Why it exists: it is the only thing people write, often in a hurry. Whatever is wrong with it is said at once, each
problem with line, column and the nearest valid key, and nothing is guessed.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SkipValidation,
    ValidationError,
    WithJsonSchema,
)

from orchestrator import marked
from orchestrator.core.errors import Invalid, OrchError
from orchestrator.core.gate import GatePolicy
from orchestrator.core.plan import Operation, Query, Settings
from orchestrator.core.reading import Readers
from orchestrator.sections import (
    BackfillSettings,
    Gates,
    Line,
    ReaderSettings,
    RehearsalSettings,
    Seconds,
    Section,
    Verification,
)
from orchestrator.switching import SwitchSettings

GATES = ("expand", "backfill", "switch_reads", "contract", "purge")


class ChangeFile(Section):
    """A change file. ``title`` is the id where none is given."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    change: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: Line = Field(default_factory=lambda known: known.get("change", ""))
    target: Line | None = None
    operations: tuple[Annotated[SkipValidation[Operation], WithJsonSchema({})], ...]
    backfill: BackfillSettings = BackfillSettings()
    switch_reads: SwitchSettings = SwitchSettings()
    verify: tuple[Verification, ...] = ()
    gates: Gates = Gates()
    park: Seconds = 7 * 86400.0
    triggers: Literal["fire", "skip"] | None = None
    readers: ReaderSettings = ReaderSettings()
    rehearse: RehearsalSettings | None = None
    _words: tuple[str, ...] = PrivateAttr(())

    def settings(self) -> Settings:
        """What shapes the Steps."""
        return Settings(
            change_id=self.change,
            park=self.park,
            batch_rows=self.backfill.batch_rows,
            statement_time=self.backfill.statement_time,
            max_replica_lag=self.backfill.max_replica_lag,
            triggers=self.triggers,
            views=self.switch_reads.views(self.change),
            ramp=self.switch_reads.ramp or (),
            each=self.switch_reads.stands(),
        )

    def watched(self) -> Readers:
        """How it is found out who still reads the old shape."""
        found = self.readers
        return Readers(
            found.statements, found.period, found.accept, found.old_versions, found.reason or "", found.new_versions
        )

    def queries(self) -> tuple[Query, ...]:
        """The change's own verify queries; ``expect`` as text, booleans and null as true, false, null."""
        return tuple(Query(each.name, each.sql, each.expect) for each in self.verify)

    def policies(self) -> Mapping[str, GatePolicy]:
        """What every gate asks for, defaults filled in."""
        found = {}
        for name in GATES:
            gate = getattr(self.gates, name)
            soak = self.park if gate.soak is None else gate.soak
            found[name] = GatePolicy(gate.approvals, soak, gate.window, gate.expires)
        return found

    def definition(self) -> dict[str, Any]:
        """Canonical JSON, defaults filled in: what the Registry stores. It is itself a valid change file."""
        found = self.model_dump(mode="json", exclude={"operations"}, exclude_none=True)
        named = zip(self._words, self.operations, strict=True)
        found["operations"] = [{word: _dump(operation)} for word, operation in named]
        return found


def _dump(operation: Any) -> dict[str, Any]:
    return operation.model_dump(mode="json", exclude_none=True)  # type: ignore[no-any-return]


def read(path: str) -> str:
    """The text of a change file, ``-`` being standard input. Raises Invalid."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else FilePath(path).read_bytes()
        return data.decode()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", "check the file's name") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Invalid(f"{path}:{line}:1: not UTF-8 text; is the file binary?", "name a YAML file") from None


def parse(source: str, path: str, operations: Mapping[str, Any]) -> ChangeFile:
    """Read a change file. Raises Invalid with every problem as ``path:line:column: message``."""
    document = marked.read(source, path)
    if not isinstance(document.data, dict):
        document.report((), "a change file is a mapping; begin with `change: NAME`")
        document.check()
    requested = _requested(document, operations)
    frame = {**document.data}
    if "operations" in frame:
        frame["operations"] = tuple(model for _, model in requested)
    found: ChangeFile | None = _validated(ChangeFile, frame, document, ())
    if found is not None:
        _consistent(found, document)
    document.check()
    assert found is not None  # noqa: S101 - check() raised otherwise
    found._words = tuple(word for word, _ in requested)
    return found


def _requested(document: marked.Document, operations: Mapping[str, Any]) -> list[tuple[str, Operation]]:
    items = document.data.get("operations", [])
    here = ("operations",)
    if "operations" in document.data and (not isinstance(items, list) or not items):
        document.report(here, f"operations is a list with at least one of: {_list(operations)}")
        return []
    found = []
    for at, item in enumerate(items):
        path = (*here, at)
        if not isinstance(item, dict) or len(item) != 1:
            document.report(path, f"one operation per `-`, as `- NAME: {{…}}`: {_list(operations)}")
            continue
        ((word, body),) = item.items()
        if word not in operations:
            message = f"unknown operation {word!r}; {_nearest(word, operations)}"
            document.report((*path, word), message, key=True)
            continue
        model = _operation(operations[word], body, document, (*path, word))
        found += [(word, model)] if model is not None else []
    return found


def _operation(model: Any, body: Any, document: marked.Document, path: marked.Path) -> Any:
    try:
        return _validated(model, json.dumps({} if body is None else body), document, path)
    except OrchError as error:
        document.report(path, str(error))
        return None


def _validated(model: Any, data: Any, document: marked.Document, path: marked.Path) -> Any:
    """The model of ``data`` (JSON text for operations, whose strictness then still lets a list be a tuple)."""
    try:
        if isinstance(data, str):
            return model.model_validate_json(data)
        return model.model_validate(data)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            key = problem["type"] in ("extra_forbidden", "missing")
            if problem["type"] != "default_factory_not_called":  # what it needs is reported itself
                document.report((*path, *problem["loc"]), _sentence(model, problem), key=key)
        return None


def _consistent(found: ChangeFile, document: marked.Document) -> None:
    names = [each.name for each in found.verify]
    for at, name in enumerate(names):
        if name in names[:at]:
            document.report(("verify", at, "name"), f"a second query is named {name!r}")
    signals = [each.name for each in found.backfill.signals]
    for at, name in enumerate(signals):
        if name in signals[:at]:
            document.report(("backfill", "signals", at, "name"), f"a second signal is named {name!r}")
    if found.backfill.max_latency is not None and found.backfill.probe is None:
        document.report(
            ("backfill", "max_latency"), "max_latency needs a `probe`, the statement whose latency is meant", key=True
        )
    _switch_is_consistent(found.switch_reads, document)
    if found.readers.reason is None and (found.readers.statements == "none" or found.readers.accept):
        document.report(("readers",), "`statements: none` and `accept` need a `reason`, which approvers are shown")
    if found.park == 0 and "purge" in found.gates.model_fields_set:
        document.report(("gates", "purge"), "with `park: 0` nothing is parked, so there is no purge gate", key=True)


def _switch_is_consistent(switch: SwitchSettings, document: marked.Document) -> None:
    if switch.deploy is not None and switch.by != "external":
        document.report(("switch_reads", "deploy"), "only `by: external` waits for a deploy", key=True)
    if switch.in_schema is not None and switch.by != "views":
        document.report(("switch_reads", "in_schema"), "only `by: views` makes a schema of views", key=True)
    if switch.ramp and switch.by == "external":
        document.report(("switch_reads", "ramp"), "a deploy goes up its own ramp: orch sees only its end", key=True)
    if switch.each is not None and not switch.ramp:
        document.report(("switch_reads", "each"), "there is no `ramp` whose parts could stand so long", key=True)


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _sentence(model: Any, problem: Any) -> str:
    """A problem of pydantic's in our words."""
    kind, value = problem["type"], problem["input"]
    name = next((part for part in reversed(problem["loc"]) if isinstance(part, str)), "this")
    if kind == "extra_forbidden":
        return f"unknown key {name!r}; {_nearest(name, _keys(model, problem['loc'][:-1]))}"
    if kind == "missing":
        return f"{name!r} is missing"
    if kind in ("value_error", "assertion_error"):
        return f"{name}: {problem['ctx']['error']}"
    if kind == "string_pattern_mismatch" and name == "change":
        return f"{value!r} is not a change id: small letters, digits and -, 63 at most"
    if kind not in _EXPECTED:
        return f"{name}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
    hint = f"; quote it: '{value}'" if kind == "string_type" and _is_scalar(value) else ""
    return f"{name} must be {_EXPECTED[kind]}, not {_kind(value)}{hint}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    names = {dict: "a mapping", list: "a list", tuple: "a list", str: "text", bool: "a boolean"}
    return names.get(type(value), f"the number {value}")


def _keys(model: Any, path: tuple[str | int, ...]) -> Iterable[str]:
    """The keys that are valid at ``path`` below a model."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation) or model
    return tuple(model.model_fields)


def _inner(annotation: Any) -> Any:
    """The model inside an annotation such as ``tuple[Model, ...]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _inner(arg))), None)


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else f"valid: {_list(known)}"


def json_schema(operations: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of change files, for editors."""
    schema = ChangeFile.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    choices = []
    for word in sorted(operations):
        body = operations[word].model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(body.pop("$defs", {}))
        definitions[word] = body
        choices.append(
            {
                "type": "object",
                "properties": {word: {"$ref": f"#/$defs/{word}"}},
                "required": [word],
                "additionalProperties": False,
            }
        )
    items = {"oneOf": choices} if choices else {}
    schema["properties"]["operations"] = {"type": "array", "minItems": 1, "items": items}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
