"""What cannot be done on a partitioned table is refused when planning, with the way around."""

from __future__ import annotations

import pytest

from orchestrator.core.errors import PlanRefused
from tests.service.world import World

RENAME = "rename_column: {table: tree, column: note, to: remark}"
RETYPE = 'change_type: {{table: tree, column: note, to: short, type: text, up: "{}", down: "{}"}}'


@pytest.mark.parametrize(
    ("by_hand", "operation", "reason"),
    [
        ("", "rename_column: {table: tree, column: place, to: spot}", "is partitioned by place"),
        ("", "rename_column: {table: tree, column: id, to: number}", "is partitioned by id"),
        ("", "change_type: {table: tree, column: place, to: spot, type: bigint}", "is partitioned by place"),
        ("", "drop_column: {table: tree, column: place}", "is partitioned by place"),
        ("", "rename_column: {table: low, column: note, to: remark}", "is a partition"),
        ("CREATE INDEX mine ON low (note)", RENAME, r"partition public\.low has of its own, over .*: index mine"),
        ("CREATE INDEX mine ON low (id) WHERE note <> ''", RENAME, "index mine"),
        ("ALTER TABLE \"mid 0\" ADD CONSTRAINT mine CHECK (note <> '')", RENAME, "constraint mine"),
        ("ALTER TABLE low ALTER note SET DEFAULT 'mine'", RENAME, "default of note"),
        ("ALTER TABLE low ALTER note SET NOT NULL", RENAME, "NOT NULL of note"),
        ("GRANT SELECT (note) ON low TO PUBLIC", RENAME, "privileges on note"),
        ("CREATE VIEW looking AS SELECT note FROM low", RENAME, "used by view public.looking"),
        ("CREATE STATISTICS counted ON note, id FROM low", RENAME, "used by extended statistics"),
        ("CREATE RULE nothing AS ON DELETE TO low DO INSTEAD NOTHING", RENAME, "has rules"),
        (
            "CREATE PUBLICATION told FOR TABLE low",
            "add_column: {table: tree, column: x, type: int}",
            "published by told",
        ),
        (
            "CREATE PUBLICATION told FOR TABLE tree",
            "add_column: {table: tree, column: x, type: int}",
            "published by told",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';;"
            "CREATE TRIGGER noticing BEFORE UPDATE ON low FOR EACH ROW EXECUTE FUNCTION f()",
            RENAME,
            "would fire noticing",
        ),
        ("", RETYPE.format("coalesce(note, 'none')", "short"), "up of public.tree.note makes a value of NULL"),
        (
            "",
            RETYPE.format("note || ''", "coalesce(short, '')"),
            "down of tree.short makes a value of NULL|makes a value",
        ),
        ("", "add_column: {table: tree, column: x, type: text, fill: note}", "say|looks like one|left out"),
        ("", "drop_column: {table: tree, column: note, down: \"''\"}", "may be NULL: a row that moves"),
        ("", "add_foreign_key: {table: tree, columns: [id, place], references: tree}", "partitioned table"),
        ("", "drop_table: {table: low}", "is a partition"),
        ("", "rename_table: {table: low, to: lower}", "is a partition"),
        ("CREATE VIEW looking AS SELECT note FROM low", "drop_table: {table: tree}", r"used by .*looking"),
        (
            "CREATE TABLE o (i bigint, p int, FOREIGN KEY (i, p) REFERENCES tree)",
            "drop_table: {table: tree}",
            "is used by",
        ),
        (
            "CREATE TABLE o (i bigint, p int, FOREIGN KEY (i, p) REFERENCES low)",
            "drop_table: {table: tree}",
            "is used by",
        ),
        ("CREATE PUBLICATION told FOR TABLE low", "drop_table: {table: tree}", "published by told"),
        ("CREATE PUBLICATION told FOR TABLE low", "rename_table: {table: tree, to: wood}", "published by told"),
        (
            "CREATE TABLE o (i int PRIMARY KEY);;INSERT INTO o SELECT generate_series(0, 9);;"
            "ALTER TABLE low ADD CONSTRAINT mine FOREIGN KEY (amount) REFERENCES o",
            "drop_table: {table: tree}",
            r"partition public\.low has a foreign key of its own, mine",
        ),
        (
            "",
            "merge_columns: {table: tree, columns: [note, place], to: both, type: text, up: note, down: none}",
            "is partitioned by place",
        ),
        (
            "ALTER TABLE low ALTER note SET DEFAULT 'x'",
            "set_default: {table: tree, column: note, default: \"'y'\"}",
            "default of",
        ),
        ("ALTER TABLE low ALTER note SET NOT NULL", "set_not_null: {table: tree, column: note}", "NOT NULL of"),
    ],
)
def test_refused(tree: World, by_hand: str, operation: str, reason: str) -> None:
    tree.run(*filter(None, by_hand.split(";;")))
    with pytest.raises(PlanRefused, match=reason) as refused:
        tree.submit(operation)
    assert refused.value.next_step
