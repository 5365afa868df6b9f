"""The change file: what is valid, and where exactly it is not."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.change import ChangeFile, json_schema, parse, read
from orchestrator.core.errors import Invalid
from orchestrator.core.gate import GatePolicy
from orchestrator.core.plan import Query, Settings
from orchestrator.plugins import discover
from tests.conformance.example import Case, cases

OPERATIONS = discover("orchestrator.operations")
EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))
WHOLE = """\
change: orders-customer-email
title: Rename orders.email to customer_email
target: shop
operations:
  - rename_column: {table: orders, column: email, to: customer_email}
backfill: {statement_time: 100ms, max_replica_lag: 5s, lanes: 1}
switch_reads: {by: flag}
verify:
  - name: no empty addresses
    sql: select count(*) from orders where customer_email = ''
    expect: 0
gates:
  contract: {approvals: 2, soak: 24h, window: "mon-thu 09:00-16:00 Europe/Berlin"}
park: 7d
"""
SMALL = "change: a\noperations:\n  - drop_column: {table: orders, column: note}\n"
LIST = ", ".join(sorted(OPERATIONS))
KEYS = "backfill, change, gates, operations, park, readers, rehearse, switch_reads, target, title, triggers, verify"


def parsed(source: str) -> ChangeFile:
    return parse(source, "x.yaml", OPERATIONS)


def problems(source: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parsed(source)
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    return caught.value.message.splitlines()


def test_a_whole_file() -> None:
    file = parsed(WHOLE)
    assert file.change == "orders-customer-email"
    assert file.target == "shop"
    assert [type(each).__name__ for each in file.operations] == ["RenameColumn"]
    assert file.settings() == Settings("orders-customer-email", 604800.0, 1000, 0.1, 5.0, None)
    sql = "select count(*) from orders where customer_email = ''"
    assert file.queries() == (Query("no empty addresses", sql, "0"),)
    window = "mon-thu 09:00-16:00 Europe/Berlin"
    assert file.policies()["contract"] == GatePolicy(2, 86400.0, window, 86400.0)


def test_defaults() -> None:
    file = parsed(SMALL)
    assert file.title == "a"
    assert file.target is None
    assert file.policies() == {
        "expand": GatePolicy(),
        "backfill": GatePolicy(),
        "switch_reads": GatePolicy(),
        "contract": GatePolicy(soak=3600.0),
        "purge": GatePolicy(soak=604800.0),
    }
    assert parsed(SMALL + "park: 2d\n").policies()["purge"].soak == 172800.0
    assert parsed(SMALL + "gates: {purge: {soak: 1h}}\n").policies()["purge"].soak == 3600.0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid_and_their_definition_is_a_change_file(path: Path) -> None:
    file = parse(read(str(path)), str(path), OPERATIONS)
    again = parse(json.dumps(file.definition()), "stored.json", OPERATIONS)
    assert again.definition() == file.definition()
    assert again.operations == file.operations
    assert again.policies() == file.policies()


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_definition_of_every_operation_is_a_change_file(case: Case) -> None:
    file = parse(json.dumps({"change": "a", **case.example.change}), "a.json", OPERATIONS)
    again = parse(json.dumps(file.definition()), "stored.json", OPERATIONS)
    assert again.operations == file.operations


@pytest.mark.parametrize(
    ("yaml", "text"),
    [("0", "0"), ("'0'", "0"), ("true", "true"), ("null", "null"), ("~", "null"), ("0x10", "16")],
)
def test_expect_is_compared_as_text(yaml: str, text: str) -> None:
    source = SMALL + f"verify: [{{name: n, sql: select 1, expect: {yaml}}}]\n"
    assert parsed(source).queries() == (Query("n", "select 1", text),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("parc: 7d", "x.yaml:4:1: unknown key 'parc'; did you mean 'park'?"),
        ("xyzzy: 7d", f"x.yaml:4:1: unknown key 'xyzzy'; valid: {KEYS}"),
        ("park: 7", "x.yaml:4:7: park: 7 has no unit; write for example 30s, 5min, 24h or 7d"),
        ("park: yes", "x.yaml:4:7: park: 'yes' is not a duration; write for example"),
        ("park: true", "x.yaml:4:7: park: a duration is a text such as"),
        ("park: 99999d", "x.yaml:4:7: park: '99999d' is longer than ten years"),
        ("backfill: {lanes: '1'}", "x.yaml:4:19: lanes must be a whole number, not text"),
        ("backfill: {lane: 1}", "x.yaml:4:12: unknown key 'lane'; did you mean 'lanes'?"),
        ("backfill: [1]", "x.yaml:4:11: backfill must be a mapping, not a list"),
        ("backfill: {batch_rows: 0}", "x.yaml:4:24: batch_rows: input should be greater than"),
        ("switch_reads: {in_schema: v2}", "x.yaml:4:16: only `by: views` makes a schema of views"),
        (
            "switch_reads: {by: views, in_schema: pg_x}",
            "x.yaml:4:38: in_schema: 'pg_x' is not a schema of a version's own",
        ),
        ("switch_reads: {by: views, in_schema: ''}", "x.yaml:4:38: in_schema: a schema is a name of 1 to 63 bytes"),
        ("switch_reads: {deploy: shop}", "x.yaml:4:16: only `by: external` waits for a deploy"),
        ("switch_reads: {ramp: [50, 10]}", "x.yaml:4:22: ramp: a ramp goes up: each percentage is more than"),
        ("switch_reads: {ramp: [0]}", "x.yaml:4:23: ramp: input should be greater than or equal to 1"),
        ("switch_reads: {ramp: [10, 100]}", "x.yaml:4:27: ramp: input should be less than or equal to 99"),
        ("switch_reads: {each: 1m}", "x.yaml:4:16: there is no `ramp` whose parts could stand so long"),
        ("switch_reads: {by: external, ramp: [1]}", "x.yaml:4:30: a deploy goes up its own ramp"),
        ("switch_reads: {by: flags}", "x.yaml:4:20: by: input should be 'flag', 'views' or 'external'"),
        ("triggers: maybe", "x.yaml:4:11: triggers: input should be 'fire' or 'skip'"),
        ("title: 5", "x.yaml:4:8: title must be text, not the number 5; quote it: '5'"),
        ('title: "a\\e[31mb"', "x.yaml:4:8: title: this must be one line without control"),
        ("gates: {contract: {approvals: 0}}", "x.yaml:4:31: approvals: input should be greater"),
        ("gates: {expand: {approvals: 11}}", "x.yaml:4:29: approvals: input should be less"),
        ("gates: {contact: {}}", "x.yaml:4:9: unknown key 'contact'; did you mean 'contract'?"),
        ("gates: {expand: {window: mon}}", "x.yaml:4:26: window: 'mon' is not a window"),
        ("gates: {expand: {window: mon 25:00-26:00}}", "x.yaml:4:26: window: hour must be in"),
        ("gates: {expand: {window: mon 08:00-09:00 Europe}}", "x.yaml:4:26: window: "),
        ("verify: [{name: n, sql: s}]", "x.yaml:4:10: 'expect' is missing"),
        ("verify: [{name: n, sql: s, expect: 0.5}]", "x.yaml:4:36: expect: expect is one value"),
        ("verify: {name: n}", "x.yaml:4:9: verify must be a list, not a mapping"),
        ("change: b", "x.yaml:4:1: duplicate key 'change', first in line 1"),
        ("<<: *a", "x.yaml:4:5: not valid YAML: found undefined alias 'a'"),
        ("park: !!python/name:os.system x", "x.yaml:4:7: 'x' with the tag"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(line: str, expected: str) -> None:
    (problem,) = problems(SMALL + line + "\n")
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("renam_column: {}", "x.yaml:3:3: unknown operation 'renam_column'; did you mean"),
        ("frobnicate: {}", f"x.yaml:3:3: unknown operation 'frobnicate'; valid: {LIST}"),
        ("drop_column", f"x.yaml:3:3: one operation per `-`, as `- NAME: {{…}}`: {LIST}"),
        ("{drop_column: {}, add_index: {}}", "x.yaml:3:3: one operation per `-`"),
        ("drop_column: {table: t, column: c, colunm: d}", "x.yaml:3:38: unknown key 'colunm'; did"),
        ("drop_column: {table: t}", "x.yaml:3:3: 'column' is missing"),
        ("drop_column: {table: t, column: 1}", "x.yaml:3:35: column must be text, not the number 1"),
        ("drop_column: {table: t, column: [c]}", "x.yaml:3:35: column must be text, not a list"),
        ("add_index: {table: t, columns: c}", "x.yaml:3:34: columns must be a list, not text"),
        ("add_index: {table: t, columns: [a, 1]}", "x.yaml:3:38: columns must be text, not the"),
        ("add_index: {table: t, columns: [a], unique: 1}", "x.yaml:3:47: unique must be true or"),
    ],
)
def test_operations_are_checked_by_their_own_models(operation: str, expected: str) -> None:
    (problem,) = problems(f"change: a\noperations:\n- {operation}\n")
    assert problem.startswith(expected)


def test_all_problems_are_said_at_once_in_the_order_of_the_file() -> None:
    source = WHOLE.replace("column: email", "colum: email").replace("lanes: 1", "lanes: x")
    found = problems(source + "parc: 5\n")
    assert [problem.split(": ")[0] for problem in found] == [
        "x.yaml:5:5",
        "x.yaml:5:36",
        "x.yaml:6:63",
        "x.yaml:15:1",
    ]


@pytest.mark.parametrize("change", ["A", "-a", "a" * 64, "a_b", "''", '"a\\n"', "ä"])
def test_a_change_id_is_plain(change: str) -> None:
    (problem,) = problems(SMALL.replace("change: a", f"change: {change}"))
    assert problem.startswith("x.yaml:1:9: ")
    assert "is not a change id" in problem


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "x.yaml:1:1: the file is empty"),
        ("# nothing\n", "x.yaml:1:1: the file is empty"),
        ("- a\n", "x.yaml:1:1: a change file is a mapping"),
        ("hello", "x.yaml:1:1: a change file is a mapping"),
        ("change: a\n\tpark: 1d\n", "x.yaml:2:1: not valid YAML: a tab; indent with spaces"),
        ("change: [a\npark: 1d\n", "x.yaml:2:5: not valid YAML"),
        ("a\x00b", "x.yaml:1:2: not text: character 0 is not allowed; is the file binary?"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: not valid YAML: but found another document"),
        ("&a [*a]", "x.yaml:1:1: an anchor contains itself"),
        ("? [a]\n: b\n", "x.yaml:1:3: a key must be a plain word"),
        ("[" * 5000, "x.yaml:1:1: not valid YAML: nested too deeply"),
        ("change: a\noperations: []\n", f"x.yaml:2:13: operations is a list with at least one of: {LIST}"),
    ],
    ids=range(12),
)
def test_files_that_are_no_change_files(source: str, expected: str) -> None:
    assert any(found.startswith(expected) for found in problems(source))


def test_aliases_cannot_blow_a_file_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]
    assert any("nested or repeated too much" in each for each in problems("\n".join(lines)))


def test_anchors_serve_repetition() -> None:
    file = parsed(SMALL + "gates: {expand: &two {approvals: 2}, backfill: *two}\n")
    assert file.policies()["backfill"].approvals == 2


def test_impossible_combinations() -> None:
    (purge,) = problems(SMALL + "park: 0\ngates: {purge: {soak: 1h}}\n")
    assert purge == "x.yaml:5:9: with `park: 0` nothing is parked, so there is no purge gate"
    one = "{name: n, sql: s, expect: 1}"
    (twice,) = problems(SMALL + f"verify: [{one}, {one}]\n")
    assert twice == "x.yaml:4:47: a second query is named 'n'"


@given(st.text())
def test_no_text_raises_anything_but_invalid(source: str) -> None:
    _survives(source)


_words = st.sampled_from(
    [
        "change: a\n",
        "operations:\n",
        "- drop_column: ",
        "{table: t, column: c}\n",
        "  ",
        "gates: ",
        "park: ",
        "&a ",
        "*a ",
        "!!int ",
        "\t",
        "'",
        '"',
        "\\U00FFFFFF",
        ">",
        "<<: ",
        "%YAML 1.1\n",
        "---\n",
        "[",
        "]",
        "{",
        "}",
        "0",
        "1d",
        "1_0",
        ".inf",
        "2020-01-01",
        "0o",
        "null\n",
        "|",
        "\n",
        chr(0xD800),
    ]
)


@given(st.lists(_words, max_size=30).map("".join))
def test_no_yaml_raises_anything_but_invalid(source: str) -> None:
    _survives(source)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
    st.sampled_from(KEYS.split(", ")),
)
def test_no_value_raises_anything_but_invalid(value: object, key: str) -> None:
    _survives(json.dumps({"change": "a", "operations": [{"drop_column": {}}], key: value}))
    _survives(json.dumps({"change": "a", "operations": [{"add_column": value}]}))


def _survives(source: str) -> None:
    try:
        parsed(source)
    except Invalid as error:
        assert error.message.startswith("x.yaml:")  # noqa: PT017 - passing is fine too


def test_reading_says_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        read(str(tmp_path / "missing.yaml"))
    with pytest.raises(Invalid, match="Is a directory"):
        read(str(tmp_path))
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"change: a\n\xff\xfe")
    with pytest.raises(Invalid, match=r"x\.yaml:2:1: not UTF-8"):
        read(str(binary))


def test_the_json_schema_knows_every_key_and_operation() -> None:
    schema = json_schema(OPERATIONS)
    assert set(schema["properties"]) == set(KEYS.split(", "))
    choices = schema["properties"]["operations"]["items"]["oneOf"]
    assert [choice["required"] for choice in choices] == [[word] for word in sorted(OPERATIONS)]
    assert schema["additionalProperties"] is False
    references = [each for each in _references(schema) if each.split("/")[-1] not in schema["$defs"]]
    assert references == []


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [each for value in node.values() for each in _references(value)]
    return [each for value in node for each in _references(value)] if isinstance(node, list) else []
