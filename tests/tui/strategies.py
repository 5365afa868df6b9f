"""Any Status there could be, for properties of what is drawn."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from orchestrator.core.gate import GateStatus, Requirement
from orchestrator.core.locks import LockSession, LockWait, TargetLocks
from orchestrator.core.status import LeaseView, Status
from orchestrator.core.view import Identity, StepView
from state.model import (
    Approval,
    BackfillRow,
    EventRow,
    Evidence,
    Finding,
    GateName,
    Hold,
    State,
    StepRow,
    StepStatus,
    Verdict,
)
from tests.tui.fakes import NOW
from tui.backfillmodel import Sample
from tui.viewmodel import Locks, World

text = st.text(max_size=40)
times = st.timedeltas(timedelta(days=-400), timedelta(days=400)).map(lambda delta: NOW + delta)
number = st.one_of(st.none(), st.floats())
count = st.integers(0, 10**14)
gates = st.sampled_from(GateName)
verdicts = st.sampled_from(Verdict)
needs = st.builds(Requirement, text, text, verdicts, text)
gate = st.builds(GateStatus, gates, st.booleans(), st.lists(needs, max_size=3).map(tuple), text)
findings = st.builds(Finding, text, text, verdicts, count, st.lists(text, max_size=2).map(tuple), text)
evidence = st.builds(Evidence, text, gates, text, text, st.lists(findings, max_size=2).map(tuple), times)
approvals = st.builds(
    Approval, count, text, gates, st.sampled_from(["approve", "reject"]), text, text, text, text, times, times
)
steps = st.builds(
    StepRow,
    text,
    st.integers(0, 99),
    text,
    st.sampled_from(["expand", "backfill", "switch_reads", "contract"]),
    text,
    text,
    st.just({}),
    st.sampled_from(StepStatus),
    st.integers(0, 30),
    st.one_of(st.none(), text),
)
backfills = st.builds(
    BackfillRow,
    text,
    st.integers(0, 9),
    text,
    count,
    st.one_of(st.none(), count),
    number,
    number,
    st.one_of(st.none(), text),
    times,
    number,
    number,
    st.one_of(st.none(), text),
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.integers(1, 16)),
    st.lists(st.fixed_dictionaries({"effect": text, "signal": text, "scale": number, "detail": text}), max_size=2).map(
        tuple
    ),
    st.dictionaries(st.one_of(st.just("lanes"), text), st.one_of(st.integers(1, 16), text), max_size=2),
)
samples = st.builds(Sample, times, number, st.one_of(st.none(), text))
statuses = st.builds(
    Status,
    change=text,
    title=text,
    target=text,
    state=st.sampled_from(State),
    version=st.integers(1, 9999),
    requester=text,
    plan_sha256=text,
    updated_at=times,
    hold=st.one_of(st.none(), st.builds(Hold, text, text, times)),
    lease=st.one_of(st.none(), st.builds(LeaseView, text, count, st.floats(0, 1e9))),
    requested=st.one_of(st.none(), gates),
    gate=st.one_of(st.none(), gate),
    evidence=st.one_of(st.none(), evidence),
    approvals=st.lists(approvals, max_size=2).map(tuple),
    steps=st.lists(steps, max_size=3).map(tuple),
    backfills=st.lists(backfills, max_size=2).map(tuple),
    rejected_rows=st.integers(0, 9),
)
events = st.builds(
    EventRow,
    count,
    text,
    st.one_of(text, times.map(lambda at: at.isoformat())),
    text,
    text,
    st.dictionaries(text, st.one_of(text, count, st.none(), st.lists(text, max_size=1)), max_size=3),
    text,
    text,
    text,
)
views = st.builds(
    StepView,
    st.integers(0, 99),
    text,
    text,
    text,
    st.lists(text, max_size=2).map(tuple),
    text,
    st.booleans(),
    st.booleans(),
    st.lists(text, max_size=2).map(tuple),
    text,
    text,
    st.one_of(st.none(), count),
    st.one_of(st.none(), count),
    text,
)
pids = st.integers(0, 6)
seconds = st.floats(0, 1e9)
sessions = st.builds(
    LockSession,
    pids,
    st.one_of(st.none(), times),
    text,
    text,
    st.one_of(st.just("active"), text),
    text,
    seconds,
    seconds,
    text,
    st.booleans(),
    st.one_of(st.none(), text),
)
target_locks = st.builds(
    TargetLocks,
    text,
    st.lists(sessions, max_size=4, unique_by=lambda each: each.pid).map(tuple),
    st.lists(st.builds(LockWait, pids, pids, text, text, text, seconds), max_size=4).map(tuple),
    st.one_of(st.just(""), text),
)
locks = st.one_of(st.none(), st.builds(Locks, st.lists(target_locks, max_size=2).map(tuple), seconds))
worlds = st.builds(
    World,
    now=st.just(NOW),
    statuses=st.lists(statuses, max_size=3).map(tuple),
    identity=st.one_of(st.none(), st.builds(Identity, text, text, text, st.integers(0, 200000), text)),
    age=st.one_of(st.none(), st.floats(0, 1e7)),
    trouble=text,
    next_step=text,
    busy=text,
    locks=locks,
)
widths = st.integers(20, 300)
