"""What others copy to have ``orch lint`` run for them: the hook of pre-commit, the workflow of GitHub."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.test_lint import DROP, orch

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / ".pre-commit-hooks.yaml"
WORKFLOW = ROOT / "docs" / "how-to" / "lint-workflow.yml"


def loaded(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


@pytest.fixture
def hook() -> dict[str, Any]:
    (one,) = loaded(HOOKS)
    assert {"id", "name", "entry", "language"} <= set(one)
    found: dict[str, Any] = one
    return found


def test_the_hook_refuses_what_is_critical(hook: dict[str, Any], tmp_path: Path) -> None:
    program, verb, *rest = shlex.split(hook["entry"])
    assert (program, verb) == ("orch", "lint")
    (tmp_path / "1.sql").write_text(DROP)
    (tmp_path / "2.sql").write_text("SELECT 1;")
    assert orch(*rest, "1.sql", "2.sql", here=tmp_path).returncode == 4
    assert orch(*rest, "2.sql", here=tmp_path).returncode == 0


def test_the_hook_lets_a_commit_of_nothing_but_a_way_back_pass(hook: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "1_a.down.sql").write_text(DROP)
    assert orch(*shlex.split(hook["entry"])[2:], "1_a.down.sql", here=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("migrations/0001_a.up.sql", True),
        ("prisma/migrations/20260101000000_a/migration.sql", True),
        ("alembic/versions/a1_add.py", True),
        ("versions/a1_add.py", True),
        ("alembic/versions/__init__.py", False),
        ("alembic/env.py", False),
        ("app/conversions/x.py", False),
        ("notes.txt", False),
    ],
)
def test_the_hook_is_given_migrations_and_nothing_else(path: str, taken: bool, hook: dict[str, Any]) -> None:
    given = re.search(hook["files"], path) is not None and re.search(hook["exclude"], path) is None
    assert given is taken


def test_the_workflow_runs_the_linter_on_its_paths(tmp_path: Path) -> None:
    workflow = loaded(WORKFLOW)
    (paths,) = workflow["on"]["pull_request"]["paths"]  # YAML 1.2, as GitHub reads it: `on` is a word
    *_, last = workflow["jobs"]["lint"]["steps"]
    program, verb, *rest = shlex.split(last["run"])
    assert (program, verb) == ("orch", "lint")
    directory = tmp_path / rest[-1]
    assert f"{rest[-1]}**" == paths
    directory.mkdir()
    (directory / "1.sql").write_text("SELECT 1;")
    assert orch(*rest, here=tmp_path).returncode == 0
    (directory / "2.sql").write_text(DROP)
    done = orch(*rest, here=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith(b"::error file=migrations/2.sql,line=2,col=1,")


def test_the_workflow_has_what_every_workflow_has() -> None:
    workflow = loaded(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    for step in workflow["jobs"]["lint"]["steps"]:
        assert ("uses" in step) is not ("run" in step)
        assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
