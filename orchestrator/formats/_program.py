"""Walks through a function of Python in the order in which it would run, and writes down what it sends.

Why it exists: both branches of an ``if``, every turn of a loop over constants and every function of the same file count; whatever
calls something that cannot be seen is said to be unread, so that nothing is left out in silence.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable

from orchestrator.dialects.postgres.script.acts import Modify
from orchestrator.dialects.postgres.script.reading import read
from orchestrator.dialects.postgres.script.sent import Part, Sending
from orchestrator.formats._alchemy import Partly, Unsaid, literal, modification, quoted
from orchestrator.formats._operations import said
from orchestrator.formats._values import UNKNOWN, Batch, Function, Guess, Made, Names, Ref, Sql, arguments, made, value
from orchestrator.formats._writing import Writer

TURNS = 1_000
"""Of a loop over constants."""
DEPTH = 20
"""Of functions that call each other."""
TOGETHER = Part(
    0,
    Sending.TRANSACTION,
    "Alembic runs a revision in one transaction",
    "with op.get_context().autocommit_block(): around it",
)
_ALONE = Part(0, Sending.MESSAGE, "op.execute sends its text as one message", "one op.execute for each statement")
_SENDS = frozenset({"execute", "exec_driver_sql", "scalar", "scalars", "executemany"})
_QUIET = frozenset({"f", "get_bind", "get_context", "batch_alter_table", "inline_literal", "get_env"})
_WRITES = frozenset(
    {
        "create", "drop", "run", "upgrade", "downgrade", "create_all", "drop_all", "add", "add_all", "merge", "delete", "insert",
        "update", "save", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings", "copy_expert", "copy_from", "copy",
    }
)  # fmt: skip
_COMPUTES = frozenset({"exec", "eval", "__import__", "compile"})
_LOGS = frozenset({"log", "logger", "logging", "loguru", "structlog"})
_LOOKS = frozenset({"print", "str", "repr", "len", "isinstance", "type", "bool", "id", "hasattr", "callable"})
_NO_SQL = (sys.stdlib_module_names | {"sqlalchemy", "sqlmodel"}) - {"subprocess", "runpy", "importlib"}


class Program:
    """One run through a function. ``names`` are those of the file."""

    def __init__(self, writer: Writer, names: Names) -> None:
        self._writer = writer
        self._names = names
        self._depth = 0
        self._alone = False
        writer.part(TOGETHER)

    def run(self, function: ast.FunctionDef) -> None:
        """Write down what it sends."""
        self._block(function.body, dict(self._names))

    def _block(self, body: Iterable[ast.stmt], names: Names) -> bool:
        """Whether it surely ends before its end."""
        return any(self._statement(each, names) for each in body)

    def _statement(self, node: ast.stmt, names: Names) -> bool:
        match node:
            case ast.If():
                return self._if(node, names)
            case ast.With():
                return self._with(node, names)
            case ast.Try():
                handled = [each for handler in node.handlers for each in handler.body]
                return self._block(node.body, names) | self._block([*handled, *node.orelse, *node.finalbody], names)
            case ast.For():
                self._for(node, names)
            case ast.While():
                self._expression(node.test, names)
                self._again(node.body, names)
                self._block(node.orelse, names)
            case ast.Match():
                for each in node.cases:
                    self._block(each.body, names)
            case _:
                return self._simple(node, names)
        return False

    def _simple(self, node: ast.stmt, names: Names) -> bool:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            for child in ast.iter_child_nodes(node):
                self._expression(child, names)
        remember(node, names)
        return isinstance(node, ast.Return | ast.Raise)

    def _if(self, node: ast.If, names: Names) -> bool:
        self._expression(node.test, names)
        truth = value(node.test, names)
        if isinstance(truth, bool):
            return self._block(node.body if truth else node.orelse, names)
        ended = [self._block(node.body, names), self._block(node.orelse, names)]
        return all(ended) and bool(node.orelse)

    def _for(self, node: ast.For, names: Names) -> None:
        self._expression(node.iter, names)
        items = value(node.iter, names)
        if isinstance(items, dict):
            items = list(items)
        if isinstance(items, list | tuple) and len(items) <= TURNS:
            for item in items:
                bind(node.target, item, names)
                self._block(node.body, names)
        else:
            bind(node.target, UNKNOWN, names)
            self._again(node.body, names)
        self._block(node.orelse, names)

    def _again(self, body: list[ast.stmt], names: Names) -> None:
        """A loop that turns nobody knows how often: several times, where it changes rows batch by batch."""
        before = len(self._writer.statements)
        self._block(body, names)
        acts = [act for each in self._writer.statements[before:] for act in each.acts]
        if any(isinstance(act, Modify) and (act.ranged or act.limited) for act in acts):
            for _ in range(2):
                self._block(body, names)

    def _with(self, node: ast.With, names: Names) -> bool:
        alone = False
        for item in node.items:
            self._expression(item.context_expr, names)
            found = value(item.context_expr, names)
            alone = alone or (isinstance(found, Made) and found.kind == "autocommit_block")
            if item.optional_vars is not None:
                bind(item.optional_vars, _entered(found), names)
        if alone:
            self._alone = True
        ended = self._block(node.body, names)
        if alone:
            self._alone = False
            self._writer.part(TOGETHER)
        return ended

    def _expression(self, node: ast.AST, names: Names) -> None:
        if isinstance(node, ast.Call) and self._call(node, names):
            return
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            names = dict(names)
            for each in node.generators:
                bind(each.target, UNKNOWN, names)
        if isinstance(node, ast.Lambda):
            names = names | dict.fromkeys((each.arg for each in node.args.args), UNKNOWN)
        for child in ast.iter_child_nodes(node):
            self._expression(child, names)

    def _call(self, node: ast.Call, names: Names) -> bool:
        """Whether the call has been dealt with, its arguments included."""
        function = value(node.func, names)
        if isinstance(function, Ref | Made) and function.path[:2] == ("alembic", "op"):
            return self._of_alembic(function, node, names)
        if isinstance(function, Function):
            return self._of_the_file(function, node, names)
        if isinstance(function, Ref) and function.path == ("time", "sleep"):
            self._writer.sql("SELECT pg_catalog.pg_sleep(0)", node)  # a pause is a pause, wherever it is made
            return True
        if isinstance(node.func, ast.Attribute):
            return self._of_an_object(node.func, node, names)
        return self._of_somebody(function, node, names)

    def _of_alembic(self, function: Ref | Made, node: ast.Call, names: Names) -> bool:
        word = function.path[-1]
        if word in _SENDS and (node.args or node.keywords):
            self._send(node, names)
            return True
        if len(function.path) > 3:  # of a connection, or of what it gave
            if word in _WRITES:
                self._unread(node, "a connection is used in a way that is not known")
            return word in _WRITES
        if word in _QUIET:
            return False
        self._say(word, node, names, None)
        return True

    def _say(self, word: str, node: ast.Call, names: Names, batch: Batch | None) -> None:
        by_place, by_keyword = arguments(node, names)
        try:
            for text in said(word, by_place, by_keyword, batch):
                self._write(text, node)
        except Unsaid as unsaid:
            self._unread(node, str(unsaid), partly=isinstance(unsaid, Partly))

    def _send(self, node: ast.Call, names: Names) -> None:
        given = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg in _TEXTS), None)
        found = value(given, names)
        try:
            text = found.text if isinstance(found, Sql) else found if isinstance(found, str) else modification(found)
        except Unsaid as unsaid:
            self._unread(node, str(unsaid))
            return
        if isinstance(text, Guess):
            broken = any(each.error for each in read(text))
            if not broken:
                self._write(text, node)
            self._unread(node, "part of its text is computed", partly=not broken)
            return
        inner = given.args[0] if isinstance(given, ast.Call) and len(given.args) == 1 else given
        self._write(text, node, inner if isinstance(inner, ast.Constant) else None)

    def _write(self, text: str, node: ast.Call, where: ast.expr | None = None) -> None:
        if self._alone:
            self._writer.part(_ALONE)
        self._writer.sql(text, node, where)

    def _unread(self, node: ast.Call, why: str, *, partly: bool = False) -> None:
        self._writer.unread(f"of {_shown(node.func)}, {why}", node, partly=partly)

    def _of_the_file(self, function: Function, node: ast.Call, names: Names) -> bool:
        if self._depth >= DEPTH:
            self._unread(node, "functions call each other without an end in sight")
            return True
        by_place, by_keyword = arguments(node, names)
        for each in (*node.args, *(k.value for k in node.keywords)):
            self._expression(each, names)
        inner = dict(self._names) | {k: v for k, v in names.items() if isinstance(v, Function)}
        parameters = [each.arg for each in (*function.node.args.posonlyargs, *function.node.args.args)]
        defaults = function.node.args.defaults
        inner |= dict.fromkeys(parameters, UNKNOWN)
        inner |= {
            n: value(d, self._names)
            for n, d in zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True)
        }
        inner |= {
            each.arg: UNKNOWN if default is None else value(default, self._names)
            for each, default in zip(function.node.args.kwonlyargs, function.node.args.kw_defaults, strict=True)
        }
        inner |= dict(zip(parameters, by_place, strict=False)) | (by_keyword or {})
        self._depth += 1
        self._block(function.node.body, inner)
        self._depth -= 1
        return True

    def _of_an_object(self, function: ast.Attribute, node: ast.Call, names: Names) -> bool:
        owner, word = value(function.value, names), function.attr
        if isinstance(owner, Batch):
            if word in _SENDS:
                self._send(node, names)
            else:
                self._say(word, node, names, owner)
            return True
        found = owner if isinstance(owner, Made) else None
        if found is not None and found.kind in ("ENUM", "Enum") and word in ("create", "drop"):
            self._enum(found, word, node)
            return True
        if word in _SENDS and (node.args or node.keywords):
            self._send(node, names)
            return True
        if isinstance(owner, Ref | Made) and owner.path[0] not in _NO_SQL | {"builtins", "alembic"}:
            return self._of_somebody(Ref((*owner.path, word)), node, names)
        given = self._hands_on(node, names)
        writes = word in _WRITES and (owner is UNKNOWN or _is_session(owner) or given)
        if writes or (given and not isinstance(owner, Ref | Made)):
            self._unread(node, "what it sends is not written here")
            return True
        return False

    def _of_somebody(self, function: object, node: ast.Call, names: Names) -> bool:
        """A function of another file, of Python, or of nobody knows where."""
        given = self._hands_on(node, names)
        if not isinstance(function, Ref | Made):
            why = "what it calls is computed"
        elif function.path[0] == "builtins":
            if function.path[-1] not in _COMPUTES and (not given or function.path[-1] in _LOOKS):
                return False
            why = "what it does is not written here"
        elif self._is_quiet(function, given):
            return False
        else:
            why = f"it comes from {'.'.join(function.path[:-1]) or function.path[0]}, another file"
        self._unread(node, why)
        return True

    @staticmethod
    def _is_quiet(function: Ref | Made, given: bool) -> bool:
        """Whether it sends nothing, being Python's own or SQLAlchemy's, or a log."""
        root = function.path[0]
        ours = root in ("sqlalchemy", "sqlmodel") or (root in _NO_SQL and not given)
        return ours or not _LOGS.isdisjoint(re.split(r"[._]", ".".join(function.path).lower()))

    def _hands_on(self, node: ast.Call, names: Names) -> bool:
        """Whether it is given the connection, Alembic's operations, or a function of this file."""
        given, keywords = arguments(node, names)
        every = [*given, *(keywords or {}).values()]
        return any(isinstance(each, Function) or _is_alembic(each) for each in every)

    def _enum(self, kind: Made, word: str, node: ast.Call) -> None:
        name, values = kind.get("name"), kind.arguments
        if not isinstance(name, str) or not all(isinstance(each, str) for each in values):
            self._unread(node, "the type is computed")
        elif word == "drop":
            self._write(f"DROP TYPE {quoted(name)}", node)
        else:
            self._write(f"CREATE TYPE {quoted(name)} AS ENUM ({', '.join(map(literal, values))})", node)


_TEXTS = ("sqltext", "statement", "clause")


def _entered(found: object) -> object:
    """What ``with … as`` binds."""
    call = made(found)
    if call is None or call.kind != "batch_alter_table" or call.keywords is None:
        return found
    table = call.arguments[0] if call.arguments else call.get("table_name", UNKNOWN)
    return Batch(table, call.arguments[1] if len(call.arguments) > 1 else call.get("schema"))


def _is_alembic(found: object) -> bool:
    return isinstance(found, Ref | Made) and found.path[:2] == ("alembic", "op")


def _is_session(owner: object) -> bool:
    return isinstance(owner, Made) and any(each in ("Session", "sessionmaker", "orm") for each in owner.path)


def _shown(node: ast.expr) -> str:
    """A call as a person recognises it."""
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:59] + "…"


def bind(target: ast.expr, given: object, names: Names) -> None:
    """Assignment."""
    if isinstance(target, ast.Name):
        names[target.id] = given
    elif isinstance(target, ast.Tuple | ast.List):
        same = isinstance(given, list | tuple) and len(given) == len(target.elts)
        for index, each in enumerate(target.elts):
            bind(each, given[index] if same else UNKNOWN, names)  # type: ignore[index]  # it is a list
    elif isinstance(target, ast.Starred):
        bind(target.value, UNKNOWN, names)


def remember(node: ast.stmt, names: Names) -> None:
    """What a statement gives a name to."""
    match node:
        case ast.FunctionDef():
            names[node.name] = Function(node)
        case ast.ClassDef():
            used = (names.get(each.id) for each in ast.walk(node) if isinstance(each, ast.Name))
            names[node.name] = UNKNOWN if any(map(_is_alembic, used)) else Ref(("builtins", "object"))
        case ast.Import() | ast.ImportFrom():
            _imported(node, names)
        case ast.Assign():
            for target in node.targets:
                bind(target, value(node.value, names), names)
        case ast.AnnAssign():
            bind(node.target, value(node.value, names), names)
        case ast.AugAssign():
            bind(node.target, value(ast.BinOp(node.target, node.op, node.value), names), names)


def _imported(node: ast.Import | ast.ImportFrom, names: Names) -> None:
    """Imports give names to what is elsewhere."""
    for each in node.names:
        if isinstance(node, ast.ImportFrom):
            home = ("." * node.level + (node.module or "")).split(".") if not node.level else [node.module or "."]
            names[each.asname or each.name] = Ref((*home, each.name))
        elif each.asname:
            names[each.asname] = Ref(tuple(each.name.split(".")))
        else:
            names[each.name.split(".")[0]] = Ref((each.name.split(".")[0],))
