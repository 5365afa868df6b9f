"""A constraint is told from another one under its name, whether it is validated or not."""

from __future__ import annotations

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import AddConstraint
from tests.steps.scene import ORDERS, Case, Scene, expect

PROOF = AddConstraint(ORDERS, "k", not_null='Odd "name')
CHECK = AddConstraint(ORDERS, "k", "CHECK (((note)::text <> ''::text)) NOT VALID", ("note", "email"))
REFERS = AddConstraint(
    ORDERS, "k", "FOREIGN KEY (note) REFERENCES public.other(x) ON DELETE CASCADE", ("note", "email")
)
OTHER = "CREATE TABLE other (x text PRIMARY KEY);\nINSERT INTO other VALUES ('A@x'), ('B@x');\n"


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ('ALTER TABLE orders ADD CONSTRAINT k CHECK ("Odd ""name" IS NOT NULL) NOT VALID', Seen.DONE, ""),
        (
            'UPDATE orders SET "Odd ""name" = \'x\';\nALTER TABLE orders ADD CONSTRAINT k CHECK ("Odd ""name" IS NOT NULL)',
            Seen.DONE,
            "",
        ),
        ('ALTER TABLE orders ADD CONSTRAINT k CHECK ("Odd ""name" IS NULL) NOT VALID', Seen.FOREIGN, "IS NULL"),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (email IS NOT NULL)", Seen.FOREIGN, "expected CHECK"),
        (
            'ALTER TABLE orders ADD CONSTRAINT k CHECK ("Odd ""name" IS NOT NULL) NO INHERIT NOT VALID',
            Seen.FOREIGN,
            "NO INHERIT",
        ),
        ("ALTER TABLE orders ADD CONSTRAINT k UNIQUE (email)", Seen.FOREIGN, "UNIQUE (email)"),
        (
            'UPDATE orders SET "Odd ""name" = \'x\';\nALTER TABLE orders ALTER "Odd ""name" SET NOT NULL',
            Seen.DONE,  # SET NOT NULL used it up
            "",
        ),
        ('ALTER TABLE orders DROP "Odd ""name"', Seen.FOREIGN, "has no column"),
    ],
)
def test_a_proof_of_not_null(scene: Scene, case: Case) -> None:
    expect(scene, PROOF, case)


@pytest.mark.parametrize(
    "case",
    [
        ("", Seen.ABSENT, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (email <> '')", Seen.DONE, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (email::text <> ''::text) NOT VALID", Seen.DONE, ""),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (email <> ' ')", Seen.FOREIGN, "' '::text"),
        ("ALTER TABLE orders ADD CONSTRAINT k CHECK (note <> '')", Seen.FOREIGN, "note"),
    ],
)
def test_a_check_copied_to_a_column_of_another_type(scene: Scene, case: Case) -> None:
    expect(scene, CHECK, case)


@pytest.mark.parametrize(
    "case",
    [
        (OTHER, Seen.ABSENT, ""),
        (
            OTHER + "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (email) REFERENCES other ON DELETE CASCADE",
            Seen.DONE,
            "",
        ),
        (
            OTHER
            + "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (email) REFERENCES other ON DELETE CASCADE NOT VALID",
            Seen.DONE,
            "",
        ),
        (
            OTHER + "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (email) REFERENCES other",
            Seen.FOREIGN,
            "REFERENCES public.other",
        ),
        (
            OTHER
            + "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (email) REFERENCES other ON DELETE CASCADE DEFERRABLE",
            Seen.FOREIGN,
            "DEFERRABLE",
        ),
        (
            OTHER + "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (note) REFERENCES other ON DELETE CASCADE",
            Seen.FOREIGN,
            "FOREIGN KEY (note)",
        ),
    ],
)
def test_a_foreign_key(scene: Scene, case: Case) -> None:
    expect(scene, REFERS, case)


@pytest.mark.parametrize("step", [PROOF, CHECK])
def test_there_and_back(scene: Scene, step: AddConstraint) -> None:
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert scene.sees(step).seen is Seen.ABSENT
