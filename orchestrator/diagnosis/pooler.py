"""Is there a pooler between us and the server that hands a session's transactions to one backend after the other?

Our sessions are made of settings (``row_security``, ``orch.own``, ``lock_timeout``), of a name by which the next run finds
them, and of builds that no transaction may hold; behind such a pooler all of these belong to whoever comes next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.core.ports import Reader
from orchestrator.diagnosis._sight import EVERYWHERE, Answer, Look, Sight
from state.model import Verdict

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What two sessions, asked in turn and a transaction at a time, saw: their backends, and their own word each time."""

    backends: tuple[tuple[int, int], ...]
    words: tuple[tuple[str, str], ...]


def see(sight: Sight) -> Iterator[Answer]:
    """Two sessions at once, each with a setting of its own, asked in turn."""
    with sight.target.reader() as other:
        pair = (sight.reader, other)
        for reader, word in zip(pair, ("one", "two"), strict=True):
            reader.rows("SELECT set_config('orch.probe', %s, false)", (word,))
        asked = [(_asked(pair[0]), _asked(pair[1])) for _ in range(ROUNDS)]
    backends = tuple((one[0], two[0]) for one, two in asked)
    yield judge(Seen(backends, tuple((one[1], two[1]) for one, two in asked)))


def _asked(reader: Reader) -> tuple[int, str]:
    pid, word = reader.rows("SELECT pg_backend_pid(), coalesce(current_setting('orch.probe', true), '')")[0]
    return int(pid), str(word)


def judge(seen: Seen) -> Answer:
    """A session keeps its backend to itself, and its settings."""
    firsts, seconds = ({pair[turn] for pair in seen.backends} for turn in (0, 1))
    kept = all(pair == ("one", "two") for pair in seen.words)
    if len(firsts) == len(seconds) == 1 and firsts != seconds and kept:
        return Answer("pooler", Verdict.PASS, "a session keeps its backend and its settings")
    how = "two sessions shared a backend" if firsts & seconds else "a session changed its backend"
    lost = "" if kept else ", and settings were lost or another's"
    detail = (
        f"a pooler in transaction mode ({how}{lost}): row_security, orch.own and lock_timeout would reach the wrong"
        " sessions, indexes could not be built, and no run could end the one before it"
    )
    return Answer(
        "pooler", Verdict.FAIL, detail, "give the server's own address: orch doctor --url postgresql://…:5432/…"
    )


plugin = Look(EVERYWHERE, see)
