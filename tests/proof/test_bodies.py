"""Functions and triggers that would break are found before they do (F17), and those that would not raise no alarm."""

from __future__ import annotations

import time

import pytest

from orchestrator.core.step import AddColumn
from orchestrator.dialects.postgres.proof import tries
from tests.proof.conftest import ORDERS, Rehearsed

_TRIGGER = """
CREATE OR REPLACE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$;
CREATE TRIGGER watch {when} ON orders FOR EACH ROW EXECUTE FUNCTION watch();
"""
_LOG = "DROP TABLE IF EXISTS log; CREATE TABLE log (LIKE orders);"


def _trigger(body: str, when: str = "BEFORE INSERT OR UPDATE OR DELETE") -> str:
    return _LOG + _TRIGGER.format(body=body, when=when)


BROKEN = {
    "it names the column": "BEGIN IF NEW.email IS NULL THEN NULL; END IF; RETURN NEW; END",
    "it assigns it": "BEGIN NEW.email := lower(NEW.note); RETURN NEW; END",
    "it selects it": "DECLARE found_ text; BEGIN SELECT o.email INTO found_ FROM orders o WHERE o.id = NEW.id; RETURN NEW; END",
    "it hands the whole row on": "BEGIN INSERT INTO log VALUES (NEW.*); RETURN NEW; END",
    "only a branch that no try takes names it": "BEGIN IF NEW.note = 'never' THEN NEW.note := OLD.email; END IF; RETURN NEW; END",
    "a record of no known shape": "DECLARE r record; BEGIN FOR r IN SELECT * FROM orders LOOP NULL; END LOOP; RETURN NEW; END",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_a_trigger_that_reads_the_column_is_found(rehearse: Rehearsed, body: str) -> None:
    proof = rehearse(setup=_trigger(body))
    assert any(each.sure for each in proof.bodies), proof


DYNAMIC = {
    "execute": "EXECUTE 'UPDATE orders SET email = 1';",
    "for": "FOR r IN EXECUTE format('SELECT %s FROM orders', 'email') LOOP NULL; END LOOP;",
    "open": "OPEN c FOR EXECUTE 'SELECT email FROM orders';",
}


@pytest.mark.parametrize("statement", DYNAMIC.values(), ids=DYNAMIC.keys())
def test_dynamic_sql_that_names_it_is_suspicious(rehearse: Rehearsed, statement: str) -> None:
    declared = "DECLARE r record; c refcursor; "
    body = f"{declared}BEGIN IF NEW.note = 'never' THEN {statement} END IF; RETURN NEW; END"
    (found,) = rehearse(setup=_trigger(body)).bodies
    assert (found.name, found.sure, "orders.email" in found.why) == ("function public.watch()", False, True)


def test_triggers_that_have_moved_raise_no_alarm(rehearse: Rehearsed) -> None:
    """``email`` is a column of the other table, a variable and a word in a comment, too."""
    body = """
    DECLARE email text; n int := 1;
    BEGIN -- email
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        email := lower(NEW.customer_email);
        SELECT c.email INTO email FROM mails c WHERE c.id = NEW.id;
        INSERT INTO mails (id, email) VALUES (NEW.id, NEW.customer_email);
        UPDATE orders SET note = n WHERE id = NEW.id + n AND customer_email IS DISTINCT FROM NEW.customer_email;
        RETURN NEW;
    END"""
    setup = "DROP TABLE IF EXISTS mails; CREATE TABLE mails (id bigint, email text);"
    proof = rehearse(setup=setup + _trigger(body, "AFTER INSERT OR UPDATE OR DELETE"))
    assert (proof.bodies, proof.untried) == ((), ())
    assert proof.functions >= 1


def test_functions_that_applications_call(rehearse: Rehearsed) -> None:
    setup = """
    CREATE OR REPLACE FUNCTION by_sql(n bigint) RETURNS text LANGUAGE sql AS 'SELECT email FROM orders WHERE id = n';
    CREATE OR REPLACE FUNCTION moved(n bigint) RETURNS text LANGUAGE sql AS 'SELECT customer_email FROM orders WHERE id = n';
    CREATE OR REPLACE FUNCTION by_pl(email text) RETURNS bigint LANGUAGE plpgsql AS $$
        BEGIN RETURN (SELECT o.id FROM orders o WHERE o.customer_email = email); END $$;
    CREATE OR REPLACE PROCEDURE writes(n bigint) LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET email = n; END $$;
    """
    found = {each.name: each.sure for each in rehearse(setup=setup).bodies}
    assert found.pop("function public.by_sql(bigint)") is True
    assert found.pop("function public.writes(bigint)") is True
    # In a body of plpgsql the name is ambiguous between variable and column: it fails at run time today.
    assert found.pop("function public.by_pl(text)", True) is True
    assert found == {}


def test_a_trigger_that_a_new_column_would_break_is_found_before_it_is_added(rehearse: Rehearsed) -> None:
    """F17 at expand: every write would fail 42601 from ADD COLUMN on."""
    setup = _trigger("BEGIN INSERT INTO log VALUES (NEW.*); RETURN NEW; END", "AFTER INSERT")
    (found,) = rehearse(setup=setup, steps=(AddColumn(ORDERS, "more", "text"),)).bodies
    assert (found.name, "42601" in found.why) == ("triggers of public.orders at INSERT", True)


def test_a_trigger_that_reaches_outside_is_not_run(rehearse: Rehearsed) -> None:
    setup = _trigger("BEGIN COPY (SELECT 1) TO PROGRAM 'touch /tmp/orch-was-here'; RETURN NEW; END")
    proof = rehearse(setup=setup)
    assert ["outside" in each for each in proof.untried] == [True]


def test_a_trigger_that_waits_holds_up_nobody(rehearse: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "LIMIT", "300ms")
    began = time.monotonic()
    proof = rehearse(setup=_trigger("BEGIN PERFORM pg_sleep(60); RETURN NEW; END"))
    assert time.monotonic() - began < 30
    assert proof.bodies == ()
    assert any("57014" in each for each in proof.untried)


def test_writes_that_fail_anyway_are_told(rehearse: Rehearsed) -> None:
    setup = _trigger("BEGIN RAISE EXCEPTION 'closed'; END")
    proof = rehearse(setup=setup)
    assert proof.bodies == ()
    assert any("closed" in each for each in proof.untried)


def test_constraints_are_no_hindrance(rehearse: Rehearsed) -> None:
    setup = """
    ALTER TABLE orders ADD CHECK (total > 100), ADD shop bigint NOT NULL REFERENCES customers,
        ADD state text NOT NULL CHECK (state IN ('a', 'b')), ALTER note SET NOT NULL, ADD number int GENERATED ALWAYS AS IDENTITY;
    ALTER TABLE customers ADD FOREIGN KEY (order_id) REFERENCES orders;
    """
    proof = rehearse(
        setup=setup + _trigger("BEGIN IF NEW.email = '' THEN RETURN NULL; END IF; RETURN NEW; END", "BEFORE INSERT")
    )
    assert proof.untried == ()
    assert {each.name for each in proof.bodies} == {"triggers of public.orders at INSERT", "function public.watch()"}
