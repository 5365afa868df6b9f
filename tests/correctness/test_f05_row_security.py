"""F5: row security must not hide rows from the backfill and from checks: refused, never filtered."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import OrchError
from orchestrator.service import Service
from state.model import State
from tests.support.release import Release


def test_a_login_that_policies_bind_is_refused_not_filtered(release: Release) -> None:
    role = "orch_f5_owner"
    release.run(
        f"DROP ROLE IF EXISTS {role}",
        f"CREATE ROLE {role} LOGIN",
        "INSERT INTO t (email, other) SELECT 'e' || i, mod(i, 2) FROM generate_series(1, 10) i",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t FORCE ROW LEVEL SECURITY",
        "CREATE POLICY half ON t USING (other = 1)",
        f"ALTER TABLE t OWNER TO {role}",
        f"GRANT pg_monitor TO {role}",
        f"GRANT ALL ON SCHEMA orch_target, public TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA orch_target TO {role}",
    )
    try:
        bound = TargetConfig("t", make_conninfo(release.url, user=role))
        with Service(Config(registry_url=release.url, targets={"t": bound})) as service:
            limited = Release(release.url, service)
            limited.submit("rename_column: {table: t, column: email, to: mail}")
            limited.to(State.EXPANDED)
            service.approve("change")
            with pytest.raises(OrchError, match=r"row-level security|42501"):
                service.advance("change")
        release.to(State.BACKFILLED)
        assert release.rows("SELECT count(*) FROM t WHERE mail = email") == [(10,)]
    finally:
        with psycopg.connect(release.url, autocommit=True) as link:
            link.execute(f"REASSIGN OWNED BY {role} TO postgres".encode())
            link.execute(f"DROP OWNED BY {role}".encode())
            link.execute(f"DROP ROLE {role}".encode())
