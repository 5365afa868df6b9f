"""F26: a trigger switched off and on again, or replaced and put back, looks the same; the rows written meanwhile do not."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import OrchError
from orchestrator.engine import runner
from orchestrator.engine.run import Run
from state.model import State, Verdict
from tests.support.release import Release

RENAME = "rename_column: {table: t, column: email, to: mail}"
WIDEN = "change_type: {table: t, column: n, to: big, type: bigint}"
DRIFT = "UPDATE t SET email = 'drifted' WHERE id = 1"


def _name(release: Release, kind: str) -> str:
    queries = {
        "trigger": "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname LIKE '%upd'",
        "sync": "SELECT proname::text FROM pg_proc WHERE proname LIKE 'sync\\_____________'",
        "up": "SELECT proname::text FROM pg_proc WHERE proname LIKE 'up\\_%'",
    }
    ((found,),) = release.rows(queries[kind])
    return str(found)


def _off_and_on(release: Release, *meanwhile: str) -> None:
    trigger = _name(release, "trigger")
    before = release.rows(
        "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY 1"
    )
    release.run(f"ALTER TABLE t DISABLE TRIGGER {trigger}", *meanwhile, f"ALTER TABLE t ENABLE TRIGGER {trigger}")
    query = "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY 1"
    assert release.rows(query) == before, "an equal definition is what this is about"


def _filled(release: Release, operation: str = RENAME) -> None:
    release.run("INSERT INTO t (email, n) SELECT 'e' || i, i FROM generate_series(1, 20) i")
    release.submit(operation)
    release.to(State.BACKFILLED)


def _sync_intact(release: Release) -> Verdict:
    (finding,) = release.service.verify("change", checks=["sync_intact"]).findings
    return finding.verdict


def test_a_trigger_that_was_off_for_a_while_voids_what_was_seen(release: Release) -> None:
    _filled(release)
    release.service.verify("change")
    assert _sync_intact(release) is Verdict.PASS
    _off_and_on(release, DRIFT)
    assert _sync_intact(release) is Verdict.FAIL
    with pytest.raises(OrchError, match="1 of 20 rows differ: id=1") as refused:
        release.service.advance("change")
    assert refused.value.exit_code == 4
    assert _sync_intact(release) is Verdict.PASS
    release.run("SET session_replication_role = replica; UPDATE t SET mail = email")
    release.service.verify("change")
    release.to(State.COMPLETED)
    assert release.rows("SELECT count(*) FROM t WHERE mail = 'drifted'") == [(1,)]
    assert release.service.audit_verify() == []


def test_rows_left_empty_meanwhile_are_filled_again(release: Release) -> None:
    _filled(release)
    release.service.approve("change")
    _off_and_on(
        release,
        "SET session_replication_role = replica; INSERT INTO t (email) SELECT 'late' FROM generate_series(1, 5)",
    )
    release.service.advance("change")
    assert release.service.status("change").state is State.SWITCHED
    assert release.rows("SELECT count(*) FROM t WHERE mail IS DISTINCT FROM email") == [(0,)]


def test_what_happens_between_the_checks_and_contract_stops_contract(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(release)
    release.to(State.SWITCHED)
    release.service.approve("change")
    original = runner.start

    def late(run: Run) -> object:
        _off_and_on(release, DRIFT)
        return original(run)

    monkeypatch.setattr(runner, "start", late)
    with pytest.raises(OrchError, match="was replaced, or off for a while") as refused:
        release.service.advance("change")
    assert refused.value.exit_code == 4
    assert release.service.status("change").state is State.SWITCHED
    monkeypatch.undo()
    with pytest.raises(OrchError):
        release.service.advance("change")
    (finding,) = release.service.verify("change", checks=["shapes_agree"]).findings
    assert (finding.verdict, finding.samples) == (Verdict.FAIL, ("id=1",))


_SAME_NAME = "CREATE OR REPLACE TRIGGER {trigger} "
_SAME_FUNCTION = " FOR EACH ROW EXECUTE FUNCTION orch_target.{sync}()"
REPLACED = {
    "fewer events": _SAME_NAME + "BEFORE DELETE ON t" + _SAME_FUNCTION,
    "other columns": _SAME_NAME + "BEFORE UPDATE OF id ON t" + _SAME_FUNCTION,
    "a condition": _SAME_NAME + "BEFORE UPDATE ON t FOR EACH ROW WHEN (false) EXECUTE FUNCTION orch_target.{sync}()",
    "another conversion": "CREATE OR REPLACE FUNCTION orch_target.{up}(n integer) RETURNS bigint LANGUAGE sql STABLE"
    " AS 'SELECT 0::bigint'",
}


@pytest.mark.parametrize("how", REPLACED)
def test_what_was_replaced_is_noticed(release: Release, how: str) -> None:
    _filled(release, WIDEN)
    names = {kind: _name(release, kind) for kind in ("trigger", "sync", "up")}
    release.run(REPLACED[how].format(**names), "UPDATE t SET n = 100 WHERE id = 1")
    assert _sync_intact(release) is Verdict.FAIL
    with pytest.raises(OrchError) as refused:
        release.service.advance("change")
    assert refused.value.exit_code in (4, 7)
    assert release.service.status("change").state is State.BACKFILLED


def test_undo_works_whatever_happened_while_parked(release: Release) -> None:
    _filled(release)
    release.to(State.CONTRACTED)
    _off_and_on(release)
    release.service.undo("change", reason="a test says so")
    release.service.advance("change")
    assert release.service.status("change").state is State.SWITCHED
    release.to(State.COMPLETED)


def test_an_undo_keeps_the_seal(release: Release) -> None:
    _filled(release)
    release.to(State.CONTRACTED)
    release.service.undo("change", reason="a test says so")
    release.service.advance("change")
    assert _sync_intact(release) is Verdict.PASS
    told = len(release.service.events("change"))
    release.to(State.COMPLETED)
    assert "step.lost" not in [event.kind for event in release.service.events("change")][told:]
