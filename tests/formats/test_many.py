"""Two thousand migrations of all formats at once; how long that takes is measured by ``make bench``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.formats.many import FILES, linted, written


def test_two_thousand_files_of_all_formats(tmp_path: Path) -> None:
    written(tmp_path)
    done = linted(tmp_path)
    assert done.returncode == 4, done.stderr
    report = json.loads(done.stdout)
    assert report["files"] == FILES
    assert Counter(each["rule"] for each in report["findings"])["drop_table"] == FILES
