"""Where the Registry and the Targets are: ``orch.toml``, then the environment, then ``--url``.

Why it exists: a mistyped setting must never mean an empty database, so nothing is guessed and unknown keys are errors.
URLs carry passwords: they stay out of every ``repr`` and every message, and ``redact`` is the one way to show them.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from orchestrator.core.errors import Invalid

FILE = "orch.toml"
REHEARSE_FROM = 1_000_000
"""Rows of a table from which nobody may guess how long its locks are held."""
_URL = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://(?:[^@/?#\s]*@)?[^@/?#\s]*(?:/[^@?#\s]*)?(?:\?[^@#\s]*)?")
_USERINFO = re.compile(r"(\w://[^:/?#\s@]*):\S*@")
_PASSWORD = re.compile(r"(?i)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&#]+)")
_HOW = (
    "set ORCH_URL=postgresql://user@host/database, or write orch.toml with "
    '[targets.NAME] url = "env:NAME"; orch demo needs no configuration'
)


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """One database to change, and the replicas whose lag holds a backfill back.

    ``rehearse_from`` is from how many rows of a table on a change of it must have been rehearsed; 0 for never.
    """

    name: str
    url: str = field(repr=False)
    replicas: tuple[str, ...] = field(default=(), repr=False)
    rehearse_from: int = REHEARSE_FROM


@dataclass(frozen=True, slots=True)
class Config:
    """The Registry, every Target by name, and the table ``tui`` as it stands in the file: the terminal UI judges it."""

    registry_url: str = field(repr=False)
    targets: Mapping[str, TargetConfig]
    tui: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_target(self) -> TargetConfig | None:
        """The target meant when a change names none: the only one, or the one called ``default``."""
        if len(self.targets) == 1:
            return next(iter(self.targets.values()))
        return self.targets.get("default")

    def target(self, name: str | None = None) -> TargetConfig:
        """The target of that name, or the default one. Raises Invalid, naming the targets there are."""
        known = ", ".join(sorted(self.targets))
        found = self.targets.get(name) if name else self.default_target
        if found is not None:
            return found
        if name:
            raise Invalid(
                f"target {name!r} is not configured; {nearest(name, self.targets)}",
                f"add [targets.{name}] to {FILE}, or name one of: {known}",
            )
        raise Invalid(
            f"there are several targets ({known}) and the change names none",
            "write `target: NAME` into the change file",
        )

    def secrets(self) -> tuple[str, ...]:
        """Every password in the URLs, as written and decoded, for scrubbing messages."""
        urls = [self.registry_url]
        for target in self.targets.values():
            urls += [target.url, *target.replicas]
        return tuple(sorted({secret for url in urls for secret in _secrets(url)}, key=len))


def redact(text: str) -> str:
    """A URL, or a text that holds URLs, without any password."""
    return _PASSWORD.sub(r"\1***", _USERINFO.sub(r"\1@", text))


def load(
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    url: str | None = None,
) -> Config:
    """Read the configuration. Raises Invalid, which never shows a secret.

    ``path`` is ``--config`` (else ``orch.toml`` here, if there is one); ``url`` is ``--url``.
    """
    env = os.environ if environ is None else environ
    where, data = _file(path)
    override = url or env.get("ORCH_URL")
    source = "--url" if url else "ORCH_URL"
    targets = _targets(data.get("targets", {}), where, env, skip=bool(override))
    if override:
        targets = _overridden(targets, _resolve(override, source, env))
    if not targets:
        raise Invalid("no database is configured", _HOW)
    registry = env.get("ORCH_REGISTRY_URL")
    named = "ORCH_REGISTRY_URL" if registry else f"{where}: registry"
    registry = registry or data.get("registry")
    if registry is not None:
        return Config(_resolve(registry, named, env), targets, data.get("tui", {}))
    default = Config("", targets).default_target
    if default is None:
        raise Invalid(
            f"{where}: there are several targets, and no registry",
            'write `registry = "env:ORCH_REGISTRY_URL"` at its top',
        )
    return Config(default.url, targets, data.get("tui", {}))


def _overridden(targets: dict[str, TargetConfig], url: str) -> dict[str, TargetConfig]:
    """One target keeps its name and takes the URL; beside several the URL becomes ``default``."""
    if len(targets) == 1:
        (only,) = targets.values()
        return {only.name: TargetConfig(only.name, url, only.replicas, only.rehearse_from)}
    return {**targets, "default": TargetConfig("default", url)}


def _file(path: str | Path | None) -> tuple[str, dict[str, Any]]:
    file = Path(path or FILE)
    if path is None and not file.exists():
        return FILE, {}
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", _HOW) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = error if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
        raise Invalid(f"{file} is not valid TOML: {why}", "correct the file") from None
    only_known(data, ("registry", "targets", "tui"), str(file))
    if not isinstance(data.get("tui", {}), dict):
        raise Invalid(f"{file}: tui must be a table", "write [tui] and its settings below it")
    return str(file), data


def _targets(tables: Any, where: str, env: Mapping[str, str], *, skip: bool) -> dict[str, TargetConfig]:
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise Invalid(f"{where}: targets must be tables", "write [targets.NAME] and url below it")
    only = skip and len(tables) == 1
    return {name: _target(name, table, where, env, only) for name, table in tables.items()}


def _target(name: str, table: dict[str, Any], where: str, env: Mapping[str, str], replaced: bool) -> TargetConfig:
    place = f"{where}: targets.{name}"
    only_known(table, ("url", "replicas", "rehearse_from"), place)
    rows = table.get("rehearse_from", REHEARSE_FROM)
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
        raise Invalid(
            f"{place}.rehearse_from must be a number of rows", "write rehearse_from = 1000000, or 0 for never"
        )
    replicas = table.get("replicas", [])
    if not isinstance(replicas, list):
        raise Invalid(f"{place}.replicas must be a list of URLs", 'write replicas = ["env:NAME"]')
    if "url" not in table:
        raise Invalid(f"{place} has no url", 'write url = "env:NAME" below it')
    url = "" if replaced else _resolve(table["url"], f"{place}.url", env)
    resolved = tuple(_resolve(replica, f"{place}.replicas", env) for replica in replicas)
    return TargetConfig(name, url, resolved, rows)


def _resolve(value: Any, place: str, env: Mapping[str, str]) -> str:
    """The URL itself, taken from the environment for ``env:NAME``; a bad one is never repeated."""
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if not env.get(name):
            raise Invalid(f"{place}: the environment variable {name} is not set", f"export {name}=postgresql://…")
        place, value = f"{place} ({name})", env[name]
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise Invalid(
            f"{place} is not a PostgreSQL URL",
            "write postgresql://user:password@host:5432/database, with %40 %2F %3A %3F %23 "
            "for @ / : ? # in the password",
        )
    return value


def only_known(data: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    """Raise Invalid for a key of a table that nothing reads, naming the nearest one."""
    for key in data:
        if key not in keys:
            raise Invalid(f"{place}: unknown key {key!r}; {nearest(key, keys)}", "correct or remove the key")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or all of them."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(sorted(known))}"


def _secrets(url: str) -> set[str]:
    found = {match[1] for match in re.finditer(r"://[^:/?#@]*:([^@]*)@", url)}
    found |= {match[1] for match in re.finditer(r"(?i)password=([^&#\s]+)", url)}
    return {form for secret in found for form in (secret, unquote(secret)) if form}
