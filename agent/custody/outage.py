"""Recording while nothing can be signed: the key is locked and nobody has given its passphrase yet, or its file is lost.

    port ── events ──► pump ──► UnsignedStorage ──► HOME/unsigned/<ms>.jsonl        no EVENT_ACK: the terminal keeps its copy
                                     │ unlock
                                     ▼
              recording.unsigned, signed ──► Storage ──► the pump asks for the events again: signed, acknowledged

What is kept unsigned is answered with nothing: the line stays quiet, and a terminal that tells no more than so many events
beyond the last acknowledgement waits with the rest.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeVar

from agent.actions import CompareHead, Record, Recorded, RecordFailed
from agent.custody.unsigned_file import UnsignedFile, line_of, sign
from agent.desk import Desk
from agent.errors import HomeError, JournalError, KeyLocked, KeyLost, KeyRefused
from agent.home import Home
from agent.journal import keys
from agent.journal.custody_kinds import RecordedUnsigned
from agent.journal.entries import Entry
from agent.journal.keys import PassphraseSources, Signer
from agent.journal.kinds import EventGap, EventUnreadable, Fact, MoneyIntent, TerminalSaid
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head, Reader, open_reader
from agent.journal.store import Journal
from agent.language import _
from agent.notices import words
from agent.projection import Projection
from agent.refusals import signs_already
from agent.storage import MOST_FACTS, VIEWS_RETRY_S, Storage, StorageAnswer, compared
from agent.views import Notice, NoticeCode

log = logging.getLogger(__name__)
T = TypeVar("T")

SIGN_S = 30
"""How long the journal may take to open, once the key is there."""
_TOLD_AGAIN = (TerminalSaid, EventUnreadable, EventGap)
"""Facts that the terminal tells again after the next SYNC; all others are held until they can be signed."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why nothing can be signed (what `keys.unlock` raised), and how the journal is opened for writing once that is over.

    journal: it is read until then.
    """

    home: Home
    journal: Reader
    reason: KeyLocked | KeyLost
    open_journal: Callable[[Signer], Journal]

    @property
    def because(self) -> str:
        """As in `RecordedUnsigned`."""
        return "locked" if isinstance(self.reason, KeyLocked) else "key_lost"

    def notice(self, since: int) -> Notice:
        """since: ms UTC."""
        return Notice(NoticeCode.LOCKED, since, {"because": self.because, "reason": self.reason.what})


@dataclass(frozen=True, slots=True, repr=False)
class _Typed(PassphraseSources):
    """What a person typed; nothing typed: what a start without a person would find."""

    said: bytes = b""

    def passphrase(self) -> bytes | None:
        return self.said or PassphraseSources().passphrase()


@dataclass(frozen=True, slots=True)
class _Sign:
    """The key is there. done: once the gap is signed, and the journal goes on."""

    signer: Signer
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Request = Record | CompareHead | _Sign | _End


class UnsignedStorage:
    """Stands where `Storage` does, and becomes one by `unlock`. now: the home's clock, ms UTC; the rest as there.

    Raises OSError where what an earlier outage left cannot be read.
    """

    def __init__(
        self,
        outage: Outage,
        projection: Projection,
        answered: Callable[[StorageAnswer], None],
        changed: Callable[[Head], None],
        now: Callable[[], int],
    ) -> None:
        home, journal = outage.home, outage.journal
        self._home, self._journal, self._outage, self._projection = home, journal, outage, projection
        self._answered, self._changed, self._now = answered, changed, now
        self._since = now()
        self._file = UnsignedFile(home.path, self._since, outage.because, journal.head.note)
        self._held: list[Fact] = []
        self._attempt = 0
        self._failed = False
        self._queue: SimpleQueue[_Request] = SimpleQueue()
        self._signed: Storage | None = None
        self._handing_over = threading.Lock()
        self._reading = threading.Lock()
        self._unlocking = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="storage (unsigned)")
        self._thread.start()

    @property
    def notice(self) -> Notice | None:
        """What it waits for; None once it signs."""
        return None if self._signed is not None else self._outage.notice(self._since)

    def unlock(self, passphrase: bytes) -> bool:
        """Sign again, first of all the gap; True once that is durable. False: the passphrase does not open the key.

        One at a time, so that guesses cost the machine no more than one scrypt. passphrase: empty to look only whether the
        key's file is there again. Raises KeyLost, HomeError (it signs already), and what opening the journal raises: then
        it goes on waiting.
        """
        with self._unlocking:
            if self._signed is not None:
                raise signs_already()
            try:
                signer = keys.unlock(self._home.path, _Typed(said=passphrase))
            except KeyLost:
                raise
            except KeyRefused:
                return False
            request = _Sign(signer)
            self.put(request)
            request.done.result(SIGN_S)
            return True

    def put(self, request: Record | CompareHead | _Sign) -> None:
        with self._handing_over:
            if self._signed is None:
                self._queue.put(request)
            elif not isinstance(request, _Sign):
                self._signed.put(request)

    def entry(self, seq: int) -> Entry:
        """As `Storage.entry`."""
        return self.read(lambda journal: journal.entry(seq))

    def read(self, question: Callable[[Reader], T]) -> T:
        """As `Storage.read`."""
        with self._reading:
            if self._signed is None:
                return question(self._journal)
        return self._signed.read(question)

    def record(self, facts: Sequence[Fact], at: int) -> Head:
        """As `Storage.record`; raises KeyRefused while nothing can be signed."""
        if self._signed is None:
            raise KeyRefused(*words(self._outage.notice(self._since)))
        return self._signed.record(facts, at)

    def write(self, work: Callable[[Journal, int], Head], at: int) -> Head:
        """As `Storage.write`; raises KeyRefused while nothing can be signed."""
        if self._signed is None:
            raise KeyRefused(*words(self._outage.notice(self._since)))
        return self._signed.write(work, at)

    def money_entries(self) -> list[tuple[Entry, Fact]]:
        """As `Storage.money_entries`."""
        with self._reading:
            if self._signed is None:
                return list(money_entries(self._journal))
        return self._signed.money_entries()

    def close(self) -> None:
        """What was told is in the file when this returns; as `Storage.close` once it signs."""
        self._queue.put(_End())
        self._thread.join()
        if self._signed is not None:
            self._signed.close()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._signed is None:
                behind = self._catch_up()
                try:
                    first = self._queue.get(timeout=VIEWS_RETRY_S if behind else None)
                except Empty:
                    continue
                if not self._take(first):
                    break
        finally:
            if self._signed is None:
                with suppress(OSError):
                    self._file.close()
                self._projection.close()
                self._journal.close()
                while (waiting := self._next()) is not None:
                    if isinstance(waiting, _Sign):
                        waiting.done.set_exception(_leaving())

    def _next(self) -> _Request | None:
        """What waits, None if nothing does."""
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def _take(self, first: _Request) -> bool:
        """That request, together with the records that wait behind it; False at the end."""
        request: _Request | None = first
        records: list[Record] = []
        while isinstance(request, Record):
            records.append(request)
            request = self._next() if len(records) < MOST_FACTS else None
        self._keep(records)
        match request:
            case CompareHead():
                with self._reading:
                    self._answered(compared(self._journal, self._home.path, request.note))
            case _Sign():
                self._sign(request)
            case _End():
                return False
        return True

    def _keep(self, records: Sequence[Record]) -> None:
        told: list[tuple[Fact, int]] = []
        for record in records:
            if record.attempt != self._attempt:  # made before a failure was known
                self._answered(RecordFailed(record.attempt, record.facts, "", ""))
            else:
                told += [(fact, record.at) for fact in record.facts]
        if not told:
            return
        if any(isinstance(fact, MoneyIntent) for fact, _at in told):  # no byte of it goes out before it is signed
            self._fail(told, *words(self._outage.notice(self._since)))
            return
        try:
            with self._reading:
                head = self._journal.head
                new = [(fact, at) for fact, at in told if not self._holds(fact)]
            self._file.write(line_of(fact, at) for fact, at in new)
        except (OSError, JournalError) as error:
            reason = (error.strerror or error) if isinstance(error, OSError) else error.what
            self._fail(
                told,
                _("What the terminal tells can be neither signed nor kept unsigned: {reason}.").format(reason=reason),
                _("Free some space and see that the home can be written; the terminal keeps its events until then."),
            )
            return
        self._held += [fact for fact, _at in told if not isinstance(fact, _TOLD_AGAIN)]
        if self._failed:
            self._failed = False
            self._answered(Recorded(None, head.size, head.note))

    def _holds(self, fact: Fact) -> bool:
        """The journal has signed that very event already."""
        if not isinstance(fact, TerminalSaid | EventUnreadable) or (event := fact.event).number is None:
            return False
        return self._journal.event_sha256(event.terminal, event.log_epoch, event.number) == event.sha256.hex()

    def _fail(self, told: Sequence[tuple[Fact, int]], what: str, todo: str) -> None:
        self._answered(RecordFailed(self._attempt, tuple(fact for fact, _at in told), what, todo))
        self._attempt += 1
        self._failed = True

    def _sign(self, request: _Sign) -> None:
        """The gap is signed before anything else; then the pump learns that what was not acknowledged can be told again."""
        with self._reading:
            try:
                self._file.close()
                journal = self._signed_gap(request.signer)
            except Exception as error:
                log.exception("the key is there, and nothing could be signed")
                request.done.set_exception(error)
                return
            self._answered(RecordFailed(self._attempt, tuple(self._held), "", ""))
            self._answered(Recorded(None, journal.head.size, journal.head.note))
            attempt, projection = self._attempt + 1, self._projection
            with self._handing_over:
                self._signed = Storage(
                    journal, request.signer, projection, self._answered, self._changed, attempt=attempt
                )
                while (waiting := self._next()) is not None:
                    if isinstance(waiting, Record | CompareHead):
                        self._signed.put(waiting)
        request.done.set_result(None)

    def _signed_gap(self, signer: Signer) -> Journal:
        self._journal.close()  # some SQLite must hold it exclusively (engine.has_wal_reset_bug)
        try:
            journal = self._outage.open_journal(signer)
            try:
                until, because = self._now(), self._outage.because
                nothing = RecordedUnsigned(
                    since=self._since, until=until, because=because, events=0, file=None, sha256=None
                )
                sign(self._home.path, journal, until, nothing)
            except BaseException:
                journal.close()
                raise
        except BaseException:
            self._journal = open_reader(self._home.journal, self._journal.key)
            raise
        return journal

    def _catch_up(self) -> bool:
        """So that the screens show all that was signed before. True if some of it is still to be shown."""
        with suppress(Exception), self._reading:  # whatever is wrong with the views, this goes on
            self._projection.catch_up(self._journal, busy=lambda: not self._queue.empty())
            return self._projection.size < self._journal.size
        return True


Keep = Callable[
    [Projection, Callable[[StorageAnswer], None], Callable[[Head], None], Callable[[], int]], Storage | UnsignedStorage
]
"""Who records: views, answered, changed, the home's clock -> a storage at work, which closes the views in the end."""


def ask(desk: Desk, prompt: Callable[[], str]) -> None:
    """Ask a person for the passphrase until it opens the key, or nothing is typed; events are kept unsigned meanwhile.

    Raises what `UnsignedStorage.unlock` raises, unless somebody else has given it in between.
    """
    sys.stderr.write(_("Recording goes on unsigned until the passphrase is typed; with none, so it stays.") + "\n")
    while typed := _typed(prompt):
        try:
            if desk.unlock(typed.encode()):
                return
        except HomeError:  # it signs already
            return
        sys.stderr.write(_("That passphrase does not open the signing key.") + "\n")


def _typed(prompt: Callable[[], str]) -> str:
    try:
        return prompt()
    except EOFError:
        return ""


def _leaving() -> HomeError:
    return HomeError(_("The agent of this home is just leaving."), _("Start it again with: counterfoil serve"))
