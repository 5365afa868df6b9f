"""What a look has before it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from orchestrator.core.ports import Reader, Target
from state import known
from state.known import Known
from state.machine import TERMINAL
from state.model import Verdict
from state.store import Registry


class Place(StrEnum):
    """Where a look looks. Registry and Target may be one database; each look then belongs to the role it has in it."""

    REGISTRY = "registry"
    TARGET = "target"


class Answer(NamedTuple):
    """One finding. ``step`` is the command that repairs it; empty where nothing is wrong."""

    name: str
    verdict: Verdict
    detail: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Duties:
    """What the login is for, by its roles in the Registry. Where roles are not in force, it is for everything."""

    runs: bool = True
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """One database, the Changes that are not over there, and what the login is for."""

    reader: Reader
    target: Target
    registry: Registry
    live: tuple[Known, ...]
    duties: Duties


@dataclass(frozen=True, slots=True)
class Look:
    """A question about one database and who answers it. Raises TargetError or OrchError where it cannot."""

    places: frozenset[Place]
    see: Callable[[Sight], Iterable[Answer]]


EVERYWHERE = frozenset(Place)
AT_TARGET = frozenset({Place.TARGET})
AT_REGISTRY = frozenset({Place.REGISTRY})

_DUTIES = """
SELECT NOT n.separated OR r.rolsuper OR n.member && ARRAY['orch_worker', 'orch_owner'],
       NOT n.separated OR r.rolsuper OR n.member && ARRAY['orch_operator', 'orch_worker', 'orch_owner']
  FROM pg_roles r, LATERAL (
    SELECT pg_get_userbyid(s.nspowner) = 'orch_owner' AS separated,
           ARRAY(SELECT g.rolname::text FROM pg_roles g
                  WHERE g.rolname IN ('orch_worker', 'orch_operator', 'orch_owner')
                    AND pg_has_role(r.oid, g.oid, 'MEMBER')) AS member
      FROM pg_namespace s WHERE s.nspname = 'orch') n
 WHERE r.rolname = session_user
"""
_SETTING = """
SELECT reset_val::bigint * CASE unit WHEN 's' THEN 1000 WHEN 'min' THEN 60000 ELSE 1 END
  FROM pg_settings WHERE name = %s
"""


def duties(reader: Reader) -> Duties:
    """What the login that the Registry knows is for."""
    return Duties(*reader.rows(_DUTIES)[0])


def live(registry: Registry) -> tuple[Known, ...]:
    """Every Change that is not over."""
    with registry.reading() as connection:
        return tuple(each for each in known.everything(connection) if each.change.state not in TERMINAL)


def one(reader: Reader, query: str) -> Any:
    """The single answer to a question."""
    return reader.rows(query)[0][0]


def milliseconds(reader: Reader, name: str) -> int | None:
    """What a session of this login begins with, whatever we set in it afterwards; None where the server lacks it."""
    found = reader.rows(_SETTING, (name,))
    return int(found[0][0]) if found else None


def names(reader: Reader) -> tuple[str, str]:
    """The login and the database, as they are written in a command."""
    login, database = reader.rows("SELECT quote_ident(session_user), quote_ident(current_database())")[0]
    return str(login), str(database)
