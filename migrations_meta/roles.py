"""The four group roles of a Registry: who owns it, who runs it, who speaks at its gates, who reads.

Why it exists: PostgreSQL itself must tell a person from a worker. Roles belong to the server and registries to databases,
so two registries share the roles, and they are in force where ``orch_owner`` owns schema ``orch``. Everything here may be
repeated, and done twice at once.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from migrations_meta.script import sql_of
from state.errors import Unprivileged

ROLES = {
    "orch_owner": "owns schema orch and everything in it; nobody logs in as it",
    "orch_worker": "runs changes: submits, advances, records evidence",
    "orch_operator": "approves, rejects, pauses, resumes, asks to advance, abort or undo",
    "orch_auditor": "reads everything, writes nothing",
}

_MISSING = text(
    "SELECT r FROM unnest(CAST(:names AS text[])) r WHERE NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = r)"
)
# A role that another init creates at the same moment shows as a unique violation once that init commits.
_CREATE = """
DO $$ BEGIN CREATE ROLE {name} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
_LOGIN = text("""
SELECT session_user::text AS name, r.rolsuper AS super, r.rolsuper OR r.rolcreaterole AS creates
FROM pg_roles r WHERE r.rolname = session_user""")
_IS_OWNER = text("""
SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'orch_owner') AND pg_has_role(session_user, 'orch_owner',
    CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)""")
_IN_FORCE = text("SELECT pg_get_userbyid(nspowner) = 'orch_owner' FROM pg_namespace WHERE nspname = 'orch'")


def create(connection: Connection) -> list[str]:
    """Create the roles that are missing, and become able to hand objects to the owner. Raises Unprivileged."""
    login = connection.execute(_LOGIN).one()
    missing = list(connection.execute(_MISSING, {"names": list(ROLES)}).scalars())
    if missing and not login.creates:
        statements = " ".join(f"CREATE ROLE {name} NOLOGIN;" for name in missing)
        raise Unprivileged(
            f"{login.name} may not create roles, and {', '.join(missing)} do not exist; "
            f"let a superuser run orch init --roles, or run: {statements} GRANT orch_owner TO {login.name};"
        )
    for name in missing:
        connection.exec_driver_sql(_CREATE.format(name=name))
    if not connection.execute(_IS_OWNER).scalar_one():
        if not login.creates:
            raise Unprivileged(
                f"{login.name} is no member of orch_owner, so it cannot hand the registry over; "
                f"let a superuser run orch init --roles, or run: GRANT orch_owner TO {login.name};"
            )
        connection.exec_driver_sql("GRANT orch_owner TO SESSION_USER")
    return [f"role {name}: {ROLES[name]}" for name in missing]


def in_force(connection: Connection) -> bool:
    """Whether this Registry has handed itself to ``orch_owner``."""
    return bool(connection.execute(_IN_FORCE).scalar_one_or_none())


def become_owner(connection: Connection) -> None:
    """Act as ``orch_owner`` until the transaction ends, so that what is created belongs to it. Raises Unprivileged."""
    if not connection.execute(_IS_OWNER).scalar_one():
        name = connection.execute(_LOGIN).one().name
        raise Unprivileged(
            f"{name} is no member of orch_owner, which owns the registry; let one of its members run: orch init"
        )
    connection.exec_driver_sql("SET LOCAL ROLE orch_owner")


def grant(connection: Connection) -> None:
    """Hand everything to the owner and give each role what it needs."""
    connection.exec_driver_sql(sql_of("grants.sql"), execution_options={"no_parameters": True})
