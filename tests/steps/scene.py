"""A table on a real server, and what is seen of one Step on it; all of it is rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from orchestrator.core.catalog import TableName
from orchestrator.core.ports import Observation, Seen
from orchestrator.core.step import Step
from orchestrator.dialects.postgres import kinds

ORDERS = TableName("public", "orders")
TABLE = """
CREATE TABLE public.orders (
    id bigint PRIMARY KEY,
    email text NOT NULL DEFAULT 'none',
    amount int,
    note varchar(20),
    "Odd ""name" text COLLATE "C"
);
INSERT INTO public.orders (id, email, amount) VALUES (1, 'A@x', 1), (2, 'B@x', -2);
"""
Case = tuple[str, Seen, str]


@dataclass
class Scene:
    """One transaction on the server, which never commits."""

    link: psycopg.Connection[Any]

    def run(self, *statements: str) -> None:
        """Statements written by hand, as an application's migration would send them."""
        self.link.execute("SET LOCAL search_path = public")
        for statement in statements:
            self.link.execute(statement.encode())
        self.link.execute("SET LOCAL search_path = pg_catalog, pg_temp")

    def mark(self, step_id: str = "s") -> None:
        """The marker that the Step's own transaction leaves."""
        self.link.execute(
            "INSERT INTO orch_target.marker (step_id, fence, plan_sha256, done_at) VALUES (%s, 1, 'p', now())",
            [step_id],
        )

    def sees(self, step: Step, step_id: str = "s") -> Observation:
        """What the dialect says of it."""
        return kinds.observe(self.link, step, step_id)

    def send(self, step: Step, *, undo: bool = False) -> None:
        """What orch itself would send, for the way back from what is seen."""
        rendered = kinds.render(step)
        for message in rendered.undo if undo else rendered.forward:
            for statement in message:
                self.link.execute(statement)


def expect(scene: Scene, step: Step, case: Case) -> None:
    """Bring the case about by hand, and compare what is seen; its words must be in what is told."""
    by_hand, seen, words = case
    scene.run(*filter(None, by_hand.split(";\n")))
    found = scene.sees(step)
    assert (found.seen, found.detail) == (seen, found.detail)
    assert words in found.detail
    assert bool(found.detail) is (seen in (Seen.FOREIGN, Seen.PARTIAL))
