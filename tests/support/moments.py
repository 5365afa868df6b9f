"""A release, both databases copied at every moment at which one of them has moved, and put together again in any way.

Registry and Target are two databases here, so that each can fall back by itself, as after a failover that lost commits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from orchestrator.core.errors import Indeterminate, OrchError
from orchestrator.core.progress import Progress
from orchestrator.embedded import Server
from orchestrator.service import Service
from state.model import State
from tests.service.world import QUICK, Copies, Shape, contents, copied, copying, service_at, shape, source

RENAME = "rename_column: {table: orders, column: note, to: remark}"
SMALL = "DELETE FROM orders WHERE id > 12; ALTER TABLE orders DROP COLUMN ticket; DROP INDEX orders_email_idx"
WAYS = {
    "there and back and there": "advance advance advance advance undo advance undo advance advance advance advance",
    "aborted in the end": "advance advance advance advance undo advance abort advance",
}


@dataclass(frozen=True)
class Moment:
    """Copies of both databases, and what was happening."""

    name: str
    registry: str
    target: str


_copies = itertools.count(1)
"""Over the whole process: the copies of one recording are still there when the next one is made."""


@contextmanager
def recorded(
    server: Server,
    maintenance: psycopg.Connection[Any],
    template: str,
    worker_id: str,
    way: str,
    *,
    often: bool = True,
) -> Iterator[Recorded]:
    """Record a release that goes one of the WAYS; not ``often`` takes only the moments at which it rests.

    The copies go with the server, which is temporary: dropping a database takes longer than making one.
    """

    def copy(url: str) -> str:
        name = f"lost_{worker_id}_{next(_copies)}"
        copied(maintenance, name, str(conninfo_to_dict(url)["dbname"]))
        return server.url(name)

    def drop(url: str) -> None:
        name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    with copying(server, maintenance, template, worker_id) as fresh:
        yield Recorded(_record(WAYS[way], fresh, copy, often=often), copy, drop, *_plain(fresh))


@dataclass
class Recorded:
    """A release, moment by moment; ``before`` and ``after`` are the shapes that plain DDL gives."""

    moments: list[Moment]
    copy: Callable[[str], str]
    drop: Callable[[str], None]
    before: Shape
    after: Shape

    def pairs(self) -> list[tuple[Moment, Moment]]:
        """Every moment of the Registry with every moment at which the Target had moved."""
        moved = [self.moments[0], *(moment for moment in self.moments if " step.done: " in moment.name)]
        return list(itertools.product(self.moments, moved))


def _plain(fresh: Copies) -> tuple[Shape, Shape]:
    with psycopg.connect(fresh()) as link:
        link.execute(SMALL)
        before = shape(link)
        link.execute("ALTER TABLE orders RENAME note TO remark")
        return before, shape(link)


def _record(way: str, fresh: Copies, copy: Callable[[str], str], *, often: bool) -> list[Moment]:
    registry, target = fresh(), fresh()
    with psycopg.connect(target, autocommit=True) as link:
        link.execute(SMALL)
    moments: list[Moment] = []
    with service_at(registry, target) as service:

        def take(name: str) -> None:
            service.close()
            moments.append(Moment(f"{len(moments)} {name}", copy(registry), copy(target)))

        def listen(progress: Progress) -> None:
            if often and progress.kind in ("step.done", "phase"):
                take(f"{progress.kind}: {progress.message}")

        service.submit(source(RENAME, more=QUICK), "change.yaml")
        take("submitted")
        for verb in way.split():
            _speak(service, verb, listen)
            take(f"after {verb}: {service.status('change').state}")
    return moments


def _speak(service: Service, verb: str, listen: Callable[[Progress], None]) -> None:
    if verb == "undo":
        service.undo("change", reason="a test says so")
    elif verb == "abort":
        service.abort("change", reason="a test says so")
    else:
        status = service.status("change")
        if status.gate is not None and any(need.kind == "approval" for need in status.gate.missing):
            service.approve("change")
        service.advance("change", listen=listen)


def fault_of(recording: Recorded, known: Moment, shown: Moment) -> str | None:
    """What is wrong with the end of a pair."""
    registry, target = together(recording, known, shown)
    try:
        _end_of(recording, registry, target)
    except AssertionError as error:
        return f"registry at {known.name}, target at {shown.name}: {error}"
    recording.drop(registry)
    recording.drop(target)
    return None


def together(recording: Recorded, known: Moment, shown: Moment) -> tuple[str, str]:
    """URLs of a Registry and a Target of two moments; leases of the first have run out."""
    registry, target = recording.copy(known.registry), recording.copy(shown.target)
    with psycopg.connect(registry, autocommit=True) as link:
        link.execute("UPDATE orch.lease SET expires_at = clock_timestamp() WHERE owner IS NOT NULL")
    return registry, target


def _end_of(recording: Recorded, registry: str, target: str) -> None:
    with service_at(registry, target) as service, psycopg.connect(target, autocommit=True) as application:
        written = Written(application)
        end = _until_it_rests(service, written)
        assert service.audit_verify() == [], "the history does not verify"
        assert end in (State.COMPLETED, State.ABORTED), f"it rests as {end}"
        written.compare()
        found = shape(application)
        expected = recording.after if end is State.COMPLETED else recording.before
        for part, rows in expected.items():
            assert found[part] == rows, f"{end}, {part}: {found[part]} instead of {rows}"


def _until_it_rests(service: Service, written: Written) -> State:
    said = ""
    for _ in range(16):
        written.go_on()
        try:
            status = service.status("change")
            if status.gate is not None and any(need.kind == "approval" for need in status.gate.missing):
                service.approve("change")
            before = status.state
            status = service.advance("change")
            if status.state is before and before in (State.COMPLETED, State.ABORTED):
                written.go_on()
                return status.state
        except Indeterminate as error:
            raise AssertionError(f"exit 7: {error}") from error
        except OrchError as error:
            said = f"{type(error).__name__}: {error}"
    raise AssertionError(f"it never rests: {service.status('change').state}, {said}")


_SYNCED = """
SELECT FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal UNION ALL
SELECT WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note')
"""


class Written:
    """What applications wrote, through each shape that is there."""

    def __init__(self, link: psycopg.Connection[tuple[object, ...]]) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._said: dict[str, str] = {
            str(row["id"]): str(row.get("remark") or row.get("note") or row.get(self._parked(row) or "") or "")
            for row in contents(link)
        }

    @staticmethod
    def _parked(row: dict[str, object]) -> str | None:
        return next((name for name in row if name.startswith("_orch_parked_")), None)

    def go_on(self) -> None:
        """Insert and update through note, and through remark where something keeps it in sync or it stands alone."""
        synced = self._link.execute(_SYNCED).fetchall()
        for column in ("note", "remark") if synced else ("note",):
            number = next(self._numbers)
            try:
                (row,) = self._link.execute(
                    sql.SQL("INSERT INTO orders (email, quantity, {c}) VALUES ('e', 1, {v}) RETURNING id").format(
                        c=sql.Identifier(column), v=sql.Literal(f"i{number}")
                    )
                ).fetchall()
                self._link.execute(
                    sql.SQL("UPDATE orders SET {c} = {v} WHERE id = 3").format(
                        c=sql.Identifier(column), v=sql.Literal(f"u{number}")
                    )
                )
            except psycopg.errors.UndefinedColumn as error:
                if any(column in row for row in contents(self._link)):
                    raise AssertionError(f"a write through {column} failed: {error}") from error
            except psycopg.Error as error:
                raise AssertionError(f"a write through {column} failed: {error}") from error
            else:
                self._said[str(row[0])] = f"i{number}"
                self._said["3"] = f"u{number}"

    def compare(self) -> None:
        """Every row says what was written last, in the one shape that is left."""
        found = {str(row["id"]): str(row.get("remark") or row.get("note") or "") for row in contents(self._link)}
        wrong = {key: (found.get(key), said) for key, said in self._said.items() if found.get(key) != said}
        assert not wrong, f"(found, written): {wrong}"
