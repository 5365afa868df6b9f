"""``make fuzz``: broken, mixed and random scripts through reader and rules for a time, in a process that may die.

Why it exists: the linter reads what strangers wrote, and the parser below it is C. Whatever comes, it must end with findings. The
script at work lies in a file, so that one that kills the process outright is there to be looked at.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from orchestrator.dialects.postgres.script.reading import read
from orchestrator.lint._run import lint
from orchestrator.linting import text_of
from tests.lint.table import CASES

PIECES = (
    "'", '"', "$$", "$a$", "/*", "*/", "--", "\n", ";", "(", ")", "\\", "\\.\n", "E'\\", "U&'", "::", ":x", "${a}",
    "\x00", "\ufeff", "\u00e4", "\U0001f600", "\udc80", "BEGIN", "COMMIT", "DO $$", "COPY t FROM stdin;\n", "\\connect x\n",
    "SELECT ", "CASE ", "ARRAY[",
)  # fmt: skip
DEEP = 20_000


def script(random: Random) -> str:
    """Some statements of the table, cut, doubled, shuffled and spoiled; now and then something nested deeply."""
    if random.random() < 0.01:
        opening = random.choice(("(", "ARRAY[", "CASE WHEN ", "NOT ", "SELECT ("))
        return "SELECT " + opening * random.randrange(DEEP)
    text = "; ".join(random.choice(CASES).sql for _ in range(random.randrange(1, 6)))
    for _ in range(random.randrange(8)):
        at, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
        text = random.choice(
            (
                text[:at] + random.choice(PIECES) + text[at:],
                text[:at] + text[end:],
                text[:end] + text[at:end] + text[end:],
                text[end:] + text[:at],
                text[:at] + chr(random.randrange(1, 0x250)) + text[at:],
            )
        )
    return text


def tried(text: str) -> None:
    """Read and judge. Raises AssertionError where a place lies outside the script or before the last one."""
    at = 0
    for statement in read(text):
        assert at <= statement.start <= statement.end <= len(text), (at, statement)
        at = statement.end
    lines = text.count("\n") + 1
    for finding in lint(text).findings:
        assert 1 <= finding.line <= lines, finding


def child(room: Path, seconds: float, seed: int) -> None:
    """Try scripts until the time is over; how many, on stdout."""
    random, until, count = Random(seed), time.monotonic() + seconds, 0
    at_work = room / "script.sql"
    while time.monotonic() < until:
        text = script(random) if random.random() < 0.8 else text_of(random.randbytes(random.randrange(400)))
        at_work.write_bytes(text.encode("utf-8", "surrogatepass"))
        tried(text)
        count += 1
    sys.stdout.write(f"{count}\n")


def run(seconds: float, seed: int) -> int:
    """How many scripts were tried. Raises SystemExit with the script that was too much."""
    with tempfile.TemporaryDirectory() as room:
        line = [sys.executable, "-m", "tests.lint.fuzz", "--child", room, str(seconds), str(seed)]
        ran = subprocess.run(line, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            text = (Path(room) / "script.sql").read_bytes().decode("utf-8", "replace")
            raise SystemExit(f"seed {seed}, exit {ran.returncode}: {text!r}\n{ran.stderr}")
    return int(ran.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    else:
        seed = time.time_ns() % 1_000_000
        sys.stdout.write(f"{run(float(sys.argv[1]), seed):,} scripts, seed {seed}: none was too much\n")
