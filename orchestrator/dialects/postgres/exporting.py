"""A Plan's Steps as Units for another migration tool: the same SQL, with what orch's own sessions would have set.

Why it exists: what the sync, the seal and the park rely on lives in ``orch_target``, so the first Unit makes it. A backfill is
one DO block that commits after every batch: throttled, never one transaction, and safe to start again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.core.errors import Invalid
from orchestrator.core.exported import Exported, Unit
from orchestrator.core.parkstep import ParkColumn, ParkTable
from orchestrator.core.plan import PHASES, PhaseName, Plan, PlannedStep
from orchestrator.core.step import Backfill, Step, SwitchReads
from orchestrator.dialects.postgres import batches, bootstrap, kinds
from orchestrator.dialects.postgres.kinds import Message, Rendered
from orchestrator.dialects.postgres.text import fill, literal, raw, search_path, table, text

_LIMITS = ("SET LOCAL lock_timeout = '1s'", "SET LOCAL row_security = off", "SET LOCAL orch.own = 'on'")
_NOTHING = "nothing is to be taken back"
_BATCHES = """DO {quote}
DECLARE
    parts oid[]; part oid; page bigint; pages bigint; size bigint; filled bigint; whole bigint; tries integer;
    began timestamptz;
BEGIN
    PERFORM set_config('search_path', {path}, false), set_config('lock_timeout', '50ms', false),
        set_config('row_security', 'off', false), set_config('orch.own', 'on', false),
        set_config('synchronous_commit', 'off', false){role};
    SELECT coalesce(pg_catalog.array_agg(t.relid::oid), ARRAY[{table}::regclass::oid]) INTO parts
      FROM pg_catalog.pg_partition_tree({table}::regclass) t WHERE t.isleaf;
    LOOP
        whole := 0;
        FOREACH part IN ARRAY parts LOOP
            SELECT pg_catalog.pg_relation_size(part) / current_setting('block_size')::bigint,
                   greatest(1, {rows} / greatest(1, CASE WHEN c.relpages > 0 THEN c.reltuples / c.relpages ELSE 50 END))::bigint
              INTO pages, size FROM pg_catalog.pg_class c WHERE c.oid = part;
            page := 0;
            WHILE page < pages LOOP
                began := pg_catalog.clock_timestamp();
                tries := 0;
                LOOP
                    BEGIN
                        EXECUTE {update}
                            USING pg_catalog.format('(%s,0)', page)::tid, pg_catalog.format('(%s,0)', page + size)::tid, part;
                        GET DIAGNOSTICS filled = ROW_COUNT;
                        EXIT;
                    EXCEPTION WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
                        tries := tries + 1;
                        IF tries >= 600 THEN
                            RAISE;
                        END IF;
                    END;
                    COMMIT;
                    PERFORM pg_catalog.pg_sleep(0.1);
                END LOOP;
                COMMIT;
                whole := whole + filled;
                page := page + size;
                PERFORM pg_catalog.pg_sleep(extract(epoch FROM pg_catalog.clock_timestamp() - began));
                WHILE EXISTS (SELECT FROM pg_catalog.pg_stat_replication r
                               WHERE r.replay_lag > pg_catalog.make_interval(secs => {lag})) LOOP
                    COMMIT;
                    PERFORM pg_catalog.pg_sleep(1);
                END LOOP;
            END LOOP;
        END LOOP;
        EXIT WHEN whole = 0;
    END LOOP;
    RESET synchronous_commit;
    PERFORM orch_target.seal_sync({sync});
    COMMIT;
    RESET search_path;
    RESET lock_timeout;
    RESET row_security;
    RESET orch.own;
    RESET session_replication_role;
END {quote}"""
_GUARD = """DO $$
BEGIN
    IF NOT orch_target.reads_new({change}) THEN
        RAISE EXCEPTION 'reads are not switched yet: the old shape is still in use';
    END IF;
END $$"""
_REFUSAL = "DO $$\nBEGIN\n    RAISE EXCEPTION USING MESSAGE = {why};\nEND $$"


def exported(plan: Plan, sha256: str) -> Exported:
    """A Plan for another tool. Raises Invalid for what only orch can run."""
    units = [_prepared(plan.steps[0].phase)]
    for planned in plan.steps:
        units += _units(planned)
    switched = any(isinstance(planned.step, SwitchReads) for planned in plan.steps)
    guarded = tuple(_guarded(units, plan.change_id) if switched else units)
    commits = tuple((phase, _commit(plan, phase)) for phase in PHASES if any(unit.phase == phase for unit in guarded))
    return Exported(plan.change_id, sha256, guarded, commits, plan.notes)


def _prepared(phase: PhaseName) -> Unit:
    note = "orch_target stays, since other changes may use it: DROP SCHEMA orch_target CASCADE once none does"
    return Unit(phase, "make the schema orch_target, which the sync uses", bootstrap.STATEMENTS, (), note)


def _units(planned: PlannedStep) -> Iterator[Unit]:
    step = planned.step
    if kinds.kind_of(step).onward is not None:
        raise Invalid(
            f"step {planned.ordinal} ({planned.description}) goes partition by partition, as the catalog shows them then: no file"
            " can say that",
            "let orch run this change: orch advance ID",
        )
    rendered = kinds.render(step)
    if isinstance(step, Backfill):
        note = f"{rendered.undo_note}. The backfill is safe to start again; it knows no signals but the lag of standbys"
        yield Unit(planned.phase, planned.description, (_backfill(step),), (), note, alone=True)
        return
    path = text(fill("{p}", p=search_path(kinds.schema(step))))
    undo = _undo(rendered, path)
    for place in range(max(len(rendered.forward), len(undo))):
        up = _said(rendered.forward[place], rendered, path) if place < len(rendered.forward) else ()
        down = undo[len(undo) - 1 - place] if place < len(undo) else ()
        yield Unit(
            planned.phase,
            planned.description,
            up,
            down,
            rendered.undo_note or ("" if down else _NOTHING),
            alone=rendered.concurrent,
            settings=(f"SET {path}", "SET lock_timeout = 0", "SET statement_timeout = 0")
            if rendered.concurrent
            else (),
            repair=tuple(text(each) for message in rendered.repair for each in message) if place == 0 else (),
        )


def _undo(rendered: Rendered, path: str) -> list[tuple[str, ...]]:
    if not rendered.undo and rendered.undo_note.startswith("none"):
        return [(text(fill(_REFUSAL, why=literal(f"nothing leads back: {rendered.undo_note}"))),)]
    return [_said(message, rendered, path) for message in rendered.undo]


def _said(message: Message, rendered: Rendered, path: str) -> tuple[str, ...]:
    statements = tuple(text(each) for each in message)
    if rendered.concurrent:
        return statements
    limits = ("SET LOCAL lock_timeout = 0", *_LIMITS[1:]) if rendered.patient else _LIMITS
    return (f"SET LOCAL {path}", *limits, *statements)


def _backfill(step: Backfill) -> str:
    where = raw("ctid >= $1 AND ctid < $2 AND tableoid = $3")
    path = text(search_path(step.table.schema)).partition(" = ")[2]
    skips = "" if step.fire_triggers else ",\n        set_config('session_replication_role', 'replica', false)"
    body = fill(
        _BATCHES,
        quote=raw("{quote}"),
        path=literal(path),
        role=raw(skips),
        table=literal(text(table(step.table))),
        rows=raw(str(step.batch_rows)),
        update=literal(text(batches.update(step, where))),
        lag=raw(repr(float(step.max_replica_lag))),
        sync=literal(step.sync_id),
    )
    whole = text(body)
    tag = next(tag for number in range(1000) if (tag := f"$orch{number or ''}$") not in whole)
    return whole.replace("DO {quote}", f"DO {tag}", 1).removesuffix("{quote}") + tag


def _guarded(units: Iterable[Unit], change: str) -> Iterator[Unit]:
    """Contract begins with the question whether reads are switched."""
    asked = False
    for unit in units:
        if unit.phase == "contract" and not asked:
            asked = True
            guard = text(fill(_GUARD, change=literal(change)))
            yield Unit("contract", "see that reads are switched", (guard,), (), _NOTHING)
        yield unit


def _commit(plan: Plan, phase: PhaseName) -> str:
    """The message with which a phase is committed to the team's repository."""
    steps = [planned.step for planned in plan.of(phase)]
    about = ", ".join(_tables(steps) or _tables([planned.step for planned in plan.steps]))
    old = [each.column for step in steps if isinstance(step, ParkColumn) for each in step.columns]
    old += [step.table.name for step in steps if isinstance(step, ParkTable)]
    if phase == "contract" and old:
        return f"chore(migration): contract — drop old {', '.join(old)}"
    words = "switch reads of" if phase == "switch_reads" else phase
    return f"{'chore' if phase in ('contract', 'purge') else 'feat'}(migration): {words} {about} for {plan.change_id}"


def _tables(steps: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(found.name for step in steps if (found := kinds.table_of(step)) is not None))
