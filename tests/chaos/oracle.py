"""Judges a round by what orch had no hand in: the applications' own log, the catalog beside plain DDL's, the raw history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from orchestrator.demo.journal import Entry, entries
from orchestrator.dialects.postgres.target import PostgresTarget
from tests.chaos.cases import CHANGE, SCHEMA
from tests.chaos.disturbances import Chaos
from tests.chaos.scene import Scene
from tests.service.world import Shape, shape

AWAY = ("connection", "57P01", "57P02", "57P03", "08")
"""How an application's error begins when its server went away."""


def faults(scene: Scene, chaos: Chaos, *, aborted: bool) -> list[str]:
    """Everything that is wrong after a round; the change is at rest."""
    report = scene.insist(scene.load.finish)
    return [
        *chaos.faults,
        *_failures(scene, chaos.outages),
        *report.lost,
        *report.misread,
        *_schema(scene, aborted=aborted),
        *_zombies(scene),
        *_history(scene),
        *(str(problem) for problem in scene.insist(scene.service.audit_verify)),
    ]


def _failures(scene: Scene, outages: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Statements of the applications that failed though their server was there."""
    for entry in entries(scene.log):
        if entry.outcome == "failed" and not _excused(entry, outages):
            yield f"{entry.application} {entry.kind} failed at {entry.at:.1f}: {entry.error}"


def _excused(entry: Entry, outages: Sequence[tuple[float, float]]) -> bool:
    away = (entry.error or "").startswith(AWAY)
    return away and any(began - 0.1 <= entry.at <= ended for began, ended in outages)


def _schema(scene: Scene, *, aborted: bool) -> Iterator[str]:
    """The table beside one that plain DDL has changed, in a database where orch has changed nothing."""
    name = f"twin_{scene.places.target_database}"
    scene.places.target.ask(f"CREATE DATABASE {name}")
    twin = scene.places.target.url(name)
    PostgresTarget("twin", twin).bootstrap()
    wanted = _shape(twin, SCHEMA if aborted else SCHEMA + scene.case.plain)
    scene.places.target.ask(f"DROP DATABASE {name} WITH (FORCE)")
    found = _shape(scene.places.target_url)
    for part, expected in wanted.items():
        if found[part] != expected:
            yield f"schema, {part}: {found[part]} should be {expected}"


def _shape(url: str, script: str = "") -> Shape:
    with psycopg.connect(url, autocommit=True) as link:
        if script:
            link.execute(script.encode())
        return shape(link, "things")


def _zombies(scene: Scene) -> Iterator[str]:
    """No row was filled under a fence after a higher one stood, and none twice."""
    late = scene.rows(
        "SELECT t.id, t.fence, min(f.fence) FROM watch.touched t JOIN watch.fence f ON f.fence > t.fence AND f.at < t.at"
        " GROUP BY 1, 2 LIMIT 5"
    )
    yield from (f"row {key} was filled under fence {fence} after {higher} stood" for key, fence, higher in late)
    twice = scene.rows("SELECT id, count(*) FROM watch.touched GROUP BY 1 HAVING count(*) > 1 LIMIT 5")
    yield from (f"row {key} was filled {count} times" for key, count in twice)


def _history(scene: Scene) -> Iterator[str]:
    """The chain recomputed from raw rows, its numbers without gaps, each step's and lease's events in a sensible order."""
    query = "SELECT seq, kind, payload, prev_sha256, sha256 FROM orch.event ORDER BY seq"
    events = scene.insist(lambda: scene.places.registry.ask(query, database=scene.places.registry_database))
    before = "0" * 64
    for number, (seq, kind, payload, prev, digest) in enumerate(events, 1):
        if seq != number:
            yield f"history: event {seq} stands where {number} should"
        if prev != before or hashlib.sha256((prev + payload).encode()).hexdigest() != digest:
            yield f"history: event {seq} ({kind}) breaks the chain"
        before = digest
    yield from _order([(kind, json.loads(payload)["data"]) for _, kind, payload, _, _ in events])


def _order(events: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """Fences only grow; an outcome follows its intent under the same fence."""
    fence, running = 0, dict[int, int]()
    for kind, data in events:
        if kind == "lease.acquired":
            if data["fence"] <= fence:
                yield f"history: fence {data['fence']} was given after {fence}"
            fence = data["fence"]
        elif kind.startswith("step."):
            ordinal = data["ordinal"]
            if data["fence"] != fence:
                yield f"history: {kind} of step {ordinal} under fence {data['fence']} while {fence} stood"
            if kind == "step.done" and running.get(ordinal) is None:
                yield f"history: step {ordinal} of {CHANGE} was done without an intent"
            running[ordinal] = fence if kind in ("step.started", "step.failed") else running.pop(ordinal, 0) and 0
            if kind not in ("step.started", "step.failed"):
                running.pop(ordinal, None)
