"""A login of the test's own, so that what is set for it or granted to it reaches nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql

from migrations_meta.upgrade import separate
from orchestrator.core.view import Diagnosis
from state.model import Verdict
from tests.service.world import World


@dataclass
class Clinic:
    """A world, and logins that are dropped with it."""

    world: World
    suffix: str
    made: list[str] = field(default_factory=list)

    def login(self, name: str, *roles: str, options: str = "LOGIN") -> str:
        """Make a role; returns its name."""
        made = f"diag_{name}_{self.suffix}"
        with psycopg.connect(self.world.url, autocommit=True) as admin:
            with suppress(psycopg.errors.UndefinedObject):
                _drop(admin, made)
            admin.execute(sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(made)))
            self.made.append(made)
            for role in roles:
                admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(made)))
        return made

    def looked(self, login: str = "postgres") -> dict[str, Diagnosis]:
        """What doctor finds as ``login``, by name. Whatever is wrong comes with a command."""
        with self.world.as_role(login) as service:
            found = service.doctor()
        assert [each for each in found if each.verdict is not Verdict.PASS and not each.next_step] == []
        assert len({each.name for each in found}) >= len(found) - 3
        return {each.name: each for each in reversed(found)}

    def lacks(self, login: str, name: str) -> list[Diagnosis]:
        """Everything wrong that goes by one name, in its order."""
        with self.world.as_role(login) as service:
            return [each for each in service.doctor() if each.name == name and each.verdict is Verdict.FAIL]

    def run_as(self, login: str, statement: str) -> None:
        """One statement of a login's own."""
        with psycopg.connect(self.world.url.replace("postgres@", f"{login}@"), autocommit=True) as link:
            link.execute(statement.encode())

    def bad(self, login: str) -> dict[str, Diagnosis]:
        """Only what is wrong."""
        return {name: found for name, found in self.looked(login).items() if found.verdict is Verdict.FAIL}

    def separated(self) -> None:
        """Put the roles in force."""
        separate(self.world.url)

    def obey(self, found: Diagnosis) -> None:
        """Run the SQL that a finding gives, as an administrator."""
        with psycopg.connect(self.world.url, autocommit=True) as admin:
            admin.execute(found.next_step.split(" (only")[0].encode())


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP OWNED BY {} CASCADE; DROP ROLE {}").format(*[sql.Identifier(name)] * 2))


@contextmanager
def clinic_in(world: World, suffix: str) -> Iterator[Clinic]:
    """A clinic for as long as the block lasts."""
    clinic = Clinic(world, suffix)
    try:
        yield clinic
    finally:
        with psycopg.connect(world.url, autocommit=True) as admin:
            for name in reversed(clinic.made):
                _drop(admin, name)


@pytest.fixture
def clinic(world: World, worker_id: str) -> Iterator[Clinic]:
    """A world of the test's own with logins of its own."""
    with clinic_in(world, worker_id) as made:
        yield made


Setting = Callable[[str, str], None]


@pytest.fixture
def setting(clinic: Clinic) -> Setting:
    """Set something for every session of the test's own database."""

    def change(name: str, value: str) -> None:
        database = clinic.world.rows("SELECT current_database()")[0][0]
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        with psycopg.connect(clinic.world.url, autocommit=True) as admin:
            admin.execute(statement.format(sql.Identifier(database), sql.Identifier(name), sql.Literal(value)))

    return change
