"""Dropping a file into a room is enough, and a file that holds nothing says so."""

import sys
from pathlib import Path

import pytest

from orchestrator.core.errors import Invalid
from orchestrator.plugins import Room, discover


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "some_room"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("some_room")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def test_a_new_file_is_enough(room: Path) -> None:
    assert dict(Room("some_room")) == {}
    (room / "greet.py").write_text("plugin = 'hello'\n")
    (room / "_helper.py").write_text("raise RuntimeError\n")
    assert dict(Room("some_room")) == {"greet": "hello"}


def test_nothing_is_imported_before_it_is_asked_for(room: Path) -> None:
    (room / "broken.py").write_text("raise RuntimeError('imported')\n")
    found = Room("some_room")
    assert list(found) == ["broken"]
    assert len(found) == 1
    with pytest.raises(RuntimeError, match="imported"):
        found["broken"]


def test_a_file_without_a_plugin_is_named(room: Path) -> None:
    (room / "empty.py").write_text("")
    with pytest.raises(Invalid, match=r"empty\.py holds no plug-in"):
        Room("some_room")["empty"]
    with pytest.raises(KeyError):
        Room("some_room")["missing"]


def test_every_operation_is_found_by_the_name_of_its_file() -> None:
    operations = discover("orchestrator.operations")
    assert "rename_column" in operations
    assert {word: kind.__module__.rsplit(".", 1)[-1] for word, kind in operations.items()} == {
        word: word for word in operations
    }
