"""The agent at work: the threads around the pump.

    port ── bytes ──►┐                        ┌──► port.write
    storage ─ done ─►├─ inbox ─► Pump.step ──►┼──► storage (journal, then views)
    desk ── asks ───►┘                        └──► answers, the state that screens show

One thread turns the pump; the port reads, and the storage writes, in one of their own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue

from agent import actions as a
from agent.errors import LinkError, PortError, PortMissing
from agent.home import Home
from agent.journal.entries import Entry
from agent.journal.keys import Signer
from agent.journal.reader import Head
from agent.journal.store import Journal
from agent.language import _
from agent.port import Port
from agent.projection import Projection
from agent.pump import Pump
from agent.settings import Settings
from agent.storage import Storage
from agent.views import LinkState, LinkView
from protocol.conversation import Conversation
from protocol.dialect import Role
from protocol.messages import Reply, Request

log = logging.getLogger(__name__)

REOPEN_MS = 500
"""How often a lost port is tried again."""
_NOBODY_ASKED = 0


class Runner:
    """Owns port, journal and views of a home whose lock is held. `start` raises PortError if the port cannot be opened."""

    def __init__(self, home: Home, settings: Settings, journal: Journal, signer: Signer, secret: bytes) -> None:
        self._settings = settings
        self._inbox: SimpleQueue[a.Input | None] = SimpleQueue()
        conversation = Conversation(
            settings.dialect, Role.AGENT, secret=secret, random=os.urandom, line_rate=settings.line_rate
        )
        self._conversation = conversation
        head = journal.head
        self._pump = Pump(
            conversation,
            terminal=settings.terminal,
            simulated=settings.simulated,
            last_events=journal.last_events(),
            head_size=head.size,
            head_note=head.note,
            line_rate=settings.line_rate,
        )
        self._pump.terminal_time = head.at if head.size > 1 else 0  # entry 0 was made before the terminal spoke
        self.head: Head = head
        self.shown = a.Show(LinkState.CONNECTING, (), None)
        self._since = _wall()
        self._changed = threading.Condition()
        self.revision = 1
        self.broken: Exception | None = None
        """What ended the pump against its will; nothing is recorded any more."""
        self._port: Port | None = None
        self._reopen_at: int | None = None
        self._lost_reason = ""
        self._tokens: dict[int, Future[Reply | None]] = {}
        self._last_token = _NOBODY_ASKED
        self._storage = Storage(
            journal, signer, Projection(home.views, settings.time_zone), self._inbox.put, self._views_moved
        )
        self._thread = threading.Thread(target=self._run, name="pump")

    # -- for the desk --------------------------------------------------------------------------------------------------

    def start(self, *, patient: bool = False) -> None:
        """Open the port and turn the pump. patient: a port that is not there is waited for, as one that was lost."""
        try:
            self._open_port()
        except PortMissing as error:
            if not patient:
                self._storage.close()
                raise
            self._inbox.put(a.PortLost(error.what))
        except BaseException:
            self._storage.close()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye, commit what is on the way, close everything."""
        if self._thread.is_alive():
            self._inbox.put(a.Leave())
            self._inbox.put(None)
            self._thread.join()
        self._storage.close()

    def now(self) -> int:
        """The home's clock (ms UTC): the terminal's in a simulated home."""
        return self._pump.terminal_time if self._settings.simulated else _wall()

    @property
    def last_event(self) -> int:
        """The last event number that is durable, of the log epoch in force."""
        return self._pump.durable

    def link(self) -> LinkView:
        counters = self._conversation.counters
        return LinkView(
            state=self.shown.state,
            port=self._settings.port,
            since=self._since,
            damaged_frames=counters.damaged,
            stale_frames=counters.stale,
            resent_frames=counters.resent,
            sessions=counters.sessions,
        )

    def ask(self, message: Request, timeout_ms: int) -> Reply:
        """Ask the terminal and wait for its reply. Raises LinkError."""
        answer: Future[Reply | None] = Future()
        with self._changed:
            self._last_token += 1
            token = self._last_token
            self._tokens[token] = answer
        self._inbox.put(a.Ask(token, message))
        try:
            reply = answer.result(timeout_ms / 1000)
        except TimeoutError:
            reply = None
        finally:
            self._tokens.pop(token, None)
        if reply is None:
            raise LinkError(
                _("The terminal does not answer."), _("See that it is on, that its cable is in, and try again.")
            )
        return reply

    def entry(self, seq: int) -> Entry:
        """An entry of the journal. Raises NotFound, JournalError."""
        return self._storage.entry(seq)

    def wait(self, revision: int, timeout_ms: int) -> int:
        """Until the revision is above `revision`, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.revision > revision, timeout_ms / 1000)
            return self.revision

    # -- the loop ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Turn the pump. Where it breaks, nothing is acknowledged any more, and whoever asks is told so."""
        try:
            self._turn()
        except Exception as error:
            log.exception("the pump broke")
            self.broken = error
            self._bump()
        finally:
            if self._port is not None:
                self._port.close()
            for waiting in list(self._tokens.values()):
                if not waiting.done():
                    waiting.set_result(None)

    def _turn(self) -> None:
        while True:
            now = _monotonic()
            deadlines = [d for d in (self._pump.deadline, self._reopen_at) if d is not None]
            try:
                given = self._inbox.get(timeout=max(0, min(deadlines) - now) / 1000 if deadlines else None)
            except Empty:
                given = a.Due()
            if given is None:
                break
            self._step(given)

    def _step(self, given: a.Input) -> None:
        if isinstance(given, a.PortLost):
            self._close_port()
        for action in self._pump.step(_monotonic(), _wall(), given):
            self._carry_out(action)
        if self._reopen_at is not None and self._reopen_at <= _monotonic():
            self._try_port()

    def _carry_out(self, action: a.Action) -> None:
        match action:
            case a.Write(data):
                self._write(data)
            case a.Record() | a.CompareHead():
                self._storage.put(action)
            case a.Answer(token, reply):
                waiting = self._tokens.get(token)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
            case a.Show():
                if action.state is not self.shown.state:
                    self._since = self.now()
                self.shown = action
                self._bump()

    def _write(self, data: bytes) -> None:
        if self._port is None:
            return
        try:
            self._port.write(data)
        except PortError as error:
            self._inbox.put(a.PortLost(error.what))

    def _open_port(self) -> None:
        port: Port

        def lost(reason: str) -> None:
            self._inbox.put(a.PortLost(reason))

        def received(data: bytes) -> None:
            self._inbox.put(a.LineBytes(data))

        port = Port(self._settings.port, self._settings.line_rate, received, lost)
        self._port, self._reopen_at = port, None
        self._inbox.put(a.PortOpened())

    def _try_port(self) -> None:
        try:
            self._open_port()
        except PortError:
            self._reopen_at = _monotonic() + REOPEN_MS

    def _close_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
        self._reopen_at = _monotonic() + REOPEN_MS

    def _views_moved(self, head: Head) -> None:
        self.head = head
        self._bump()

    def _bump(self) -> None:
        with self._changed:
            self.revision += 1
            self._changed.notify_all()


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall() -> int:
    return time.time_ns() // 1_000_000


def read_secret(path: Path) -> bytes:
    """The 32 bytes shared with the terminal, as 64 hexadecimal digits in a file. Raises LinkError."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        secret = b""
    if len(secret) != 32:
        raise LinkError(
            _("The secret shared with the terminal cannot be read from {path}.").format(path=path),
            _("Put the terminal's secret file there: 64 hexadecimal digits."),
        )
    return secret
