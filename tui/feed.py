"""The way from the desk to the screens: a thread that waits, asks and posts. No screen ever waits for the desk.

Desk --wait/status/today--> Feed (thread) --Changed(view)--> App --show(view)--> widgets
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from agent.errors import CounterfoilError
from agent.views import EchoReport, SelfTestReport, Status, SyncResult, TerminalInfo, Today, translator
from tui.figures import date

if TYPE_CHECKING:
    from agent.desk import Desk  # with the whole agent behind it

_ = translator(Path(__file__).parent)

BATCH_MS = 100
"""At most one change of the screen in this time; the first after a quiet spell goes through at once."""

CLOCK_MS = 1000
"""How long to wait for a change before the clock is read again."""

RETRY_MS = 500
"""How long to leave a desk in trouble alone."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the screen is not live: one sentence of what happened, one of what to do."""

    what: str
    todo: str

    @classmethod
    def of(cls, error: Exception) -> Trouble:
        if isinstance(error, CounterfoilError):
            return cls(error.what, error.todo)
        return cls(
            _("The screen cannot reach the agent ({error}).").format(error=type(error).__name__),
            _("It keeps trying. If this stays, leave and start again."),
        )


@dataclass(frozen=True, slots=True)
class View:
    """All that a screen shows. status and today are the last known, also while there is trouble; None before the first."""

    status: Status | None = None
    today: Today | None = None
    trouble: Trouble | None = None
    merchant: str | None = None


class Changed(Message):
    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view


class Answered(Message):
    """The terminal was asked by a person, and this came of it."""

    def __init__(self, result: SyncResult | SelfTestReport | EchoReport) -> None:
        super().__init__()
        self.result = result


class Introduced(Message):
    def __init__(self, info: TerminalInfo) -> None:
        super().__init__()
        self.info = info


class Failed(Message):
    """An errand failed. quiet: nobody asked for it, so nobody is told."""

    def __init__(self, trouble: Trouble, quiet: bool) -> None:
        super().__init__()
        self.trouble = trouble
        self.quiet = quiet


Post = Callable[[Message], object]


class Feed:
    """Follows one desk until it is stopped. `post` may be called from any thread (`App.post_message`)."""

    def __init__(self, desk: Desk, post: Post) -> None:
        self._desk = desk
        self._post = post
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tui-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is posted from now on. The thread ends when its desk answers; leaving does not wait for that."""
        self._leaving.set()

    def _follow(self) -> None:
        view = View()
        while not self._leaving.is_set():
            try:
                view = self._look(view)
                self._tell(view)
                told = time.monotonic()
                assert view.status is not None
                self._desk.wait(view.status.revision, CLOCK_MS)
                pause_ms = BATCH_MS - int((time.monotonic() - told) * 1000)
            except Exception as error:  # a screen that stands still without a word is worse than any bug behind it
                view = replace(view, trouble=Trouble.of(error))
                self._tell(view)
                pause_ms = RETRY_MS
            if pause_ms > 0:
                self._leaving.wait(pause_ms / 1000)

    def _look(self, last: View) -> View:
        status = self._desk.status()
        same_revision = last.status is not None and last.status.revision == status.revision
        if last.today is not None and same_revision and last.trouble is None and last.today.date == date(status.now):
            return replace(last, status=status)
        return replace(last, status=status, today=self._desk.today(), trouble=None)

    def _tell(self, view: View) -> None:
        if not self._leaving.is_set():
            self._post(Changed(view))


def errand(work: Callable[[], Message], post: Post, *, quiet: bool = False) -> None:
    """Does something slow in a thread of its own and posts what came of it. A daemon: leaving never waits for the line."""

    def run() -> None:
        try:
            message = work()
        except Exception as error:  # as in the feed: said on the screen, never a traceback over it
            message = Failed(Trouble.of(error), quiet)
        post(message)

    threading.Thread(target=run, name="tui-errand", daemon=True).start()
