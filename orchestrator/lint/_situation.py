"""What is known at a statement: what the script did before it, how it is run, and what the database says.

Why it exists: whether SET NOT NULL scans depends on a CHECK three statements earlier, and whether CREATE INDEX hurts on whether
the table is a second old. Rules ask here and keep no memory of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from orchestrator.core.known import Known, KnownColumn, KnownTable
from orchestrator.dialects.postgres.script import acts
from orchestrator.dialects.postgres.script.acts import Act
from orchestrator.dialects.postgres.script.parts import Expr, Name, Type
from orchestrator.dialects.postgres.script.reading import Statement
from orchestrator.dialects.postgres.script.sent import Part, Script, Sending
from orchestrator.lint._effects import BLOCKS_WRITES, Effect, effect, table_of
from orchestrator.lint._suppressing import Suppression


@lru_cache
def not_volatile() -> frozenset[str]:
    """Functions of pg_catalog none of whose overloads is volatile."""
    return frozenset(files("orchestrator.lint").joinpath("not_volatile.txt").read_text("utf-8").split())


@dataclass(frozen=True, slots=True)
class Check:
    """A constraint that the script has added; ``transaction`` is the number of the transaction it was added in."""

    table: str
    name: str
    kind: str
    proves: tuple[str, ...]
    valid: bool
    transaction: int


@dataclass
class Situation:
    """Grows statement by statement. ``transaction`` counts transactions; outside one, every statement is its own.

    ``before`` are all acts so far, ``together`` those of the same transaction, ``values`` those of them that add one to an
    enum, ``of_table`` those upon each table. ``held`` is the first strong lock that the transaction holds, ``asked`` says that
    the script has asked for one at all. ``shared`` says that the tool, or PostgreSQL itself, runs the statement in one
    transaction with others.
    """

    script: Script
    suppressions: tuple[Suppression, ...] = ()
    known: Known | None = None
    part: Part = field(default_factory=Part)
    shared: bool = False
    statement: Statement | None = None
    transaction: int = 0
    open_since: Act | None = None
    before: list[Act] = field(default_factory=list)
    together: list[Act] = field(default_factory=list)
    values: list[acts.AddEnumValue] = field(default_factory=list)
    of_table: dict[str, list[Act]] = field(default_factory=dict)
    held: tuple[Name, str] | None = None
    asked: bool = False
    made: set[str] = field(default_factory=set)
    checks: list[Check] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    _local: set[str] = field(default_factory=set)
    functions: dict[str, str] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    enums: set[str] = field(default_factory=set)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All of the script's."""
        return self.script.statements

    @property
    def in_transaction(self) -> bool:
        """Whether the statement shares its transaction with others."""
        return self.shared or self.open_since is not None

    def key(self, name: Name) -> str:
        """One spelling for an object: unqualified names are taken for those of the first schema of the search path."""
        return f"{name.schema or 'public'}.{name.name}"

    def is_fresh(self, name: Name | None) -> bool:
        """Whether the script itself has made the table, so that nobody else uses it yet."""
        return name is not None and (self.key(name) in self.made or name.schema == "pg_temp")

    def table(self, name: Name | None) -> KnownTable | None:
        """What the database knows of the table, if one was asked."""
        return None if self.known is None or name is None else self.known.table(name.schema, name.name)

    def column(self, table: Name, name: str) -> KnownColumn | None:
        """What the database knows of a column."""
        found = self.table(table)
        return found.columns.get(name) if found else None

    def partitioned(self, name: Name) -> bool:
        """Whether the table is known to be partitioned."""
        found = self.table(name)
        return (found is not None and found.kind == "p") or f"partitioned {self.key(name)}" in self.made

    def effect(self, act: Act) -> Effect:
        """Which lock the act takes, whether it rewrites, whether it scans."""
        return effect(act, self)

    def proves_not_null(self, table: Name, column: str) -> bool:
        """Whether a validated constraint keeps the column from NULL, so that SET NOT NULL need not look."""
        mine = [each for each in self.checks if each.table == self.key(table)]
        if any(each.valid and column in each.proves for each in mine):
            return True
        found = self.table(table)
        if found is None:
            return False
        there = found.columns.get(column)
        mine_too = self.of_table.get(self.key(table), ())
        validated = {act.name for act in mine_too if isinstance(act, acts.ValidateConstraint)}
        return (there is not None and there.not_null) or any(
            (each.valid or name in validated) and column in each.proves for name, each in found.constraints.items()
        )

    def volatility(self, function: tuple[str, ...]) -> str:
        """``v``, ``s`` or ``i``; ``?`` for a function that nobody knows."""
        name = function[-1]
        schema = function[0] if len(function) > 1 else ""
        made = self.functions.get(name)
        if made is not None and schema != "pg_catalog":
            return made
        if schema in ("", "pg_catalog") and name in not_volatile():
            return "s"
        if self.known is not None:
            for each in (schema,) if schema else (*self.known.search_path, "pg_catalog"):
                found = self.known.functions.get(f"{each}.{name}")
                if found is not None:
                    return found
        return "v" if name in _VOLATILE else "?"

    def volatile(self, expr: Expr | None) -> tuple[str, ...]:
        """The functions of an expression that are volatile or unknown."""
        if expr is None:
            return ()
        return tuple(".".join(each) for each in expr.functions if self.volatility(each) in "v?")

    def constrained_domain(self, name: Type) -> bool:
        """Whether the type is known to be a domain with a constraint."""
        if name.name in self.domains:
            return True
        return self.known is not None and any(each in self.known.constrained for each in self._qualified(name))

    def base(self, name: Type) -> str | None:
        """The base type, as ``format_type`` writes it, of a type that is known to be a domain."""
        domains = self.known.domains if self.known is not None else {}
        return next((domains[each] for each in self._qualified(name) if each in domains), None)

    def _qualified(self, name: Type) -> list[str]:
        path = self.known.search_path if self.known is not None else ()
        return [f"{schema}.{name.name}" for schema in ((name.schema,) if name.schema else path)]

    def begin(self, statement: Statement) -> None:
        """A statement is looked at."""
        self.statement = statement
        part = self.script.part(statement.start)
        turned = part is not self.part
        if turned:
            self.part = part
            alone = part.sending is Sending.MESSAGE and self.script.is_alone(statement)
            self.shared = part.sending is not Sending.EACH and not alone
        if turned or not self.in_transaction:
            self._next_transaction()

    def _next_transaction(self) -> None:
        self.transaction += 1
        self.together = []
        self.values = []
        self.held = None
        for name in self._local:
            self.settings.pop(name, None)
        self._local.clear()

    def after(self, act: Act) -> None:
        """An act is done: what follows knows of it."""
        for name, lock in self.victims(act):
            if lock in BLOCKS_WRITES:
                self.asked = True
                self.held = self.held or (name, lock)
        self._remember(act)
        self.before.append(act)
        self.together.append(act)
        table = table_of(act)
        if table is not None:
            self.of_table.setdefault(self.key(table), []).append(act)

    def _remember(self, act: Act) -> None:
        match act:
            case acts.Transaction():
                self._transaction(act)
            case acts.Setting():
                self._setting(act)
            case acts.AddConstraint() | acts.ValidateConstraint() | acts.DropConstraint():
                self._constraint(act)
            case acts.Query() if act.functions and act.functions[0][-1] == "set_config" and len(act.arguments) > 1:
                self.settings[act.arguments[0].lower()] = act.arguments[1]
            case _:
                self._remember_made(act)

    def _remember_made(self, act: Act) -> None:
        match act:
            case acts.CreateTable() if not act.if_not_exists:
                self._made(act)
            case acts.CreateView(materialized=True):
                self.made.add(self.key(act.name))
            case acts.Rename(kind="table", table=Name() as table) if self.is_fresh(table):
                self.made.add(self.key(Name(table.schema, act.new)))
            case acts.CreateFunction():
                self.functions[act.name.name] = act.volatility[0]
            case acts.CreateDomain(constrained=True) | acts.AlterDomain(action="add constraint"):
                self.domains.add(act.name.name)
            case acts.AddEnumValue():
                self.values.append(act)
            case acts.CreateEnum():
                self.enums.add(act.name.name)

    def _made(self, act: acts.CreateTable) -> None:
        self.made.add(self.key(act.table))
        if act.temporary:
            self.made.add(f"pg_temp.{act.table.name}")
        if act.partitioned:
            self.made.add(f"partitioned {self.key(act.table)}")

    def _transaction(self, act: acts.Transaction) -> None:
        if act.kind == "begin":
            if self.open_since is None:
                self._next_transaction()
                self.open_since = act
        elif act.kind in ("commit", "rollback", "prepare"):
            self.open_since = None
            self._next_transaction()

    def _setting(self, act: acts.Setting) -> None:
        if act.local and not self.in_transaction:
            return  # outside a transaction it does nothing but warn
        if act.name == "all":
            self.settings.clear()
        elif act.value is None:
            self.settings.pop(act.name, None)
        else:
            self.settings[act.name] = act.value
            if act.local:
                self._local.add(act.name)

    def _constraint(self, act: acts.AddConstraint | acts.ValidateConstraint | acts.DropConstraint) -> None:
        table = self.key(act.table)
        if isinstance(act, acts.AddConstraint):
            made = act.constraint
            self.checks.append(Check(table, made.name, made.kind, made.proves, made.valid, self.transaction))
            return
        for index, each in enumerate(self.checks):
            if (each.table, each.name) == (table, act.name):
                if isinstance(act, acts.DropConstraint):
                    del self.checks[index]
                else:
                    self.checks[index] = Check(table, each.name, each.kind, each.proves, True, each.transaction)
                return

    def added_before(self, table: Name, column: str) -> bool:
        """Whether the script itself has added the column."""
        mine = self.of_table.get(self.key(table), ())
        return any(isinstance(each, acts.AddColumn) and each.column.name == column for each in mine)

    def is_bound(self, act: acts.Modify) -> bool:
        """Whether the rows it touches are few by the look of its WHERE: a key, or a LIMIT."""
        keys = self._keys(act.table)
        return act.limited or any(each in keys or _KEY.fullmatch(each) for each in (*act.equal, *act.ranged))

    def _keys(self, table: Name) -> set[str]:
        found = self.table(table)
        indexes = found.indexes.values() if found else ()
        return {each.columns[0] for each in indexes if each.unique and not each.partial and len(each.columns) == 1}

    def lock_timeout(self) -> bool:
        """Whether a wait for a lock has an end here."""
        value = self.settings.get("lock_timeout")
        if value is not None:
            return value.strip().rstrip("msin ").strip("0") != ""
        return self.known is not None and self.known.lock_timeout

    def victims(self, act: Act) -> Iterator[tuple[Name, str]]:
        """The tables of others that the act locks, with the lock."""
        found = effect(act, self)
        for name, lock in found.locks:
            if not self.is_fresh(name):
                yield name, lock


_KEY = re.compile(r"id|uuid|guid|\\w+_id|ctid|key|name|code|slug|email|version_num")
_VOLATILE = frozenset(
    {
        "clock_timestamp", "currval", "gen_random_bytes", "gen_random_uuid", "gen_salt", "lastval", "nextval", "random",
        "random_normal", "setval", "timeofday", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "uuidv4", "uuidv7",
    }
)  # fmt: skip
