"""A sync is whole when its triggers and all of its functions are as orch made them (F26), and the triggers are on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.ports import Seen
from orchestrator.core.step import InstallSync, RemoveSync
from orchestrator.core.sync import Argument, Conversion, Fill, Mirror, Part, Sync
from tests.steps.scene import ORDERS, Scene

KEY = (Argument("id", "bigint"),)
UP = Conversion("up_s1", "upper(email)", (Argument("email", "text"),), "text")
DOWN = Conversion("down_s1", 'lower("fresh")', (Argument("fresh", "text"),), "text")
OLD, NEW = Part("email", "text", DOWN), Part("fresh", "text", UP)
MIRROR = Mirror("s1", "c", ORDERS, (OLD,), (NEW,), KEY, "~sync")
WIDE = replace(MIRROR, narrow=False, always=True)
COPY = replace(MIRROR, olds=(replace(OLD, value=None),), news=(replace(NEW, value=None),))
VALUE = Conversion("fill_s2", "'x' || amount", (Argument("amount", "integer"),), "text")
FILL = Fill("s2", "c", ORDERS, "note", "character varying(20)", KEY, "~fill", VALUE, on_update=True)
FIRST = Part(
    "fresh", "text", Conversion("up1_s1", "left(email, 1)", (Argument("email", "text"),), "text"), required=True
)
REST = Part("note", "text", Conversion("up2_s1", "'none'", (), "text"), default="'x'")
BOTH = (Argument("fresh", "text"), Argument("note", "text"))
WHOLE = Part("email", "text", Conversion("down1_s1", "fresh || note", BOTH, "text"), required=True, default="'y'")
SEVERAL = replace(MIRROR, olds=(WHOLE,), news=(FIRST, REST), relaxed=True)
TURNED = replace(MIRROR, olds=(FIRST, REST), news=(WHOLE,), relaxed=True, narrow=False)
SYNCS = [MIRROR, WIDE, COPY, FILL, SEVERAL, TURNED]
FRESH = "ALTER TABLE orders ADD fresh text"

FOREIGN = [
    (
        'CREATE OR REPLACE TRIGGER "~sync_ins" BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION orch_target.sync_s1()',
        "trigger ~sync_ins of public.orders is CREATE TRIGGER",
    ),
    (
        'CREATE OR REPLACE TRIGGER "~sync_upd" BEFORE UPDATE OF email ON orders FOR EACH ROW'
        " WHEN (current_setting('orch.own', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION orch_target.sync_s1()",
        "trigger ~sync_upd",
    ),
    (
        'CREATE OR REPLACE TRIGGER "~sync_upd" AFTER UPDATE OF email, fresh ON orders FOR EACH ROW'
        " WHEN (current_setting('orch.own', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION orch_target.sync_s1()",
        "AFTER UPDATE",
    ),
    (
        'CREATE OR REPLACE TRIGGER "~sync_upd" BEFORE UPDATE OF email, fresh ON orders FOR EACH ROW'
        " WHEN (current_setting('orch.own', true) IS DISTINCT FROM 'off') EXECUTE FUNCTION orch_target.sync_s1()",
        "'off'::text",
    ),
    (
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;\n"
        'CREATE OR REPLACE TRIGGER "~sync_ins" BEFORE INSERT ON orders FOR EACH ROW'
        " WHEN (current_setting('orch.own', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION other()",
        "FUNCTION public.other()",
    ),
    (
        "CREATE OR REPLACE FUNCTION orch_target.sync_s1() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$",
        "function orch_target.sync_s1 was changed",
    ),
    (
        "CREATE OR REPLACE FUNCTION orch_target.up_s1(email text) RETURNS text LANGUAGE plpgsql STABLE AS"
        " $$BEGIN RETURN email; END$$",
        "function orch_target.up_s1 was changed",
    ),
    (
        "CREATE OR REPLACE FUNCTION orch_target.down_s1(fresh text) RETURNS text LANGUAGE sql STABLE AS 'SELECT fresh'",
        "function orch_target.down_s1 was changed",
    ),
    ("ALTER FUNCTION orch_target.up_s1(text) SET \"TimeZone\" = 'CET'", "up_s1 was changed"),
    ("ALTER FUNCTION orch_target.up_s1(text) RESET ALL", "up_s1 was changed"),
    ("ALTER FUNCTION orch_target.up_s1(text) SET search_path = pg_catalog, evil", "up_s1 was changed"),
    ("ALTER FUNCTION orch_target.try_up_s1(text) IMMUTABLE", "try_up_s1 was changed"),
    ("ALTER FUNCTION orch_target.sync_s1() SECURITY DEFINER", "sync_s1 was changed"),
]
PARTIAL = [
    ('DROP TRIGGER "~sync_upd" ON orders', "trigger ~sync_upd of public.orders is missing or off"),
    ('ALTER TABLE orders DISABLE TRIGGER "~sync_ins"', "trigger ~sync_ins of public.orders is missing or off"),
    ('ALTER TABLE orders ENABLE REPLICA TRIGGER "~sync_ins"', "missing or off"),
    (
        "DROP FUNCTION orch_target.fails_up_s1(text)",
        "function orch_target.fails_up_s1 of the sync of public.orders is gone",
    ),
    ('DROP TRIGGER "~sync_upd" ON orders;\nDROP TRIGGER "~sync_ins" ON orders', "~sync_ins, ~sync_upd"),
    ("DROP FUNCTION orch_target.sync_s1() CASCADE", "sync_s1 of the sync"),
]


@pytest.fixture
def installed(scene: Scene) -> Scene:
    """The table with its new column, and the sync as orch sends it."""
    scene.run(FRESH)
    scene.send(InstallSync(MIRROR))
    return scene


@pytest.mark.parametrize("sync", SYNCS)
def test_absent_before_done_after_and_absent_when_taken_back(scene: Scene, sync: Sync) -> None:
    scene.run(FRESH)
    step, removal = InstallSync(sync), RemoveSync(sync)
    assert (scene.sees(step).seen, scene.sees(removal).seen) == (Seen.ABSENT, Seen.DONE)
    scene.send(step)
    assert (scene.sees(step), scene.sees(removal).seen) == (scene.sees(InstallSync(sync)), Seen.ABSENT)
    assert scene.sees(step).seen is Seen.DONE
    scene.send(step, undo=True)
    assert (scene.sees(step).seen, scene.sees(removal).seen) == (Seen.ABSENT, Seen.DONE)


@pytest.mark.parametrize(("by_hand", "words"), FOREIGN)
def test_another_definition_is_foreign(installed: Scene, by_hand: str, words: str) -> None:
    installed.run(*by_hand.split(";\n"))
    found = installed.sees(InstallSync(MIRROR))
    assert (found.seen, words in found.detail) == (Seen.FOREIGN, True), found


@pytest.mark.parametrize(("by_hand", "words"), PARTIAL)
def test_what_is_missing_or_off_is_a_part_which_sending_the_step_completes(
    installed: Scene, by_hand: str, words: str
) -> None:
    installed.run(*by_hand.split(";\n"))
    found = installed.sees(InstallSync(MIRROR))
    assert (found.seen, words in found.detail) == (Seen.PARTIAL, True), found
    installed.send(InstallSync(MIRROR))
    assert installed.sees(InstallSync(MIRROR)).seen is Seen.DONE


def test_a_trigger_of_a_subscriber_must_always_fire(scene: Scene) -> None:
    scene.run(FRESH)
    scene.send(InstallSync(WIDE))
    scene.run('ALTER TABLE orders ENABLE TRIGGER "~sync_ins"')
    assert scene.sees(InstallSync(WIDE)).seen is Seen.PARTIAL
    scene.run('ALTER TABLE orders ENABLE ALWAYS TRIGGER "~sync_ins"')
    assert scene.sees(InstallSync(WIDE)).seen is Seen.DONE


def test_a_table_that_is_gone(scene: Scene) -> None:
    scene.run("DROP TABLE orders")
    assert scene.sees(InstallSync(MIRROR)).seen is Seen.FOREIGN


PARTS = (
    "DROP TABLE orders",
    "CREATE TABLE orders (id bigint, email text, fresh text) PARTITION BY LIST (id)",
    "CREATE TABLE one PARTITION OF orders FOR VALUES IN (1)",
    "CREATE TABLE more PARTITION OF orders DEFAULT PARTITION BY HASH (id)",
    "CREATE TABLE two PARTITION OF more FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
)


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("partition", ["one", "two", "more"])
def test_every_partition_has_its_triggers(scene: Scene, partition: str, always: bool) -> None:
    """One that is off on a single partition lets the shapes drift there."""
    step = InstallSync(replace(MIRROR, always=always))
    scene.run(*PARTS)
    assert scene.sees(step).seen is Seen.ABSENT
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
    scene.run("CREATE TABLE three PARTITION OF orders FOR VALUES IN (3)")
    assert scene.sees(step).seen is Seen.DONE
    scene.run(f'ALTER TABLE ONLY {partition} DISABLE TRIGGER "~sync_upd"')
    found = scene.sees(step)
    assert found.seen is Seen.PARTIAL
    assert f"trigger public.{partition} ~sync_upd" in found.detail
    scene.send(step)
    assert scene.sees(step).seen is Seen.DONE
