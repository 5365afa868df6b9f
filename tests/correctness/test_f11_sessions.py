"""F11: an expression must mean the same in every session that writes, and in trigger, backfill and checks."""

from __future__ import annotations

import psycopg
import pytest

from orchestrator.core.errors import PlanRefused
from state.model import State, Verdict
from tests.support.release import Release

CHANGE = "change_type: {table: t, column: at, to: at_tz, type: timestamptz}"


def test_time_zones_of_writers_do_not_matter(release: Release) -> None:
    release.run("INSERT INTO t (at) VALUES ('2026-07-01 12:00')")
    release.submit(CHANGE)
    release.to(State.EXPANDED)
    release.run(
        "SET TimeZone = 'America/New_York'; INSERT INTO t (at) VALUES ('2026-07-01 12:00')",
        "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; INSERT INTO t (at) VALUES ('2026-07-01 12:00')",
    )
    release.to(State.BACKFILLED)
    assert release.rows("SELECT count(DISTINCT at_tz), count(*) FROM t") == [(1, 3)]
    (found,) = release.service.verify("change", checks=["shapes_agree"]).findings
    assert found.verdict is Verdict.PASS


def test_a_function_off_the_writers_search_path_is_found(release: Release) -> None:
    release.run("CREATE FUNCTION tidy(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper($1)")
    release.submit("change_type: {table: t, column: email, to: mail, type: text, up: tidy(email), down: mail}")
    release.to(State.EXPANDED)
    with psycopg.connect(release.url, autocommit=True) as link:
        link.execute("SET search_path = pg_temp")
        link.execute("INSERT INTO public.t (email) VALUES ('a')")
    assert release.rows("SELECT mail FROM t") == [("A",)]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("email || random()", "volatile"),
        ("email || now()", "clock"),
        ("email || current_user", "clock"),
        ("(select 'x' || email from t limit 1)", "other rows"),
        ("email), (email", "single expression"),
        ("t.email", "without their table"),
        ("nothing", "does not exist"),
    ],
)
def test_expressions_on_which_sessions_could_disagree_are_refused(
    release: Release, expression: str, words: str
) -> None:
    with pytest.raises(PlanRefused, match=words):
        release.submit(
            f'change_type: {{table: t, column: email, to: mail, type: text, up: "{expression}", down: mail}}'
        )
