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
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from agent import actions as a
from agent import link_keys
from agent.custody.outage import Keep, UnsignedStorage
from agent.errors import LinkError, PortError, PortMissing
from agent.home import Home
from agent.journal.entries import Entry
from agent.journal.kinds import Fact, TerminalPaired
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.link_on import link_on
from agent.money import history
from agent.notices import pairing_words
from agent.pairing import unsaid
from agent.port import Port
from agent.projection import Projection
from agent.pump import Pump
from agent.refusals import asked_in_vain, order_refused, unspoken
from agent.settings import Settings
from agent.views import LinkState, LinkView, PairingStage
from protocol.conversation import Conversation
from protocol.dialect import LinkKeys, Role, dialect
from protocol.messages import Reply, Request

log = logging.getLogger(__name__)

REOPEN_MS = 500
"""How often a lost port is tried again."""
LOOK_MS = 5_000
"""How often the port's name is looked at: a link that leads to another device now means that one."""
_ENDED_BEFORE = (a.Refusal.NOTHING_TO_CONFIRM, a.Refusal.FAILED)
"""The pairing came to nothing before the order: its own words say why."""
LONGEST_WAIT_MS = 86_400_000
"""Nobody waits longer, whatever is asked for."""
ORDER_S = 15
"""How long an order of the desk about the pairing may take; what it waits for is this computer's disk."""

_Told = a.Answer | a.Done | a.Ended
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Lost:
    port: Port
    reason: str


class Runner:
    """Owns port, journal and views of a home whose lock is held. keep: who records. `start` raises PortError.

    Raises HomeError where a key of the line cannot be read.
    """

    def __init__(self, home: Home, settings: Settings, journal: Reader, keep: Keep) -> None:
        self._settings, self._home = settings, home
        self._inbox: SimpleQueue[a.Input | _Lost | None] = SimpleQueue()
        self._dialect = dialect(settings.dialect)
        pairs = self._dialect.pairs
        own = link_keys.own(home.link_key) if pairs else b""
        pinned = link_keys.pinned(home.terminal_key) if pairs else None
        head, last_events = journal.head, journal.last_events()
        money = history((entry.at, fact) for entry, fact in money_entries(journal))

        def converse(peer: bytes | None) -> Conversation:
            return Conversation(
                settings.dialect,
                Role.AGENT,
                random=os.urandom,
                line_rate=settings.line_rate,
                keys=LinkKeys(own, peer) if pairs else None,
            )

        self._pump = Pump(
            converse,
            pinned=pinned,
            terminal=settings.terminal,
            simulated=settings.simulated,
            last_events=last_events,
            head_size=head.size,
            head_note=head.note,
            head_at=head.at,
            line_rate=settings.line_rate,
            intents=money.intents,
            ended=money.ended,
            rollbacks=money.rollbacks,
        )
        self._pump.terminal_time = head.at if last_events else 0  # what came before was said by no terminal
        self.head: Head = head
        self._last_at = head.at
        self.shown = a.Show(LinkState.CONNECTING, (), None, pinned)
        self._since = self.now()
        self._changed = threading.Condition()
        self.revision = 1
        self.broken: Exception | None = None
        """What ended the pump against its will; nothing is recorded any more."""
        self._port: Port | None = None
        self._reopen_at: int | None = None
        self._look_at: int | None = None
        self._tokens: dict[int, Future[_Told]] = {}
        self._last_token = 0
        projection = Projection(home.views, settings.time_zone)
        try:
            missing = self._unsaid(pinned, journal, projection) if pairs else ()
            self._storage = keep(projection, self._inbox.put, self._views_moved, self.now)
        except BaseException:
            projection.close()
            raise
        if missing:
            self._storage.put(a.Record(0, self.now(), missing))
        self._thread = threading.Thread(target=self._run, name="pump")

    def _unsaid(self, pinned: bytes | None, journal: Reader, projection: Projection) -> tuple[Fact, ...]:
        """The key is kept before it is recorded: whoever ended the agent in between, or changed the file, left no entry."""
        last = projection.last_pairing(journal)
        is_paired = last is not None and last.kind == TerminalPaired.kind
        recorded = bytes.fromhex(last.body["public_key"]) if last is not None and is_paired else None
        return unsaid(self._settings.terminal, pinned, recorded)

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
        """The home's clock (ms UTC): the terminal's in a simulated home, where the dialect tells it.

        Before the terminal has told one, it stands where the journal does.
        """
        by_terminal = self._settings.simulated and self._dialect.hello is not None
        return (self._pump.terminal_time or self._last_at) if by_terminal else _wall()

    @property
    def last_event(self) -> int:
        """The last event number that is durable, of the log epoch in force."""
        return self._pump.durable

    @property
    def unsigned(self) -> UnsignedStorage | None:
        """Who keeps what is told, while nothing can be signed."""
        return self._storage if isinstance(self._storage, UnsignedStorage) and self._storage.notice else None

    def link(self) -> LinkView:
        return link_on(self._settings.port, self._dialect, self.shown, self._since, self._pump.talk.counters)

    def ask(self, message: Request, timeout_ms: int) -> Reply:
        """Ask the terminal and wait for its reply. Raises LinkError, also where its protocol has no words for that."""
        if type(message) not in self._dialect.speaks:
            raise unspoken(self._dialect.name)
        answer = self._await(lambda token: a.Ask(token, message), timeout_ms / 1000)
        if not isinstance(answer, a.Answer) or answer.reply is None:
            raise asked_in_vain(answer.failed if isinstance(answer, a.Answer) else None)
        return answer.reply

    def order(self, made: Callable[[int], a.PairingOrder]) -> None:
        """Have a pairing order carried out, durably, and wait for it. made: the token -> the order. Raises LinkError."""
        answer = self._await(made, ORDER_S)
        if not isinstance(answer, a.Done):
            raise order_refused(None)
        view = self.shown.pairing
        if answer.refusal in _ENDED_BEFORE and view is not None and view.stage is PairingStage.FAILED:
            raise LinkError(*pairing_words(view.reason))
        if answer.refusal is not None:
            raise order_refused(answer.refusal)

    def money(
        self, made: Callable[[int], a.MoneyInput], timeout_ms: int, gone: Future[None] | None = None
    ) -> a.Ended | None:
        """Give the lane an order, or decide about one; what became of it, or None where that is not known in time.

        gone: done once whoever asked is gone, which ends the wait. Whoever waits no longer is told to the lane: nothing is
        sent a second time for somebody who has left.
        """
        given: list[int] = []

        def noted(token: int) -> a.MoneyInput:
            given.append(token)
            return made(token)

        answer = self._await(noted, timeout_ms / 1000, gone)
        if answer is None:
            self._inbox.put(a.Abandon(given[0]))
        return answer if isinstance(answer, a.Ended) else None

    def money_entries(self) -> list[tuple[Entry, Fact]]:
        """What the journal says of money requests, in its order. Raises JournalError."""
        return self._storage.money_entries()

    def _await(
        self, made: Callable[[int], a.Input], timeout_s: float, gone: Future[None] | None = None
    ) -> _Told | None:
        answer: Future[_Told] = Future()
        if gone is not None:
            gone.add_done_callback(lambda _: answer.cancel())
        with self._changed:
            self._last_token += 1
            token = self._last_token
            self._tokens[token] = answer
        self._inbox.put(made(token))
        try:
            return answer.result(max(0, min(timeout_s, LONGEST_WAIT_MS / 1000)))
        except (TimeoutError, CancelledError):
            return None
        finally:
            self._tokens.pop(token, None)

    def entry(self, seq: int) -> Entry:
        """An entry of the journal. Raises NotFound, JournalError."""
        return self._storage.entry(seq)

    def read(self, question: Callable[[Reader], T]) -> T:
        """As `Storage.read`."""
        return self._storage.read(question)

    def record(self, facts: Sequence[Fact]) -> Head:
        """As `Storage.record`, at the home's time; the terminal is then given the new head."""
        return self._storage.record(facts, self.now())

    def write(self, work: Callable[[Journal, int], Head]) -> Head:
        """As `Storage.write`, at the home's time."""
        return self._storage.write(work, self.now())

    def wait(self, revision: int, timeout_ms: int) -> int:
        """Until the revision is above `revision`, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.revision > revision, max(0, min(timeout_ms, LONGEST_WAIT_MS)) / 1000)
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
                waiting.cancel()

    def _turn(self) -> None:
        while True:
            now = _monotonic()
            deadlines = [d for d in (self._pump.deadline, self._reopen_at, self._look_at) if d is not None]
            try:
                given = self._inbox.get(timeout=max(0, min(deadlines) - now) / 1000 if deadlines else None)
            except Empty:
                given = a.Due()
            if given is None:
                break
            self._step(given)

    def _step(self, given: a.Input | _Lost) -> None:
        if isinstance(given, _Lost):  # told by its reader and by its writer: the second word is of a port long closed
            if given.port is not self._port:
                return
            given = a.PortLost(given.reason)
        if isinstance(given, a.PortLost):
            self._close_port()
        kept: a.Input | None = None
        actions = self._pump.step(_monotonic(), _wall(), given)
        actions.sort(key=lambda action: isinstance(action, a.Done | a.Ended))  # whoever ordered it then sees it shown
        for action in actions:
            if isinstance(action, a.Pin):
                kept = self._keep(action.peer)
            else:
                self._carry_out(action)
        if kept is not None:
            self._step(kept)
        if self._reopen_at is not None and self._reopen_at <= _monotonic():
            self._try_port()
        if self._look_at is not None and self._look_at <= _monotonic():
            self._look_at_port()

    def _keep(self, peer: bytes | None) -> a.Input:
        try:
            link_keys.pin(self._home.terminal_key, peer)
        except OSError as error:
            log.exception("the terminal's key could not be kept")
            return a.PinFailed(str(error))
        return a.Pinned(peer)

    def _carry_out(self, action: a.Action) -> None:
        match action:
            case a.Write(data):
                self._write(data)
            case a.Record() | a.CompareHead():
                self._storage.put(action)
            case a.Answer() | a.Done() | a.Ended():
                waiting = self._tokens.get(action.token)
                if waiting is not None:
                    with suppress(InvalidStateError):  # whoever asked has just gone
                        waiting.set_result(action)
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
            self._inbox.put(_Lost(self._port, error.what))

    def _open_port(self) -> None:
        port: Port

        def lost(reason: str) -> None:
            self._inbox.put(_Lost(port, reason))

        def received(data: bytes) -> None:
            self._inbox.put(a.LineBytes(data))

        settings = self._settings
        port = Port(settings.port, settings.line_rate, settings.line_format, received, lost)
        self._port, self._reopen_at, self._look_at = port, None, _monotonic() + LOOK_MS
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
        self._reopen_at, self._look_at = _monotonic() + REOPEN_MS, None

    def _look_at_port(self) -> None:
        self._look_at = _monotonic() + LOOK_MS
        if self._port is not None and self._port.moved():
            self._step(a.PortLost("the port's name leads to another device now"))
            self._try_port()

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
