"""The head of the history, kept outside the database as a small JSON file.

Why it exists: whoever owns the Registry can rehash the whole chain, and nothing inside will show it. A file in a place that
they cannot write (another machine, a signed commit, write-once storage) does. So an anchor is never silently replaced:
the chain must run through the old one before a new one takes its place.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile

from orchestrator.core.audit import Anchor
from orchestrator.core.errors import Invalid


def read(path: str) -> Anchor:
    """The anchor in a file. Raises Invalid when there is none, or something else."""
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        registry = {str(name): str(value) for name, value in stored["registry"].items()}
        return Anchor(int(stored["seq"]), str(stored["sha256"]), str(stored["at"]), registry)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", "orch audit --anchor FILE writes an anchor") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid(f"{path} is no anchor", "name a file that orch audit --anchor FILE wrote") from None


def write(path: str, anchor: Anchor) -> None:
    """Put an anchor into a file, wholly or not at all. Raises Invalid."""
    where, made = Path(path), ""
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=where.parent, prefix=where.name, delete=False) as file:
            made = file.name
            file.write(json.dumps(asdict(anchor), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, where)
    except OSError as error:
        with suppress(OSError):
            os.unlink(made)
        raise Invalid(f"{path}: {error.strerror}", "name a file that can be written") from None
