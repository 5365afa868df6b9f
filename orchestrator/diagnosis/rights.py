"""What ``orch doctor`` says of the Registry's roles, rights and settings, and what each lack costs.

Why it exists: four-eyes and a history that cannot be rewritten rest on who is connected as what. PostgreSQL enforces it only
where the roles are in force, so what is not enforced must be said. A lack that one person may have chosen is
``unknown``; what breaks the tool or its proof is ``fail``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.diagnosis._sight import AT_REGISTRY, Answer, Look, Sight
from state.model import Verdict

_BOTH = {"orch_worker", "orch_operator"}
_ROLES = ("orch_owner", "orch_worker", "orch_operator", "orch_auditor")
_LOGINS = """
SELECT l.rolname, l.rolsuper, l.rolname = session_user AS ours, ARRAY(
    SELECT g.rolname::text FROM pg_roles g
    WHERE g.rolname IN ('orch_owner', 'orch_worker', 'orch_operator', 'orch_auditor')
        AND (pg_has_role(l.oid, g.oid, 'USAGE') OR pg_has_role(l.oid, g.oid,
            CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END))) AS roles
FROM pg_roles l WHERE l.rolcanlogin ORDER BY 1"""
_OWNER = """
SELECT r.rolname, r.rolcanlogin FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'orch'"""
_FOREIGN = """
SELECT x.name FROM (
    SELECT c.relname AS name, c.relowner AS owner, c.relnamespace AS place FROM pg_class c WHERE c.relkind IN ('r', 'v')
    UNION ALL SELECT p.proname, p.proowner, p.pronamespace FROM pg_proc p) x
JOIN pg_namespace n ON n.oid = x.place AND n.nspname = 'orch' WHERE x.owner <> n.nspowner ORDER BY 1"""
_STRAY = """
SELECT DISTINCT coalesce(r.rolname, 'PUBLIC') FROM (
    SELECT c.relacl AS acl, c.relowner AS owner, c.relnamespace AS place FROM pg_class c
    UNION ALL SELECT a.attacl, c.relowner, c.relnamespace FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    UNION ALL SELECT p.proacl, p.proowner, p.pronamespace FROM pg_proc p
        WHERE p.prosecdef OR p.proname = 'link_event') x
JOIN pg_namespace n ON n.oid = x.place AND n.nspname = 'orch'
CROSS JOIN LATERAL aclexplode(x.acl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE g.grantee <> x.owner AND g.privilege_type <> 'SELECT'
    AND coalesce(r.rolname, 'PUBLIC') NOT IN ('orch_worker', 'orch_operator') ORDER BY 1"""
_ASLEEP = """
SELECT c.relname || '.' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'orch'
WHERE NOT t.tgisinternal AND t.tgenabled <> 'A' ORDER BY 1"""
_GUARDS = """
SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'orch' WHERE NOT t.tgisinternal"""
GUARDS = 11
"""Triggers that keep the history append-only and what was submitted fixed."""


def see(sight: Sight) -> Iterator[Answer]:
    """Every finding about a Registry that is reachable and up to date."""
    with sight.registry.reading() as connection:
        owner = connection.execute(text(_OWNER)).one()
        separated = owner.rolname == "orch_owner"
        logins = connection.execute(text(_LOGINS)).all()
        yield from _owned(connection, owner.rolname, owner.rolcanlogin)
        yield from _login(logins, separated)
        yield from _both(logins) if separated else ()
        yield from _strays(connection, separated)
        yield from _triggers(connection)


def _words(connection: Connection, query: str) -> list[str]:
    return [str(word) for word in connection.execute(text(query)).scalars()]


def _owned(connection: Connection, owner: str, can_login: bool) -> Iterator[Answer]:
    if owner != "orch_owner":
        cost = "that login may disable triggers, write approvals in any name and rewrite the history"
        yield Answer("roles", Verdict.UNKNOWN, f"not separated: {owner} owns schema orch; {cost}", "orch init --roles")
        return
    missing = [role for role in _ROLES if role not in _words(connection, "SELECT rolname FROM pg_roles")]
    if missing:
        yield Answer(
            "roles", Verdict.FAIL, f"missing: {', '.join(missing)}; nobody can be given them", "orch init --roles"
        )
    elif can_login:
        detail = "orch_owner can log in; whoever does may rewrite the history"
        yield Answer("roles", Verdict.FAIL, detail, "ALTER ROLE orch_owner NOLOGIN")
    else:
        yield Answer("roles", Verdict.PASS, "schema orch belongs to orch_owner, which nobody logs in as")
    if foreign := _words(connection, _FOREIGN):
        detail = f"{', '.join(foreign)} do not belong to orch_owner; their owner may change them"
        yield Answer("ownership", Verdict.FAIL, detail, "orch init --roles")


def _login(logins: Sequence[Row[Any]], separated: bool) -> Iterator[Answer]:
    (login,) = (each for each in logins if each.ours)
    name = f"login {login.rolname}"
    if login.rolsuper:
        detail = (
            "a superuser: no grant or trigger binds it, and it may take any other name (SET SESSION AUTHORIZATION); "
            "approvals prove nothing against it, only an anchor kept outside does"
        )
        yield Answer(
            name, Verdict.UNKNOWN, detail, "connect as a login of your own; GRANT orch_operator or orch_worker TO it"
        )
    if not separated or login.rolsuper:
        return
    if "orch_owner" in login.roles:
        detail = "a member of orch_owner: it may disable triggers, rewrite the history and break glass"
        yield Answer(
            name, Verdict.UNKNOWN, detail, "keep it for orch init and emergencies; use another login every day"
        )
    if {*login.roles} >= _BOTH:
        detail = "member of orch_worker and orch_operator: it may approve what it runs, so four-eyes is moot"
        yield Answer(name, Verdict.UNKNOWN, detail, f"REVOKE one of them: REVOKE orch_operator FROM {login.rolname}")
    able = {
        "orch_worker": "may submit, verify and advance; cannot approve",
        "orch_operator": "may approve, reject, pause, resume, ask to advance, abort and undo; cannot run",
        "orch_auditor": "may read; cannot write",
    }
    found = [f"{role}: {words}" for role, words in able.items() if role in login.roles]
    if found:
        yield Answer(name, Verdict.PASS, "; ".join(found))
    elif "orch_owner" not in login.roles:
        yield Answer(
            name,
            Verdict.FAIL,
            "member of none of the roles: it can do nothing here",
            f"GRANT orch_auditor TO {login.rolname}",
        )


def _both(logins: Sequence[Row[Any]]) -> Iterator[Answer]:
    both = [str(each.rolname) for each in logins if not each.rolsuper and {*each.roles} >= _BOTH]
    if both:
        detail = f"{', '.join(both)} may run and approve at once: four-eyes is moot for them"
        yield Answer("four eyes", Verdict.UNKNOWN, detail, "REVOKE orch_worker or orch_operator FROM each")
    else:
        yield Answer("four eyes", Verdict.PASS, "no login may both run and approve, superusers aside")


def _strays(connection: Connection, separated: bool) -> Iterator[Answer]:
    if not (stray := _words(connection, _STRAY)):
        return
    detail = f"{', '.join(stray)} may write here by grants of their own, besides the roles"
    step = "; ".join(
        f"REVOKE ALL ON ALL {kind} IN SCHEMA orch FROM {', '.join(stray)}" for kind in ("TABLES", "FUNCTIONS")
    )
    yield Answer("grants", Verdict.FAIL if separated or "PUBLIC" in stray else Verdict.UNKNOWN, detail, step)


def _triggers(connection: Connection) -> Iterator[Answer]:
    asleep = _words(connection, _ASLEEP)
    missing = GUARDS - int(_words(connection, _GUARDS)[0])
    if asleep or missing > 0:
        found = [f"{missing} of {GUARDS} are gone"] if missing > 0 else []
        found += [f"{', '.join(asleep)} not ENABLE ALWAYS"] if asleep else []
        detail = f"{'; '.join(found)}: history or submissions may be rewritten in passing"
        yield Answer(
            "triggers", Verdict.FAIL, detail, "orch audit --verify, then ALTER TABLE … ENABLE ALWAYS TRIGGER …"
        )
    else:
        yield Answer("triggers", Verdict.PASS, "the history is append-only")


plugin = Look(AT_REGISTRY, see)
