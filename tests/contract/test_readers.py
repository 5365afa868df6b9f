"""Who still reads the column by a statement, a body or a connection: contract is refused, and allowed once they have moved."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from orchestrator.core.errors import OrchError
from state.model import State
from tests.contract.ways import RENAME
from tests.service.world import QUICK, World

FROM_A_FILE = QUICK + "readers: {statements: file, old_versions: shop@1.%}\n"
MOVED = "SELECT remark FROM orders WHERE id = $1"
BODY = "CREATE FUNCTION reads() RETURNS {} LANGUAGE plpgsql AS $$ {} $$"
TRIGGER = "CREATE TRIGGER a_reader BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION reads()"


@dataclass(frozen=True)
class Reader:
    """A statement in use, or what stands in the database, with words of the refusal."""

    words: str
    statement: str = MOVED
    stands: tuple[str, ...] = ()
    gone: tuple[str, ...] = ("DROP FUNCTION IF EXISTS reads CASCADE",)
    connected: str = "shop@2.0"


READERS = {
    "a statement reads it": Reader("breaks", "SELECT id FROM orders WHERE note = $1"),
    "a statement writes it": Reader("breaks", "UPDATE orders SET note = $1 WHERE id = $2"),
    "a statement orders by it": Reader("breaks", "SELECT id FROM orders ORDER BY note LIMIT 5"),
    "an upsert writes it": Reader(
        "breaks",
        "INSERT INTO orders (id, email, quantity) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET note = 'again'",
    ),
    "every column is read": Reader(r"SELECT \*", "SELECT * FROM orders WHERE id = $1"),
    "whole rows are read": Reader("whole row", "SELECT row_to_json(o) FROM orders o"),
    "values are inserted by position": Reader(
        "positional INSERT", "INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6)"
    ),
    "a statement cannot be judged and names it": Reader("cannot be judged", "SELECT note FROM orders WHERE id == $1"),
    "a function nobody called yet": Reader(
        r"function public\.reads",
        stands=(BODY.format("text", "BEGIN RETURN (SELECT note FROM orders WHERE id = 1); END"),),
    ),
    "a function that puts its statement together": Reader(
        "look at it",
        stands=(BODY.format("void", "BEGIN EXECUTE 'UPDATE orders SET note = 1'; END"),),
    ),
    "a trigger's body": Reader(
        r"function public\.reads",
        stands=(BODY.format("trigger", "BEGIN NEW.ticket := length(NEW.note); RETURN NEW; END"), TRIGGER),
    ),
    "an old version is still connected": Reader("sessions of old versions", connected="shop@1.9"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_contract_is_refused_while_it_reads_and_allowed_once_it_has_moved(
    world: World, reader: Reader, tmp_path: Path
) -> None:
    captured = tmp_path / "captured.sql"
    world.submit(RENAME, more=FROM_A_FILE)
    world.to(State.SWITCHED)
    world.run(*reader.stands)
    captured.write_text(reader.statement)
    before = world.rows("SELECT id, note FROM orders ORDER BY id")
    with ExitStack() as connected:
        connected.enter_context(psycopg.connect(world.url, application_name=reader.connected))
        with pytest.raises(OrchError, match=reader.words) as refused:
            world.service.approve("change", statements=str(captured))
            world.service.advance("change", statements=str(captured))
        assert refused.value.exit_code in (3, 4)  # 3 where nobody can tell
    assert world.service.status("change").state is State.SWITCHED
    assert world.rows("SELECT id, note FROM orders ORDER BY id") == before
    world.run(*reader.gone)
    captured.write_text(MOVED)
    world.service.verify("change", statements=str(captured))
    world.service.approve("change", statements=str(captured))
    assert world.service.advance("change", statements=str(captured)).state is State.CONTRACTED
