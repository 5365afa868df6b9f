"""The Report as headings, rows and sentences: what terminal, Markdown and HTML have in common.

Why it exists: three renderings of one truth must not drift apart, so each only lays out what is put into words here.
"""

from __future__ import annotations

from orchestrator.rehearsal.model import Cell, Latency, Report, Statement, Step

STEP_HEADS = (
    "phase",
    "step",
    "seconds",
    "locks held (waited for)",
    "rewrites",
    "rows read",
    "WAL",
    "blocked",
    "p99",
    "worst",
)
_MODES = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
_ORDINARY = ("AccessShareLock", "RowShareLock", "RowExclusiveLock")


def verdict(report: Report) -> str:
    """The first thing anybody wants to know."""
    if report.faults:
        return f"{len(report.faults)} reasons not to go on"
    return "nothing stands against it"


def facts(report: Report) -> list[tuple[str, str]]:
    """What was rehearsed, on what."""
    return [
        ("change", f"{report.change}, plan {report.plan_sha256[:12]}"),
        (
            "copy",
            f"{report.copy}, {report.rows:,} rows, the largest table that changes has {report.largest_table_rows:,}",
        ),
        ("server", _server(report)),
        ("duration", f"{report.seconds:.0f} s"),
        ("clients, quiet", waits(report.baseline)),
        ("disk", f"{size(report.disk_bytes)}, at most {size(report.disk_peak_bytes)} (+{report.extra_disk:.0%})"),
    ]


def _server(report: Report) -> str:
    major = int(report.server_version.split(".")[0])
    other = (
        ""
        if major == report.target_version
        else f"; the target is of version {report.target_version}, and may do otherwise"
    )
    return f"PostgreSQL {report.server_version}{other}"


def waits(found: Latency) -> str:
    """A latency in words."""
    if not found.statements:
        return "no statement was sent"
    return f"{found.statements:,} statements, p99 {found.p99_ms:.1f} ms, worst {found.worst_ms:.1f} ms"


def step_row(step: Step) -> tuple[str, ...]:
    """One step under ``STEP_HEADS``."""
    blocked = f"{step.blocked_sessions} for {step.blocked_ms:.0f} ms" if step.blocked_sessions else "-"
    return (
        step.phase,
        f"{step.ordinal} {step.description}",
        f"{step.seconds:.2f}",
        locks(step),
        ", ".join(step.rewritten) or "-",
        f"{step.rows_scanned:,}",
        size(step.wal_bytes),
        blocked,
        f"{step.clients.p99_ms:.0f} ms" if step.clients.statements else "-",
        f"{step.clients.worst_ms:.0f} ms" if step.clients.statements else "-",
    )


def locks(step: Step) -> str:
    """The locks beyond those of ordinary statements; what was too short to be seen is told as predicted."""
    found = [
        f"{_MODES.get(lock.mode, lock.mode)} {lock.table} ≤ {lock.hold_ms:.0f} ms"
        + (f" (waited ≤ {lock.wait_ms:.0f} ms)" if lock.wait_ms else "")
        for lock in step.locks
        if lock.mode not in _ORDINARY
    ]
    return (
        "; ".join(found)
        or (f"{step.predicted_lock}, " if step.predicted_lock else "") + f"under {step.resolution_ms:.0f} ms"
    )


AGAINST_HEADS = ("", "strong lock held", "longest wait of a client", "rewrites", "seconds")


def against(report: Report) -> list[tuple[str, ...]]:
    """Rows under ``AGAINST_HEADS``: in one step, in phases, and how many times as long; none where one step was not tried."""
    one = report.outright
    if one is None:
        return []
    ran = [step for step in report.steps if step.run == "to the end"]
    seconds = sum(step.seconds for step in ran)
    rewritten = dict.fromkeys(table for step in ran for table in step.rewritten)
    rows = (one.strong_hold_ms, one.clients.worst_ms), (report.hold_ms, report.stall_ms)
    return [
        (f"in one step: {one.description}", *_held(*rows[0]), ", ".join(one.rewritten) or "-", f"{one.seconds:.2f}"),
        (f"in {len(ran)} steps", *_held(*rows[1]), ", ".join(rewritten) or "-", f"{seconds:.2f}"),
        (
            "times as long in one step",
            *(_times(a, b) for a, b in zip(*rows, strict=True)),
            "",
            _times(one.seconds, seconds),
        ),
    ]


def _held(hold: float, wait: float) -> tuple[str, str]:
    return f"≤ {hold:.0f} ms" if hold else "none seen", f"{wait:.0f} ms"


def _times(one: float, phases: float) -> str:
    return f"{one / phases:.1f}" if phases else "-"


def coexistence(report: Report) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of statement × phase."""
    phases = [p for p in report.phases if any(p in each.cells for each in report.statements)]
    rows = [[each.shape, each.text, *(_cell(each, phase) for phase in phases)] for each in report.statements]
    return ["shape", "statement", *phases], rows


def _cell(statement: Statement, phase: str) -> str:
    cell = statement.cells.get(phase, Cell())
    if not cell.sent:
        return ""
    if not cell.failed:
        return "ok"
    return "FAILS" if phase in statement.must else "gone"


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
