"""Alembic: revisions in Python, of which ``upgrade()`` is a release.

Why it exists: most of what it sends is written there as constants, and can be judged before anything runs. A revision is one
transaction (so is a whole run, unless ``transaction_per_migration`` is set: a revision is the least that is shared), which
``autocommit_block()`` leaves.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings

from orchestrator.dialects.postgres.script.sent import Script
from orchestrator.formats._model import Format, Source, is_note
from orchestrator.formats._program import Program, remember
from orchestrator.formats._values import Function, Names
from orchestrator.formats._writing import Writer

_UPGRADE = re.compile(r"^(?:async\s+)?def\s+upgrade\s*\(", re.MULTILINE)
_REVISION = re.compile(r"^(?:down_)?revision\b[^=\n]*=", re.MULTILINE)
_MARKED = re.compile(r"orch:ignore|roll[ -]?back", re.IGNORECASE)


def _fits(source: Source) -> int:
    if _REVISION.search(source.text) and _UPGRADE.search(source.text):
        return 2
    in_versions = source.path.parent.name == "versions" and source.path.name != "__init__.py"
    return 2 if in_versions and source.beside("../env.py") is not None else 1


def _read(source: Source) -> Script:
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    writer = Writer(text.split("\n"))
    try:
        with warnings.catch_warnings(action="ignore"):  # of what its author's Python says, too
            tree = ast.parse(text)
        return _script(tree, text, writer)
    except SyntaxError as error:
        return _refused(writer, f"it is not Python: {error.msg}", error.lineno or 1, error.offset or 1)
    except ValueError:
        return _refused(writer, "it is not text: it holds zero bytes", 1, 1)
    except (RecursionError, MemoryError):
        return _refused(writer, "it is nested too deeply", 1, 1)


def _refused(writer: Writer, why: str, line: int, column: int) -> Script:
    line = min(max(line, 1), len(writer.source))
    before = writer.source[line - 1][: max(column - 1, 0)]
    writer.unread(f"the rest of the revision, since {why}", ast.Pass(lineno=line, col_offset=len(before.encode())))
    return writer.script("", None)


def _script(tree: ast.Module, text: str, writer: Writer) -> Script:
    names: Names = {}
    for node in tree.body:
        _remember(node, names)
    found = names.get("upgrade")
    if not isinstance(found, Function):
        writer.unread("the file, since it has no function upgrade() that can be read", ast.Pass(lineno=1, col_offset=0))
        return writer.script("", None)
    noted = False
    if _MARKED.search(text):
        comments = [
            (*token.start, token.string)
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        ]
        noted = any(is_note(each[2]) for each in comments)
        writer.comments += [each for each in comments if "orch:ignore" in each[2]]
    Program(writer, names).run(found.node)
    down = names.get("downgrade")
    return writer.script("" if noted else _no_way_back(down), down.node if isinstance(down, Function) else None)


def _remember(node: ast.stmt, names: Names) -> None:
    if isinstance(node, ast.If | ast.Try):
        for each in node.body:
            _remember(each, names)
    else:
        remember(node, names)


def _no_way_back(down: object) -> str:
    """Why ``downgrade()`` is none; empty where it does something."""
    if not isinstance(down, Function):
        return "there is no downgrade()"
    body = [each for each in down.node.body if not _says_nothing(each)]
    if not body:
        return "downgrade() does nothing"
    return "downgrade() raises" if isinstance(body[0], ast.Raise) else ""


def _says_nothing(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass) or (isinstance(node, ast.Return) and node.value is None)


plugin = Format("Alembic", (".py",), _fits, _read)
