"""F8: comparing shapes must see NULL, 1.0 against 1.00 and json, and be strict before the switch."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import Blocked
from state.model import Finding, GateName, State, Verdict
from tests.support.release import Release

OWN = "SET session_replication_role = replica; "
LOSSY = "change_type: {table: t, column: email, to: mail, type: text, up: email, down: 'left(mail, 5)'}"


def _finding(release: Release) -> Finding:
    return release.service.verify("change", checks=["shapes_agree"]).findings[0]


@pytest.mark.parametrize(
    ("column", "good", "drifted"),
    [
        ("email", "'a'", "NULL"),
        ("email", "NULL", "'a'"),
        ("amount", "1.0", "1.00"),
        ("doc", "'{\"a\":1}'", "'{\"a\": 1}'"),
    ],
)
def test_every_drift_is_seen(release: Release, column: str, good: str, drifted: str) -> None:
    release.run(f"INSERT INTO t ({column}) SELECT {good} FROM generate_series(1, 5)")
    release.submit(f"rename_column: {{table: t, column: {column}, to: fresh}}")
    release.to(State.BACKFILLED)
    assert _finding(release).verdict is Verdict.PASS
    release.run(f"{OWN}UPDATE t SET {column} = {drifted} WHERE id = 3")
    found = _finding(release)
    assert (found.verdict, found.mismatches, found.samples) == (Verdict.FAIL, 1, ("id=3",))
    assert "a" not in found.detail.replace("rows differ", "").replace("id=3", "")


def test_strict_before_the_switch_either_way_after_it(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'ABCDE' FROM generate_series(1, 5)")
    release.submit(LOSSY)
    release.to(State.BACKFILLED)
    release.run(f"{OWN}UPDATE t SET mail = 'ABCDEgarbage' WHERE id = 2")
    assert _finding(release).samples == ("id=2",)
    release.service.approve("change")
    with pytest.raises(Blocked, match=r"shapes_agree.*1 of 5 rows differ: id=2"):
        release.service.advance("change")
    release.run(f"{OWN}UPDATE t SET mail = 'ABCDE' WHERE id = 2")
    release.service.verify("change")
    release.to(State.SWITCHED)
    release.run("UPDATE t SET mail = 'ABCDEFGH' WHERE id = 4")
    found = _finding(release)
    assert found.verdict is Verdict.PASS
    assert "1 agree only by down" in found.detail
    release.run(f"{OWN}UPDATE t SET mail = 'nonsense' WHERE id = 5")
    assert _finding(release).samples == ("id=5",)


def test_contract_is_refused_with_the_old_data_intact(release: Release) -> None:
    release.run("INSERT INTO t (email) SELECT 'e' || i FROM generate_series(1, 20) i")
    release.submit("rename_column: {table: t, column: email, to: mail}")
    release.to(State.SWITCHED)
    release.run(f"{OWN}UPDATE t SET mail = 'drifted' WHERE id = 7")
    release.service.verify("change")
    release.service.approve("change", gate=GateName.CONTRACT)
    with pytest.raises(Blocked, match="id=7") as refused:
        release.service.advance("change")
    assert refused.value.exit_code == 4
    assert release.rows("SELECT email FROM t WHERE id = 7") == [("e7",)]
    release.run("UPDATE t SET email = email || '!' WHERE id = 7")
    release.service.verify("change")
    release.to(State.CONTRACTED)
