"""Generated pages agree with the code, and every page of the navigation exists."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(generator: ModuleType) -> None:
    _are_stored(generator.pages())


def test_the_page_of_every_operation_shows_its_plan_of_today(generator: ModuleType, database: str) -> None:
    pages = generator.operation_pages(database)
    _are_stored(pages)
    there = {f"operations/{path.name}" for path in (ROOT / "docs" / "operations").glob("*.md")}
    assert there == {*pages, "operations/index.md"}, "run make docs"


def test_no_page_of_a_rule_outlives_it(generator: ModuleType) -> None:
    there = {f"rules/{path.name}" for path in (ROOT / "docs" / "rules").glob("*.md")}
    assert there == set(generator.rule_pages()), "run make docs"


def _are_stored(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        page = ROOT / "docs" / name
        stored = page.read_text(encoding="utf-8") if page.is_file() else None
        assert stored == text, f"docs/{name} is out of date: run make docs"


def test_every_page_of_the_navigation_exists() -> None:
    lines = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").splitlines()
    pages = [line.rsplit(": ", 1)[1] for line in lines if line.rstrip().endswith(".md")]
    assert len(pages) > 10
    assert [page for page in pages if not (ROOT / "docs" / page).is_file()] == []
