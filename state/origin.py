"""Where a Registry is at home: the server and database it was set up in, and the addresses it is reached at.

Why it exists: a copy of production (a restored dump, a snapshot, a template) holds production's Registry, and a worker that finds
it would go on with production's changes on it. So ``orch init`` writes down where it ran, and whoever runs changes compares. The
system identifier and the database's number tell copies made of dumps and templates; a physical copy has both, and differs in the
address by which people reach it. A failover behind one address changes none of the three.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from state import tables
from state.model import OF_NONE, RegistryEvent

_SYSTEM = text("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
_MAY_ASK = text("SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")
_NUMBER = text(
    "SELECT oid::bigint, datname::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"
)


@dataclass(frozen=True, slots=True)
class Home:
    """One place. ``system`` is empty where the login may not ask for it; ``number`` is the database's oid."""

    system: str
    number: int
    database: str
    address: str

    def __str__(self) -> str:
        return f"database {self.database} ({self.number}) of server {self.system or 'unknown'} at {self.address}"


def address(url: str) -> str:
    """The servers that a URL names, whoever connects and with whichever options."""
    said = conninfo_to_dict(url)
    hosts = str(said.get("host") or said.get("hostaddr") or "local").split(",")
    ports = str(said.get("port") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return ",".join(sorted(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False)))


def here(connection: Connection, url: str) -> Home:
    """Where this connection leads."""
    number, database = connection.execute(_NUMBER).one()
    system = connection.execute(_SYSTEM).scalar_one() if connection.execute(_MAY_ASK).scalar_one() else ""
    return Home(system, number, database, address(url))


def homes(connection: Connection) -> list[Home]:
    """What was written down, of the server and database where it is at home now; a later home ends an earlier one."""
    column = tables.event.c
    query = select(column.payload).where(column.change_id == OF_NONE, column.kind == RegistryEvent.HOME.value)
    told = [json.loads(payload)["data"] for payload in connection.execute(query.order_by(column.seq)).scalars()]
    found = [Home(each["system"], each["number"], each["database"], each["address"]) for each in told]
    return [each for each in found if (each.system, each.number) == (found[-1].system, found[-1].number)]


def strange(known: list[Home], found: Home) -> str:
    """Why a place is not where the Registry is at home, in words; nothing where it is, or nobody wrote it down."""
    if not known:
        return ""
    home = known[-1]
    if home.number != found.number or (home.system and found.system and home.system != found.system):
        return f"it was set up in {home}, and this is {found}"
    if found.address not in {each.address for each in known}:
        return f"it is reached at {' or '.join(sorted({each.address for each in known}))}, and this is {found.address}"
    return ""


def unsettled(connection: Connection, found: Home, reason: str | None) -> bool:
    """Whether a home is to be written down: the first one, or another with a reason why it moved."""
    known = homes(connection)
    return not known or bool(reason and strange(known, found))


def settle(connection: Connection, found: Home, reason: str | None) -> None:
    """Write down where it is at home. Only who owns the Registry may."""
    data = bindparam("data", {**asdict(found), "reason": reason or "set up here"}, type_=JSONB)
    connection.execute(select(func.orch.link_event(OF_NONE, RegistryEvent.HOME.value, data)))
