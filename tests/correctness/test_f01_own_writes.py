"""F1: a lossy ``down`` must not run because of what orch itself writes, and a new version may write from expand on."""

from __future__ import annotations

from state.model import State
from tests.support.release import Release

CHANGE = "change_type: {table: t, column: email, to: mail, type: text, up: lower(email), down: mail}"


def test_the_backfill_does_not_trip_the_reverse_half(release: Release) -> None:
    release.run("INSERT INTO t (email) VALUES ('Foo@X.com'), ('bar@x.com')")
    release.submit(CHANGE)
    release.to(State.BACKFILLED)
    assert release.rows("SELECT email, mail FROM t ORDER BY id") == [
        ("Foo@X.com", "foo@x.com"),
        ("bar@x.com", "bar@x.com"),
    ]


def test_an_early_new_version_reaches_a_required_old_column(release: Release) -> None:
    release.run("UPDATE t SET email = '' WHERE email IS NULL", "ALTER TABLE t ALTER email SET NOT NULL")
    release.submit("rename_column: {table: t, column: email, to: mail}")
    release.to(State.EXPANDED)
    release.run("INSERT INTO t (mail) VALUES ('new@x.com')", "UPDATE t SET mail = 'newer@x.com'")
    assert release.rows("SELECT email, mail FROM t") == [("newer@x.com", "newer@x.com")]
