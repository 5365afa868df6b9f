"""What voids an approval and what does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from state.digest import NO_FINDINGS, canonical, evidence_sha256, plan_sha256
from state.model import Finding, Verdict

TEXT = some.text(max_size=8)
FINDINGS = some.builds(
    Finding,
    name=TEXT,
    definition=TEXT,
    verdict=some.sampled_from(Verdict),
    mismatches=some.integers(0, 9),
    samples=some.lists(TEXT, max_size=3).map(tuple),
    detail=TEXT,
    rows=some.integers(0, 9),
    seconds=some.floats(0, 9),
)
NUMBERS = some.integers() | some.floats(allow_nan=False, allow_infinity=False)
JSON = some.recursive(
    some.none() | some.booleans() | NUMBERS | TEXT,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(some.lists(FINDINGS, max_size=4), some.data())
def test_order_effort_and_wording_do_not_matter(findings: list[Finding], data: some.DataObject) -> None:
    shuffled = data.draw(some.permutations(findings))
    again = [replace(each, detail="other", rows=each.rows + 1, seconds=each.seconds + 1) for each in shuffled]
    assert evidence_sha256(again) == evidence_sha256(findings)


@given(FINDINGS)
def test_each_finding_matters_in_each_of_its_facts(finding: Finding) -> None:
    others = [
        replace(finding, name=finding.name + "x"),
        replace(finding, definition=finding.definition + "x"),
        replace(finding, mismatches=finding.mismatches + 1),
        replace(finding, samples=(*finding.samples, "x")),
        *(replace(finding, verdict=verdict) for verdict in Verdict if verdict is not finding.verdict),
    ]
    digests = {evidence_sha256([each]) for each in (finding, *others)} | {evidence_sha256([finding, finding])}
    assert len(digests) == len(others) + 2


def test_no_findings_is_the_digest_of_an_empty_list() -> None:
    assert hashlib.sha256(b"[]").hexdigest() == NO_FINDINGS


@given(some.dictionaries(TEXT, JSON, max_size=4))
def test_a_plan_keeps_its_digest_through_json_and_any_order_of_keys(plan: dict[str, object]) -> None:
    through = json.loads(json.dumps(dict(reversed(plan.items()))))
    assert plan_sha256(through) == plan_sha256(plan)


def test_canonical_json_is_compact_sorted_and_leaves_text_alone() -> None:
    assert canonical({"b": [1.0, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})
