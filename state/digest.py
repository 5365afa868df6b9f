"""Digests by which people and machines know that they mean the same thing.

Why it exists: an Approval binds to a Plan and to Evidence. What is hashed decides what voids an Approval, so it is
written down once, here, without a driver. Canonical JSON: keys sorted, no spaces, text as is; a whole number is
written as an integer, since JSON that travels through the database may come back either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from state.model import Finding


def canonical(value: Any) -> str:
    """``value`` as canonical JSON. Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plan_sha256(plan: Mapping[str, Any]) -> str:
    """The digest of a Plan. Raises as ``canonical``."""
    return text_sha256(canonical(plan))


def evidence_sha256(findings: Iterable[Finding]) -> str:
    """The digest of what was found, whatever the order, effort, wording and time of finding it."""
    return text_sha256(canonical(sorted((_essence(finding) for finding in findings), key=canonical)))


def text_sha256(text: str) -> str:
    """SHA-256 of UTF-8 text, in hex."""
    return sha256(text.encode()).hexdigest()


def _essence(finding: Finding) -> list[Any]:
    """The name first, so that sorting by the canonical text sorts by name."""
    return [finding.name, finding.definition, finding.verdict.value, finding.mismatches, sorted(finding.samples)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


NO_FINDINGS = evidence_sha256(())
"""The evidence digest at a Gate whose Checks have not run, or that has none."""
