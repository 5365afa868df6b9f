"""Is schema ``orch_target`` there, as this orch needs it, and ours to write?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.diagnosis._sight import AT_TARGET, Answer, Look, Sight, names
from state.model import Verdict

_OWNED = """
SELECT quote_ident(pg_get_userbyid(n.nspowner)), pg_has_role(session_user, n.nspowner, 'USAGE')
  FROM pg_namespace n WHERE n.nspname = 'orch_target'
"""
_CREATE = "SELECT has_database_privilege(session_user, current_database(), 'CREATE')"
_NAME = "schema orch_target"


def see(sight: Sight) -> Iterator[Answer]:
    """Missing, older than this code, or somebody else's."""
    owned = sight.reader.rows(_OWNED)
    lacking = sight.target.lacking()
    login, database = names(sight.reader)
    if not owned:
        may = sight.reader.rows(_CREATE)[0][0]
        step = "orch init" if may else f"GRANT CREATE ON DATABASE {database} TO {login}, then orch init"
        yield Answer(_NAME, Verdict.FAIL, "missing: no step can be fenced or marked, so none is run", step)
        return
    if lacking:
        detail = f"older than this orch ({', '.join(lacking)}): steps that need it fail"
        yield Answer(_NAME, Verdict.FAIL, detail, "orch init")
    if sight.duties.runs and not owned[0][1]:
        detail = f"belongs to {owned[0][0]}: this login can neither raise a fence nor leave a marker"
        yield Answer(_NAME, Verdict.FAIL, detail, f"GRANT {owned[0][0]} TO {login}")
    elif not lacking:
        yield Answer(_NAME, Verdict.PASS, "there, as this orch needs it")


plugin = Look(AT_TARGET, see)
