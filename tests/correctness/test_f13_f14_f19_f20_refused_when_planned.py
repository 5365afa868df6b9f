"""F13, F14, F19, F20: what cannot work is refused when planned, with the way around; plain SQL shows the failure first."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import Invalid, PlanRefused
from tests.support.release import Release

RENAME = "rename_column: {table: t, column: email, to: mail}"
SYNC = (
    "CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.mail := NEW.email; RETURN NEW; END'",
    "CREATE TRIGGER sync BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION sync()",
)


def _refused(release: Release, operation: str, reason: str, around: str) -> None:
    with pytest.raises(PlanRefused, match=reason) as refused:
        release.submit(operation)
    assert around in refused.value.next_step
    assert refused.value.exit_code == 2


def test_f13_a_child_bypasses_the_trigger_of_its_parent(release: Release) -> None:
    release.run("CREATE TABLE child () INHERITS (t)")
    _refused(release, RENAME, "children bypass the sync trigger", "NO INHERIT")
    release.run("ALTER TABLE t ADD mail text", *SYNC, "INSERT INTO child (id, email) VALUES (1, 'e')")
    assert release.rows("SELECT mail FROM t") == [(None,)]


def test_f13_a_rule_drops_the_new_column(release: Release) -> None:
    release.run(
        "CREATE TABLE elsewhere (LIKE t)",
        "CREATE RULE away AS ON INSERT TO t DO INSTEAD INSERT INTO elsewhere VALUES (NEW.*)",
    )
    _refused(release, RENAME, r"has rules \(away\)", "triggers")
    release.run("ALTER TABLE t ADD mail text", "ALTER TABLE elsewhere ADD mail text")
    release.run("INSERT INTO t (id, email, mail) VALUES (1, 'e', 'given')")
    assert release.rows("SELECT mail FROM elsewhere") == [(None,)]


def test_f13_a_generated_column_is_null_in_a_before_trigger(release: Release) -> None:
    release.run("ALTER TABLE t ADD twice int GENERATED ALWAYS AS (n * 2) STORED")
    _refused(release, "rename_column: {table: t, column: twice, to: mail}", "is generated", "computed from")
    release.run("ALTER TABLE t ADD mail int", SYNC[0].replace("NEW.email", "NEW.twice"), SYNC[1])
    release.run("INSERT INTO t (n) VALUES (35)")
    assert release.rows("SELECT twice, mail FROM t") == [(70, None)]


def test_f14_a_published_table_needs_its_subscribers_first(release: Release) -> None:
    release.run("CREATE PUBLICATION shown FOR TABLE t")
    _refused(release, RENAME, "publication shown", "drop or redefine")
    _refused(release, "add_column: {table: t, column: more, type: text}", "a subscriber without", "on every subscriber")


def test_f14_a_backfill_of_a_table_whose_updates_cannot_be_told(release: Release) -> None:
    release.run(
        "ALTER TABLE t REPLICA IDENTITY NOTHING", "CREATE PUBLICATION shown FOR TABLE t", "INSERT INTO t (n) VALUES (1)"
    )
    fill = "set_not_null: {table: t, column: email, fill: \"'none'\"}"
    _refused(release, fill, "published for UPDATE without a replica identity", "REPLICA IDENTITY USING INDEX, or FULL")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        release.run("UPDATE t SET email = 'none'")
    release.run("ALTER TABLE t REPLICA IDENTITY FULL")
    release.submit(fill)


def test_f19_a_second_unique_index_fails_the_upsert_on_the_first(release: Release) -> None:
    release.run("ALTER TABLE t ADD CONSTRAINT only_one UNIQUE (email)")
    _refused(release, RENAME, "unique index only_one", "views")
    release.run("ALTER TABLE t ADD mail text UNIQUE", "INSERT INTO t (email, mail) VALUES ('other', 'e')")
    with pytest.raises(psycopg.errors.UniqueViolation):  # the arbiter sees no conflict, the twin does
        release.run("INSERT INTO t (email, mail) VALUES ('e', 'e') ON CONFLICT (email) DO NOTHING")


def test_f20_a_swap_of_names_fails_prepared_statements(release: Release) -> None:
    with pytest.raises(Invalid, match="to"):
        release.submit("change_type: {table: t, column: n, type: bigint}")
    same = "change_type: {table: t, column: n, to: n, type: bigint}"
    _refused(release, same, "already has a column 'n'", "another name")
    with psycopg.connect(release.url, autocommit=True) as application:
        application.execute("PREPARE reading AS SELECT n FROM t")
        application.execute("EXECUTE reading")
        release.run("ALTER TABLE t ADD big bigint", "ALTER TABLE t RENAME n TO old", "ALTER TABLE t RENAME big TO n")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            application.execute("EXECUTE reading")
