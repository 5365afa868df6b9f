"""Alembic: one revision per Unit, each committed before the next, whatever ``transaction_per_migration`` says.

Why it exists: by default Alembic upgrades through all revisions in one transaction, which would hold a lock that is meant for a
moment through every scan that follows. An empty autocommit block ends what came before, its version included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from orchestrator.core.exported import Exported, Unit
from orchestrator.exporting._model import Files, History, Ledger, Row, Start, Tool, numbered

_FILE = '''"""{title}

{phase}. Rollback note: {rollback}
"""

from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}
branch_labels = None
depends_on = None

UP = {up}
DOWN = {down}


def upgrade() -> None:
    _run(UP)


def downgrade() -> None:
    _run(DOWN)


def _run(statements: list[str]) -> None:
{run}


def _execute(statement: str) -> None:
    op.execute(statement.replace(":", r"\\:"))  # no colon of it begins a parameter
'''
_ALONE = """    with op.get_context().autocommit_block():
        for statement in [*SETTINGS, *statements, *RESET]:
            _execute(statement)"""
_TRANSACTION = """    with op.get_context().autocommit_block():
        pass  # commits what came before: no lock of it is held here
    for statement in statements:
        _execute(statement)"""


def _write(exported: Exported, start: Start) -> Files:
    files: Files = {}
    before = start.after
    for number, folder, name, unit in numbered(exported):
        revision = _revision(exported, number)
        files[f"{folder}/{revision}_{name}.py"] = _text(unit, revision, before)
        before = revision
    return files


def _revision(exported: Exported, number: int) -> str:
    return hashlib.sha256(f"{exported.plan_sha256}:{number}".encode()).hexdigest()[:12]


def _read(exported: Exported, rows: Sequence[Row], _: Sequence[str]) -> Ledger | None:
    """The table holds heads only: a revision stands for all that come before it. Those that come after it hide it."""
    numbers = {_revision(exported, number): number for number in range(1, len(exported.units) + 1)}
    found = [str(row[0]) for row in rows if row[0] in numbers]
    if not found:
        return None
    last = max(found, key=numbers.__getitem__)
    return Ledger(frozenset(range(1, numbers[last] + 1)), f"revision {last}")


def _text(unit: Unit, revision: str, before: str | None) -> str:
    made = _FILE.format(
        title=_line(unit.title),
        phase=unit.phase,
        rollback=_line(unit.rollback or "it is taken back"),
        revision=revision,
        down_revision=before,
        up=_listed((*unit.repair, *unit.up)),
        down=_listed(unit.down),
        run=_ALONE if unit.alone else _TRANSACTION,
    )
    if not unit.alone:
        return made
    reset = tuple(f"RESET {each.split()[1]}" for each in unit.settings)
    return made.replace(
        "\n\n\ndef upgrade", f"\nSETTINGS = {_listed(unit.settings)}\nRESET = {_listed(reset)}\n\n\ndef upgrade", 1
    )


def _line(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', "'")


def _listed(statements: tuple[str, ...]) -> str:
    return f"[\n{''.join(f'    {_literal(each)},' + chr(10) for each in statements)}]" if statements else "[]"


def _literal(statement: str) -> str:
    """A statement as a Python text that people can read, where that is possible."""
    if "\n" not in statement or "\\" in statement or '"""' in statement or statement.endswith('"'):
        return repr(statement)
    return f'"""{statement}"""'


plugin = Tool(
    _write,
    "Copy a phase's revisions into versions/, and alembic upgrade head; --after names the revision that the first follows.",
    History("alembic_version", ("version_num",), _read),
)
