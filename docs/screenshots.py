"""Pictures for the README and the docs, taken from the running program over a real database: ``make screenshots``.

Why it exists: a picture that nobody can take again grows old. The shop of the demo is brought to a moment worth seeing: one
change in the middle of its backfill, one at a gate, one not begun.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from orchestrator import embedded
from orchestrator.config import Config, TargetConfig
from orchestrator.core.errors import Waiting
from orchestrator.demo import shop
from orchestrator.service import Service
from state.model import State
from tui.preferences import Preferences
from tui.screenshot import shoot

IMAGES = Path(__file__).parent / "images"
ROWS = 400_000


def main() -> None:
    """Set the scene and take the pictures."""
    with embedded.running() as server:
        url = embedded.create_database(server, "shop")
        with psycopg.connect(url, autocommit=True) as link:
            shop.create(link, ROWS)
        service = Service(Config(registry_url=url, targets={"shop": TargetConfig("shop", url)}), client="tui")
        service.init()
        for change in ("orders-customer-email", "orders-quantity-bigint", "customers-phone-required"):
            service.submit(*shop.change_file(change))
        _advance(service, "orders-quantity-bigint", State.BACKFILLED)
        _advance(service, "orders-customer-email", State.EXPANDED)
        service.verify("orders-quantity-bigint")
        service.tune("orders-customer-email", {"statement_time": "4ms"})  # slow enough to be looked at
        filling = threading.Thread(target=_fill, args=(service,))
        filling.start()
        time.sleep(4)
        shoot(service, IMAGES / "fleet.svg", (120, 20), ())
        shoot(service, IMAGES / "detail.svg", (110, 34), ("j", "enter"))
        shoot(service, IMAGES / "gate.svg", (100, 30), ("j", "A"))
        shoot(service, IMAGES / "help.svg", (100, 26), ("question_mark", *"gate"))
        shoot(service, IMAGES / "commands.svg", (120, 30), ("C",))
        shoot(service, IMAGES / "read-only.svg", (120, 20), ("p",), Preferences(read_only=True, theme="light"))
        shoot(service, IMAGES / "colour-blind.svg", (120, 20), (), Preferences(theme="colour-blind"))
        service.pause("orders-customer-email", reason="the pictures are taken")
        filling.join()
        with _queue(url):
            shoot(service, IMAGES / "locks.svg", (110, 20), ("3",))
        shoot(service, IMAGES / "audit.svg", (120, 24), ("4",))
        service.close()


@contextmanager
def _queue(url: str) -> Iterator[None]:
    """A report that sleeps in its transaction, a migration that waits for it, and the shop behind both."""
    with ExitStack() as stack:
        names = ("nightly-report", "somebody's migration", "shop@2.41")
        report, migration, shopper = (
            stack.enter_context(psycopg.connect(url, autocommit=True, application_name=name)) for name in names
        )
        report.execute("BEGIN; SELECT count(*) FROM orders")
        wanted = ((migration, "ALTER TABLE orders ADD COLUMN seen int"), (shopper, "SELECT * FROM orders WHERE id = 7"))
        waiting = []
        for link, statement in wanted:
            waiting.append(threading.Thread(target=link.execute, args=(statement,)))
            waiting[-1].start()
            time.sleep(0.5)
        yield
        report.execute("ROLLBACK")
        for thread in waiting:
            thread.join()


def _advance(service: Service, change: str, state: State) -> None:
    while service.status(change).state is not state:
        service.approve(change)
        service.advance(change)


def _fill(service: Service) -> None:
    service.approve("orders-customer-email")
    try:
        service.advance("orders-customer-email")
    except Waiting:
        return


if __name__ == "__main__":
    main()
