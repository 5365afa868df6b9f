"""What every Operation's file starts from: strict fields, and the answers most operations share.

Why it exists: an Operation is one file; what is the same in all of them (identifiers that PostgreSQL would cut, unknown
keys, an empty list of questions) is said here once.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from orchestrator.core.asked import Question
from orchestrator.core.catalog import Catalog, Table
from orchestrator.core.errors import PlanRefused
from orchestrator.core.sync import Argument

NAME_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL silently cuts longer identifiers (manual, section 4.1.1)."""


def cut_name(text: str) -> str:
    """An identifier or enum value as it is, unless PostgreSQL would cut it. Raises ValueError."""
    if not text or "\x00" in text:
        raise ValueError("a name must not be empty or hold a NUL")
    if len(text.encode()) > NAME_BYTES:
        raise ValueError(f"a name of {len(text.encode())} bytes is over PostgreSQL's limit of {NAME_BYTES}")
    return text


Name = Annotated[str, AfterValidator(cut_name)]


def mapping_or_none(value: object) -> object:
    """A mapping, or the word none, which is said in full: an empty key would be too easily left behind. Raises ValueError."""
    if not isinstance(value, dict) and value != "none":
        raise ValueError("down must be a mapping, or none for no way back")
    return value


class AnyOperation(BaseModel):
    """Base of all operations: strict, frozen, unknown keys refused. It asks for nothing and reads nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def tables(self) -> tuple[str, ...]:
        """Tables to snapshot."""
        return ()

    def types(self) -> tuple[str, ...]:
        """Types to resolve."""
        return ()

    def questions(self) -> tuple[Question, ...]:
        """Expressions to ask the server about."""
        return ()

    def statements(self) -> tuple[str, ...]:
        """Statements to be run."""
        return ()

    def queries(self) -> tuple[str, ...]:
        """Texts that must be one SELECT each."""
        return ()

    def actions(self) -> tuple[tuple[str, str], ...]:
        """Forms of ALTER TABLE to try on an empty twin of the table."""
        return ()

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns its Steps name."""
        return frozenset()


class OperationModel(AnyOperation):
    """Base of the operations on one table."""

    table: str

    def tables(self) -> tuple[str, ...]:
        """Tables to snapshot."""
        return (self.table,)

    def reads(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """The columns of its expressions."""
        table = str(catalog.table(self.table).name)
        return frozenset((table, name) for question in self.questions() for name in catalog.fact(question).columns)


def identity(change_id: str, table: Table, column: str) -> str:
    """Twelve hex digits that name the generated objects of one operation; stable over re-planning."""
    text = "\x1f".join((change_id, table.name.schema, table.name.name, column))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def shortened(name: str, suffix: str) -> str:
    """``name`` with ``suffix``, cut (on a character) so that PostgreSQL does not cut it."""
    head = name.encode()[: NAME_BYTES - len(suffix.encode())].decode(errors="ignore")
    return head + suffix


def at(catalog: Catalog, table: str, *names: str) -> frozenset[tuple[str, str]]:
    """(table, name) pairs, the table as the catalog spells it."""
    return frozenset((str(catalog.table(table).name), name) for name in names)


def key_of(table: Table) -> tuple[Argument, ...]:
    """The table's key with types; empty when it has none."""
    return tuple(Argument(name, table.column(name).type) for name in table.key)


def trigger_name(table: Table, sync_id: str) -> str:
    """A trigger name that sorts after every BEFORE row trigger of the application, bytewise (correctness F10)."""
    others = [t.name.encode() for t in table.triggers if t.before and t.row and not t.ours]
    for tildes in range(1, 9):
        name = f"{'~' * tildes}orch_{sync_id}"
        if all(name.encode() > other for other in others):
            return name
    raise PlanRefused(
        f"a trigger of {table.name} has a name after which none of ours can sort",
        "rename that trigger: ALTER TRIGGER … RENAME TO …",
    )


def beside(spelled: str, name: str) -> str:
    """Another name in the schema that a change file says of a table, spelled as in a change file."""
    quoted = '"' + name.replace('"', '""') + '"'
    if '"' not in spelled:
        schema, dot, _ = spelled.partition(".")
        return f'"{schema}".{quoted}' if dot else quoted
    found = re.match(r'("(?:[^"]|"")+"|[^".]+)\.', spelled)
    return (found[0] if found else "") + quoted


def new_column(table: Table, name: str) -> None:
    """Refuse a name that is taken. Raises PlanRefused."""
    if table.has(name):
        raise PlanRefused(f"table {table.name} already has a column {name!r}", "choose another name")


def checked_default(catalog: Catalog, question: Question, *, what: str) -> None:
    """See that a default can stand, which takes effect in contract only. Raises PlanRefused."""
    fact = catalog.fact(question)
    if fact.error is not None or fact.columns:
        reason = fact.error or f"it reads {', '.join(fact.columns)}"
        raise PlanRefused(f"default of {what}: {reason}", "give an expression that reads no column")


def checked(catalog: Catalog, question: Question, *, what: str, synced: bool) -> tuple[Argument, ...]:
    """The columns an expression reads, once the server accepts it. Raises PlanRefused otherwise.

    ``synced`` expressions are evaluated by trigger, backfill and Checks, which must agree: a value that depends on chance,
    the clock or the user is refused (correctness F11).
    """
    fact = catalog.fact(question)
    if fact.error is not None:
        raise PlanRefused(f"{what}: {fact.error}", "correct the expression; it sees the columns of the table")
    if fact.volatility == "v":
        raise PlanRefused(
            f"{what} is volatile: trigger, backfill and checks would each get another value",
            "use a volatile expression as default:, or compute it from the row",
        )
    if synced and fact.clock:
        raise PlanRefused(
            f"{what} depends on the clock or the user: checks could never confirm it",
            "compute it from columns of the row",
        )
    types = dict(question.extra)
    table = catalog.table(question.table)
    return tuple(Argument(name, types.get(name) or table.column(name).type) for name in fact.columns)
