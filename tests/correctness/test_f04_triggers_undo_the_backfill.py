"""F4: a trigger of the application that takes back what a batch wrote ends the backfill with a reason, not never."""

from __future__ import annotations

import pytest

from orchestrator.engine.ddl import StepRefused
from state.model import State
from tests.support.release import Release

UNDOING = {
    "keeps the old row": "BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION keep_old()",
    "leaves the row out": "BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION leave_out()",
    "takes it back afterwards": "AFTER UPDATE ON t FOR EACH ROW WHEN (pg_trigger_depth() = 0)"
    " EXECUTE FUNCTION take_back()",
}
FUNCTIONS = (
    "CREATE FUNCTION keep_old() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE FUNCTION take_back() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN UPDATE t SET mail = NULL WHERE id = NEW.id; RETURN NULL; END'",
)


@pytest.mark.parametrize("how", UNDOING)
def test_a_trigger_that_undoes_the_update_ends_the_backfill(release: Release, how: str) -> None:
    release.run(*FUNCTIONS, f"CREATE TRIGGER undoing {UNDOING[how]}")
    release.run("INSERT INTO t (email) SELECT 'e' || i FROM generate_series(1, 30) i")
    more = "backfill: {batch_rows: 10}\ntriggers: fire\n"
    release.submit("rename_column: {table: t, column: email, to: mail}", more=more)
    with pytest.raises(StepRefused, match=r"30 rows of public\.t stay empty.*trigger") as refused:
        release.to(State.BACKFILLED)
    assert refused.value.exit_code == 4
    release.run("DROP TRIGGER undoing ON t")
    release.service.advance("change")
    assert release.rows("SELECT count(*) FROM t WHERE mail = email") == [(30,)]
