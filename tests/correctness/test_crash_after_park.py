"""A worker that dies when park has taken effect and its outcome is not recorded must not make the next one undo half of it."""

from __future__ import annotations

import pytest

from state.model import State, StepRow
from state.store import Registry
from tests.support.release import Release

OTHER = (
    "CREATE FUNCTION tick() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.other := NEW.other + 1; RETURN NEW; END'",
    "CREATE TRIGGER tick BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tick()",
)


@pytest.mark.parametrize("trigger", [(), OTHER], ids=["alone", "beside another trigger"])
def test_the_next_run_finishes_contract(
    release: Release, monkeypatch: pytest.MonkeyPatch, trigger: tuple[str, ...]
) -> None:
    release.run(*trigger, "CREATE INDEX by_email ON t (email)", "INSERT INTO t (email) VALUES ('a')")
    release.submit("rename_column: {table: t, column: email, to: mail}", more="triggers: fire\n")
    release.to(State.SWITCHED)
    release.service.approve("change")

    def dies(*_: object, **__: object) -> StepRow:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Registry, "step_done", dies)
        with pytest.raises(KeyboardInterrupt):
            release.service.advance("change")
    assert release.service.status("change").state is State.CONTRACTING
    release.run("UPDATE t SET mail = 'b'", "INSERT INTO t (mail) VALUES ('c')")
    release.service.advance("change")
    assert release.service.status("change").state is State.CONTRACTED
    release.run("UPDATE t SET mail = mail || '!'")
    assert release.rows("SELECT mail FROM t ORDER BY id") == [("b!",), ("c!",)]
    release.service.undo("change", reason="back")
    release.service.advance("change")
    assert release.rows("SELECT email, mail FROM t ORDER BY id") == [("b!", "b!"), ("c!", "c!")]
    release.to(State.COMPLETED)
    assert release.rows(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1"
    ) == [
        ("by_email",),
        ("t_pkey",),
    ]
    assert release.service.audit_verify() == []
