"""The terminal UI: one poll, all screens fed from it, every request posted through the service.

Why it exists: people run a release from here. It is a client: quitting changes nothing, a lost connection neither ends it nor
empties it, and nothing here decides what the service should decide.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.worker import Worker

from orchestrator.core.errors import Invalid, OrchError
from orchestrator.core.status import Status
from state.machine import WORKING
from tui import collecting, terminal
from tui.audit import AuditScreen
from tui.calls import in_thread
from tui.child import OwnWorker, start
from tui.clipboard import Copied, Copyable, send, too_long
from tui.clipboard import told as copied_words
from tui.commands import CommandsScreen
from tui.deferred import Deferred, of
from tui.fleet import FleetScreen
from tui.gates import GatesScreen
from tui.help import HelpScreen, entries, target
from tui.helpmodel import Entry
from tui.hints import Hints
from tui.keys import keymap
from tui.live import Live, Reading
from tui.locks import LocksScreen
from tui.lockwatch import FAR, LockWatch
from tui.permitted import READ_ONLY, why_not
from tui.poll import Poll
from tui.preferences import DEFAULTS, Preferences
from tui.preferences import preferences as told
from tui.service import Service
from tui.themes import wear
from tui.viewmodel import World
from tui.workerlog import WorkerLogScreen

if TYPE_CHECKING:
    from orchestrator.config import Config

INTERVAL = 0.5
QUIET = 2.0
"""Seconds between two reads while nothing runs and every event is heard of; below what makes the screen STALE."""
SOON = 0.05
"""Seconds after which what was heard of during a read is read."""
GOODBYE = 0.1


def utc_now() -> datetime:
    """The clock of the header and of ages; tests inject their own."""
    return datetime.now(UTC)


class OrchApp(App[int]):
    """Fleet, Detail and the modals over a Service."""

    TITLE = "orch"
    CSS_PATH = ["theme.tcss", "views.tcss"]
    MODES = {"fleet": FleetScreen, "gates": GatesScreen, "locks": LocksScreen, "audit": AuditScreen}
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("1", "view('fleet')", "Fleet", show=False, id="fleet"),
        Binding("2", "view('gates')", "Gates", show=False, id="gates"),
        Binding("3", "view('locks')", "Locks", show=False, id="locks"),
        Binding("4", "view('audit')", "Audit", show=False, id="audit"),
        Binding("C", "commands", "Commands", show=False, id="commands"),
        Binding("L", "worker_log", "Worker log", show=False, id="worker_log"),
        Binding("y", "copy", "Copy", show=False, id="copy"),
        Binding("q", "leave", "Quit", key_display="q", id="quit"),
        Binding("ctrl+c,ctrl+q", "leave", "Quit", show=False),
    ]

    def __init__(
        self,
        service: Service,
        *,
        own_worker: OwnWorker | None = None,
        ascii_only: bool | None = None,
        preferences: Preferences = DEFAULTS,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._service, self._own_worker = service, own_worker
        self._poll = Poll(service, clock, monotonic)
        self._locks = LockWatch(service, monotonic)
        self._hints = Hints(service, lambda: self.call_later(self._heard))
        self._busy: dict[str, str] = {}
        self._read_only = preferences.read_only
        self.world = self._known()
        if ascii_only is None:
            ascii_only = preferences.ascii
        if ascii_only is None:
            ascii_only = terminal.wants_ascii(os.environ, sys.stdout.encoding)
        self.set_class(ascii_only, "-ascii")
        wear(self, preferences.theme)
        self.set_keymap(keymap(preferences.keys, OrchApp))

    def _known(self) -> World:
        found = self._poll.world(", ".join(self._busy.values()))
        return replace(found, read_only=self._read_only, locks=self._locks.seen())

    async def on_mount(self) -> None:
        """Show the Fleet and start listening."""
        terminal.on_signals(self._told_to_leave)
        await self.switch_mode("fleet")
        self.set_interval(INTERVAL, self._tick)
        self.call_later(self._read_after_the_first_frame)

    def _read_after_the_first_frame(self) -> None:
        """Loading the database libraries beside the first frame would hold it up. While the app is mounted, none is drawn."""
        self.screen.call_after_refresh(self._begin_to_read)

    def _begin_to_read(self) -> None:
        self._tick()
        self._hints.start()

    def on_unmount(self) -> None:
        """Nobody listens any more."""
        self._hints.stop()

    def wake(self) -> None:
        """Read now instead of at the next tick."""
        self._poll.hint()
        self.call_later(self._tick)

    def _heard(self) -> None:
        self._hints.taken()
        self._poll.hint()
        self._tick()
        self._follow_the_hint()

    def _follow_the_hint(self) -> None:
        """Read again as soon as may be: the rest between two calls is as long as a call, which may be many ticks."""
        if self._poll.hinted:
            self.set_timer(max(SOON, self._poll.rest()), self._tick)

    def _told_to_leave(self, code: int) -> None:
        self.exit(code, return_code=code)

    def _tick(self) -> None:
        if not self.is_headless and terminal.lost():
            self._told_to_leave(129)
            return
        news = self._own_worker.news() if self._own_worker else ""
        if news:
            self.notify(news, severity="warning", timeout=20, markup=False)
        if self._poll.may_start(self._pace()):
            self._begin("poll", partial(self._listen, self._poll.start()))  # which shows what it is answered
        else:
            self._show()
        if self.world.age is None and not self.world.trouble:
            return  # what the screen opens with comes before what it has besides
        if self._locks.may_start(min((getattr(s, "LOOKS", FAR) for s in self._live()), default=FAR)):
            self._begin("locks", self._locks.look)

    def _begin(self, group: str, work: Callable[[], Coroutine[None, None, None]]) -> Worker[None]:
        # Not exclusive: Poll and _busy already see to that, and a cancelled wait would not end its thread.
        worker: Worker[None] = self.run_worker(work, group=group, exit_on_error=False)
        return worker

    async def _listen(self, began: float) -> None:
        wanted = {screen: read for screen in self._live() if (read := screen.reading())}
        answers = await self._poll.ask(began, wanted)
        self._show(answers)
        collecting.go_on()
        self._follow_the_hint()

    def _pace(self) -> float:
        """Seconds between two reads: numbers that move are told by nobody, all else is heard of while somebody listens."""
        moving = any(status.state in WORKING for status in self.world.statuses)
        return QUIET if self._hints.listening and not moving else 0.0

    def _live(self) -> list[Live]:
        if not self.is_running:  # taking the screens down has begun
            return []
        return [s for s in self.screen_stack if isinstance(s, Live) and s.is_mounted]

    def _show(self, answers: dict[Live, object] | None = None) -> None:
        self.world = self._known()
        for screen in self._live():
            screen.show(self.world, (answers or {}).get(screen))

    def send(self, verb: str, change: str, reason: str | None, version: int | None) -> None:
        """Post an intent; one at a time for each change."""
        if self._read_only:
            self.notify(READ_ONLY, severity="warning", markup=False)
            return
        if change in self._busy:
            text = f"still working on {self._busy[change]}; wait for its answer"
            self.notify(text, severity="warning", markup=False)
            return
        self._busy[change] = f"{verb} {change}"
        self._begin(f"send {change}", partial(self._send, verb, change, reason, version))
        self._show()

    def send_all(self, verb: str, reason: str) -> None:
        """Post a request about all changes; it goes out whatever else is under way."""
        if self._read_only:
            self.notify(READ_ONLY, severity="warning", markup=False)
            return
        calls: dict[str, Callable[[], list[str]]] = {
            "hold": lambda: self._service.hold_everything(reason=reason),
            "let go": lambda: self._service.let_go(reason=reason),
        }
        self._busy["*"] = f"{verb} everything"
        self._begin("send *", partial(self._send_all, f"{verb} everything", calls[verb]))
        self._show()

    async def ask(self, read: Reading) -> object:
        """What ``read`` returns, from a thread of its own: for what takes longer than a poll may."""
        return await in_thread(partial(read, self._service))

    def act(self, title: str, call: Callable[[Service], str]) -> None:
        """Post a request of any other kind; the same one only once at a time."""
        if title in self._busy:
            return
        self._busy[title] = title
        self._begin(f"act {title}", partial(self._act, title, partial(call, self._service)))
        self._show()

    async def _act(self, title: str, call: Callable[[], str]) -> None:
        try:
            done = await in_thread(call)
        except OrchError as error:
            self._tell_error(f"{title} was refused", error.message, error.next_step)
        except Exception as error:
            self._tell_error(f"{title} failed", f"{type(error).__name__}: {error}", "")
        else:
            self.notify(done, title="done", timeout=6, markup=False)
        finally:
            self._busy.pop(title, None)
            self._tick()

    async def _send_all(self, title: str, call: Callable[[], list[str]]) -> None:
        try:
            done = await in_thread(call)
        except OrchError as error:
            self._tell_error(f"{title} was refused", error.message, error.next_step)
        except Exception as error:
            self._tell_error(f"{title} failed", f"{type(error).__name__}: {error}", "")
        else:
            self.notify(f"{title}: {len(done)} changes", title="done", timeout=6, markup=False)
        finally:
            self._busy.pop("*", None)
            self._tick()

    async def _send(self, verb: str, change: str, reason: str | None, version: int | None) -> None:
        call = _call(self._service, verb, change, reason, version)
        try:
            status = await in_thread(call)
        except OrchError as error:
            self._tell_error(f"{verb} {change} was refused", error.message, error.next_step)
        except Exception as error:
            self._tell_error(f"{verb} {change} failed", f"{type(error).__name__}: {error}", "")
        else:
            text = f"{verb} {change}: {status.why}"
            self.notify(text, title="done", timeout=6, markup=False)
        finally:
            self._busy.pop(change, None)
            self._tick()

    def _tell_error(self, title: str, message: str, next_step: str) -> None:
        text = f"{message}\nnext: {next_step}" if next_step else message
        self.notify(text, title=title, severity="error", timeout=20, markup=False)

    def on_key(self, event: events.Key) -> None:
        """A key that is greyed out says why."""
        bound = self.screen.active_bindings.get(event.key)
        if bound is None or bound.enabled:
            return
        reason = why_not(bound.binding.action.partition("(")[0], self.world)
        if reason:
            event.stop()
            self.notify(reason, severity="warning", markup=False)

    def action_help(self) -> None:
        """All keys of this screen; what is chosen there is done here."""

        def chosen(entry: Entry | None) -> None:
            if entry is not None:
                self.call_later(self.run_action, *target(entry))

        log = f"Its log: {self._own_worker.log}" if self._own_worker else ""
        self.push_screen(HelpScreen(entries(self.screen), log), chosen)

    def action_view(self, name: str) -> None:
        """Go to a view; each keeps what was opened in it."""
        self.switch_mode(name)
        self.wake()

    def action_commands(self) -> None:
        """What was run on the targets, and what runs."""
        if not isinstance(self.screen, CommandsScreen):
            self.push_screen(CommandsScreen())

    def action_worker_log(self) -> None:
        """What the worker of this screen says."""
        if not isinstance(self.screen, WorkerLogScreen):
            self.push_screen(WorkerLogScreen(self._own_worker.log if self._own_worker else None))

    def action_copy(self) -> None:
        """Copy what is selected with the mouse, else what the screen has to copy."""
        text, screen = self.screen.get_selected_text(), self.screen
        found = Copied("the selected text", text) if text else screen.copied() if isinstance(screen, Copyable) else None
        if found is None:
            self.notify("nothing is selected that could be copied", severity="warning", markup=False)
        elif too_long(found.text):
            self.notify(
                f"{found.what} is too long for a terminal's clipboard; nothing was copied",
                severity="warning",
                markup=False,
            )
        else:
            self._begin("copy", partial(self._copy, found))

    async def _copy(self, found: Copied) -> None:
        sequences: list[str] = []
        await in_thread(lambda: send(found.text, sequences.append, os.environ))
        if self._driver is not None:
            for each in sequences:
                self._driver.write(each)
        self.notify(copied_words(found), timeout=4, markup=False)

    def action_leave(self) -> None:
        """Quit; nothing else stops."""
        self.exit(0)


def _call(service: Service, verb: str, change: str, reason: str | None, version: int | None) -> Callable[[], Status]:
    words = reason or ""
    calls: dict[str, Callable[[], Status]] = {
        "approve": lambda: service.approve(change, reason=reason, version=version),
        "reject": lambda: service.reject(change, reason=words, version=version),
        "advance": lambda: service.request(change, version=version),
        "pause": lambda: service.pause(change, reason=words, version=version),
        "resume": lambda: service.resume(change, reason=reason, version=version),
        "abort": lambda: service.abort(change, reason=words, version=version),
        "undo": lambda: service.undo(change, reason=words, version=version),
    }
    return calls[verb]


def run(
    config: Config,
    *,
    with_worker: bool = False,
    preferences: Preferences | None = None,
    service: Deferred | None = None,
) -> int:
    """Run the terminal UI until it is left; returns the exit code. ``service`` where it was begun already.

    Raises Invalid without a terminal.
    """
    terminal.require()
    wanted = preferences or told(config.tui)
    if wanted.read_only and with_worker:
        raise Invalid("a screen that is read-only starts no worker", "leave out --with-worker, or read_only in [tui]")
    own_worker = start(config) if with_worker else None
    return drive(cast(Service, service or of(config)), own_worker=own_worker, preferences=wanted)


def drive(service: Service, *, own_worker: OwnWorker | None = None, preferences: Preferences = DEFAULTS) -> int:
    """Run the screens over any Service, and leave without waiting for calls in flight."""
    try:
        app = OrchApp(service, own_worker=own_worker, preferences=preferences)
        app.run(mouse=preferences.mouse)
    finally:
        if own_worker is not None:
            own_worker.stop()
        closing = threading.Thread(target=service.close, daemon=True)
        closing.start()
        closing.join(GOODBYE)
    return app.return_code or 0
