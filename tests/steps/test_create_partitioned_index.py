"""The index of a partitioned table is told by the catalog alone: whole, in parts, absent, or another one."""

from __future__ import annotations

import pytest

from orchestrator.core.catalog import TableName
from orchestrator.core.partitioned import CreatePartitionedIndex, PartitionedKey
from orchestrator.core.ports import Seen
from tests.steps.scene import Case, Scene, expect

TREE = (
    "CREATE TABLE parts (id bigint, note text) PARTITION BY LIST (id)",
    "CREATE TABLE one PARTITION OF parts FOR VALUES IN (1)",
    "CREATE TABLE more PARTITION OF parts DEFAULT PARTITION BY HASH (id)",
    "CREATE TABLE two PARTITION OF more FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
)
STEP = CreatePartitionedIndex(
    TableName("public", "parts"), "i", "CREATE INDEX i ON public.parts USING btree (lower(note))", comment="why"
)
ONLY = "CREATE INDEX i ON ONLY parts (lower(note))"
CASES: list[Case] = [
    ("", Seen.ABSENT, ""),
    (ONLY, Seen.PARTIAL, "0 of 3 partitions of public.parts have their part of i"),
    (
        ONLY + ";\nCREATE INDEX one_i ON one (lower(note));\nALTER INDEX i ATTACH PARTITION one_i",
        Seen.PARTIAL,
        "1 of 3",
    ),
    ("CREATE INDEX one_i ON one (lower(note))", Seen.PARTIAL, "of i there is only one_i"),
    ("CREATE INDEX one_i ON one (note)", Seen.FOREIGN, "one_i"),
    ("CREATE INDEX one_i ON two (lower(note))", Seen.FOREIGN, "one_i"),
    ("CREATE TABLE one_i ()", Seen.FOREIGN, "no index"),
    ("CREATE INDEX i ON ONLY parts (note)", Seen.FOREIGN, "another index"),
    ("CREATE TABLE i ()", Seen.FOREIGN, "no index"),
    ("CREATE INDEX i ON parts (lower(note))", Seen.PARTIAL, "no comment yet"),
    ("CREATE INDEX i ON parts (lower(note));\nCOMMENT ON INDEX i IS 'why'", Seen.DONE, ""),
    ("CREATE INDEX i ON parts (lower(note));\nCOMMENT ON INDEX i IS 'x';\nALTER INDEX i RENAME TO j", Seen.ABSENT, ""),
    ("DROP TABLE parts", Seen.FOREIGN, "is gone"),
]


KEY = CreatePartitionedIndex(
    TableName("public", "parts"),
    "k",
    "CREATE UNIQUE INDEX k ON public.parts USING btree (id, note)",
    key=PartitionedKey("UNIQUE (id, note)", comment="why"),
)
TOP = "ALTER TABLE ONLY parts ADD CONSTRAINT k UNIQUE (id, note)"
KEY_CASES: list[Case] = [
    ("", Seen.ABSENT, ""),
    (TOP, Seen.PARTIAL, "0 of 3 partitions of public.parts have their part of k"),
    (TOP + ";\nCREATE UNIQUE INDEX one_k ON one (id, note)", Seen.PARTIAL, "0 of 3"),
    (TOP + ";\nALTER TABLE one ADD CONSTRAINT one_k UNIQUE (id, note)", Seen.PARTIAL, "0 of 3"),
    ("CREATE UNIQUE INDEX one_k ON one (id, note)", Seen.PARTIAL, "of k there is only one_k"),
    ("CREATE UNIQUE INDEX one_k ON one (id)", Seen.FOREIGN, "one_k"),
    ("ALTER TABLE one ALTER id SET NOT NULL, ADD CONSTRAINT one_k PRIMARY KEY (id, note)", Seen.FOREIGN, "no such key"),
    ("CREATE UNIQUE INDEX more_k ON more (id, note)", Seen.FOREIGN, "no such key"),
    ("CREATE UNIQUE INDEX k ON parts (id, note)", Seen.FOREIGN, "no such key"),
    ("ALTER TABLE parts ADD CONSTRAINT k UNIQUE (note, id)", Seen.FOREIGN, "another index"),
    ("ALTER TABLE parts ADD CONSTRAINT k UNIQUE (id, note)", Seen.PARTIAL, "no comment yet"),
    (
        "ALTER TABLE parts ADD CONSTRAINT k UNIQUE (id, note);\nCOMMENT ON CONSTRAINT k ON parts IS 'why'",
        Seen.DONE,
        "",
    ),
]


@pytest.mark.parametrize("case", KEY_CASES)
def test_what_is_seen_of_a_key(scene: Scene, case: Case) -> None:
    scene.run(*TREE)
    expect(scene, KEY, case)


@pytest.mark.parametrize("case", CASES)
def test_what_is_seen(scene: Scene, case: Case) -> None:
    scene.run(*TREE)
    expect(scene, STEP, case)
