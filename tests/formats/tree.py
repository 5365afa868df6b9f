"""A directory of migrations, written and linted as a team's would be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.core.known import Known
from orchestrator.lint._model import Finding
from orchestrator.linting import files, lint_files


def found(root: Path, tree: Mapping[str, str], known: Known | None = None) -> list[Finding]:
    """What is found in the files, which are written below ``root``."""
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return list(lint_files(files([str(root)]), known).findings)


def rules(root: Path, tree: Mapping[str, str], known: Known | None = None) -> list[str]:
    """The rules that find something, in order."""
    return [each.rule for each in found(root, tree, known)]
