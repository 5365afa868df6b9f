"""The backfill against what people do without orch: how fast, how much WAL, how much growth, and what orch itself costs of it.

Why it exists: a gentle backfill that is slow is switched off. Everything is taken side by side; a round that meets other load
spoils its own ratio only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg

from orchestrator.dialects.postgres import backfill
from orchestrator.dialects.postgres.text import text
from orchestrator.engine.lanes import Lanes
from tests.bench.scene import ROUNDS, ROWS, Ratio, Table, Took, measured, prepared, taken_back

SMALL = int(os.environ.get("ORCH_BENCH_SMALL", str(2 * ROWS)))
LARGE = int(os.environ.get("ORCH_BENCH_LARGE", str(10 * SMALL)))
BARE, INDEXED = Table("no index"), Table("4 indexes", indexes=4, pad=60)
TABLES = (
    BARE,
    Table("no index, two lanes", lanes=2),
    INDEXED,
    Table("4 indexes, two lanes", indexes=4, pad=60, lanes=2),
    Table("random uuid key, 4 indexes", indexes=4, pad=60, uuid=True),
    Table("rows of 1 kB, 4 indexes", indexes=4, pad=900, rows=ROWS // 4),
)


class Round(NamedTuple):
    """The same table filled in four ways.

    By one UPDATE; by one beside the sync of a change; by a loop of the backfill's UPDATEs beside it, one transaction each; by the
    backfill. ``loop`` and ``walk`` are the seconds of its batches alone, without what comes before and after.
    """

    whole: Took
    synced: Took
    bare: Took
    ours: Took
    loop: float
    walk: float


def against_one_update(url: str, table: Table) -> list[Ratio]:
    """Our backfill phase (with lease, fence, cursor, events and the proof of NOT NULL) against one UPDATE and SET NOT NULL.

    Where the rest goes is told beside. Once the sync's triggers are there, PostgreSQL locks a row, and logs that, before it asks
    a BEFORE ROW trigger whether it has anything to do; batches read a window once for each stripe; then come cursor, fence,
    controller and events.
    """
    name = f"{table.name}, {table.rows:,} rows, against one UPDATE:"
    rounds = [_round(url, table, f"one-{abs(hash(table)) % 10**6}-{number}") for number in range(ROUNDS)]
    figures = {
        "rows/s": [each.whole.seconds / each.ours.seconds for each in rounds],
        "WAL": [each.ours.wal / each.whole.wal for each in rounds],
        "size after, to before": [each.ours.size / each.ours.before for each in rounds],
        "of the same UPDATE beside the sync, rows/s": [each.whole.seconds / each.synced.seconds for each in rounds],
        "of the same UPDATE beside the sync, WAL": [each.synced.wal / each.whole.wal for each in rounds],
        "of a bare loop of our UPDATEs, rows/s": [each.whole.seconds / each.bare.seconds for each in rounds],
        "of a bare loop of our UPDATEs, WAL": [each.bare.wal / each.whole.wal for each in rounds],
    }
    walked = Ratio(
        f"{table.name}, the walk against a bare loop of its UPDATEs",
        "× the time (bar: 1.1)",
        tuple(each.walk / each.loop for each in rounds),
    )
    return [*(Ratio(f"{name} {what}", "×", tuple(values)) for what, values in figures.items()), walked]


def _round(url: str, table: Table, change: str) -> Round:
    with psycopg.connect(url, autocommit=True) as link:
        table.make(link)
        link.execute("ALTER TABLE orders ADD COLUMN customer_email text")
        whole = measured(link, lambda: _one_update(link))
        synced = _beside_sync(url, link, table, f"{change}-synced", lambda: _one_update(link))
        table.make(link)
        heard = Heard([], [])
        run = prepared(url, change, table.lanes)
        ours = measured(link, lambda: heard.of(run))
        taken_back(url, change)
        loops: list[float] = []
        bare = _beside_sync(url, link, table, f"{change}-bare", lambda: loops.append(_loop(link, heard.sent)))
    return Round(whole, synced, bare, ours, loops[0], heard.seconds[0])


def _beside_sync(url: str, link: psycopg.Connection, table: Table, change: str, work: Callable[[], None]) -> Took:
    """Some work on the table anew, beside a sync whose triggers leave this session's writes alone."""
    table.make(link)
    prepared(url, change, table.lanes)
    link.execute("SET orch.own = 'on'")
    took = measured(link, work)
    link.execute("RESET orch.own")
    taken_back(url, change)
    return took


def _one_update(link: psycopg.Connection) -> None:
    """What people do without orch."""
    link.execute("UPDATE orders SET customer_email = email WHERE customer_email IS NULL")
    link.execute(_PROOF)


def _loop(link: psycopg.Connection, sent: list[bytes]) -> float:
    """The same statements, one transaction each; returns the seconds they took, without those of the proof."""
    link.execute("SET synchronous_commit = off")
    started = time.perf_counter()
    for statement in sent:
        link.execute(b"BEGIN; " + statement + b"; COMMIT")
    seconds = time.perf_counter() - started
    link.execute("RESET synchronous_commit")
    link.execute(_PROOF)
    return seconds


_PROOF = "ALTER TABLE orders ALTER customer_email SET NOT NULL"


class Heard(NamedTuple):
    """What a backfill sent, and the seconds of its batches."""

    sent: list[bytes]
    seconds: list[float]

    def of(self, run: Callable[[], None]) -> None:
        """Run it, and listen."""
        message, walk = backfill._sent, Lanes.fill

        def listening(send: Any, step: Any, mark: Any, statement: Any, *rest: Any) -> Any:
            self.sent.append(text(statement).encode())
            return message(send, step, mark, statement, *rest)

        def timed(lanes: Lanes) -> None:
            started = time.perf_counter()
            walk(lanes)
            self.seconds.append(time.perf_counter() - started)

        with patch.object(backfill, "_sent", listening), patch.object(Lanes, "fill", timed):
            run()


_DIRECTION = """
CREATE OR REPLACE FUNCTION touched_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE path text; latest text := 'public_new';
BEGIN
  SELECT current_setting('search_path') INTO path;
  IF path {side} latest THEN NEW.{to} := NEW.{source}; END IF;
  NEW.needs_backfill := false;
  RETURN NEW;
END$$;
CREATE TRIGGER touched_{name} BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touched_{name}()"""
_TOUCH = """
WITH batch AS (SELECT id FROM orders WHERE needs_backfill AND id > %s ORDER BY id LIMIT 1000 FOR NO KEY UPDATE),
     touched AS (UPDATE orders SET id = orders.id FROM batch WHERE orders.id = batch.id RETURNING orders.id)
SELECT max(id) FROM touched"""


def against_touching(url: str, table: Table) -> list[Ratio]:
    """Against the template of peers: two triggers that tell the direction by search_path, and batches that touch rows."""
    rounds = []
    for round_ in range(ROUNDS):
        with psycopg.connect(url, autocommit=True) as link:
            table.make(link)
            _triggers_of_peers(link)
            theirs = measured(link, lambda: _touch_all(link))
            table.make(link)
            change = f"touch-{abs(hash(table)) % 10**6}-{round_}"
            ours = measured(link, prepared(url, change, table.lanes))
        taken_back(url, change)
        rounds.append(theirs.seconds / ours.seconds)
    return [Ratio(f"{table.name}, against touching rows for two triggers: rows/s", "× (bar: 5)", tuple(rounds))]


def _triggers_of_peers(link: psycopg.Connection) -> None:
    """Old and new column, each written by a trigger where the other application wrote, and a mark of what is still to touch."""
    link.execute("ALTER TABLE orders ADD COLUMN customer_email text, ADD COLUMN needs_backfill boolean DEFAULT true")
    up = {"name": "up", "side": "!=", "to": "customer_email", "source": "email"}
    down = {"name": "down", "side": "=", "to": "email", "source": "customer_email"}
    for direction in (up, down):
        link.execute(_DIRECTION.format(**direction).encode())


def _touch_all(link: psycopg.Connection) -> None:
    last: Any = 0
    while last is not None:
        (last,) = link.execute(_TOUCH, (last,)).fetchone() or (None,)


def at_scale(url: str) -> list[Ratio]:
    """The cost of a row in a table ten times as big, and the memory of the worker that fills it, a process of its own."""
    seconds, memory = [], []
    for rows in (SMALL, LARGE):
        with psycopg.connect(url, autocommit=True) as link:
            Table("scale", rows=rows).make(link)
        prepared(url, f"scale-{rows}")
        started = time.perf_counter()
        memory.append(_advanced(url, f"scale-{rows}"))
        seconds.append((time.perf_counter() - started) / rows)
        taken_back(url, f"scale-{rows}")
    return [
        Ratio(f"cost of a row, {LARGE:,} rows against {SMALL:,}", "× (bar: 1.15)", (seconds[1] / seconds[0],)),
        Ratio("memory of the worker, greater table", "MB (bar: 120)", (memory[1],)),
        Ratio("memory of the worker, greater table against smaller", "×", (memory[1] / memory[0],)),
    ]


def _advanced(url: str, change: str) -> float:
    """Run the phase in a process of its own; its greatest resident memory in MB."""
    orch = Path(sys.executable).with_name("orch")
    child = subprocess.Popen([orch, "advance", change], env={**os.environ, "ORCH_URL": url}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_maxrss * (1 if sys.platform == "linux" else 1 / 1024) / 1024


def all_of_it(url: str) -> list[Ratio]:
    """Every figure about the backfill alone."""
    ratios = [ratio for table in TABLES for ratio in against_one_update(url, table)]
    touched = [ratio for table in (BARE, INDEXED) for ratio in against_touching(url, table)]
    return [*ratios, *touched, *at_scale(url)]
