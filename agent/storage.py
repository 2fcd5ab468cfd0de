"""The thread that owns both databases: facts become durable entries, then rows of the views.

One queue, one thread: what is queued commits together, and the answer to each request follows its commit. The views are
brought up to the journal whenever the queue is empty, so that nothing waits for them before it is acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from agent.actions import CompareHead, HeadCompared, Record, Recorded, RecordFailed
from agent.custody.ballast import Ballast
from agent.errors import CounterfoilError, JournalError
from agent.journal import heads
from agent.journal.drafting import to_draft
from agent.journal.engine import is_damage, is_full, is_missing
from agent.journal.entries import Draft, Entry, event_mark, fits
from agent.journal.keys import Signer
from agent.journal.kinds import (
    EventContradicted,
    EventGap,
    EventUnreadable,
    Fact,
    HeadMismatch,
    LogRolledBack,
    MoneyIntent,
    TerminalSaid,
)
from agent.journal.money_entries import money_entries
from agent.journal.reader import Head, Reader
from agent.journal.store import Journal
from agent.language import _
from agent.projection import Projection
from protocol.messages import DepositUpdate, Settlement, TariffNotice

MOST_FACTS = 256
"""Facts in one commit; a terminal sends at most 64 events beyond the last acknowledgement."""
READ_S = 30
READ_AT_ONCE = 1_024
"""Entries on money requests that are read in one turn: nothing that is to be recorded waits for the rest."""
VIEWS_RETRY_S = 5
MOST_BEHIND = 2048
"""Entries that the views may lag behind a busy journal."""

_LONG = (Settlement, DepositUpdate, TariffNotice)
"""Messages with no bound of their own below the wire's 16 KiB, which may be more than an entry's 64 KiB of JSON."""

StorageAnswer = Recorded | RecordFailed | HeadCompared
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Read:
    """A question to the journal: where SQLite must hold it exclusively, the writer's connection is the only one."""

    question: Callable[[Reader], Any]
    answer: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Write:
    """Something to be recorded that did not come through the pump, in a commit of its own."""

    work: Callable[[Journal, int], Head]
    at: int
    head: Future[Head] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _ReadMoney:
    """All that the journal says of money requests, piece by piece."""

    rest: Iterator[tuple[Entry, Fact]]
    so_far: list[tuple[Entry, Fact]] = field(default_factory=list)
    found: Future[list[tuple[Entry, Fact]]] = field(default_factory=Future)


_Request = Record | CompareHead | _Read | _ReadMoney | _Write


class Storage:
    """The journal and its views, behind one thread. answered: called from that thread; changed: after the views moved."""

    def __init__(
        self,
        journal: Journal,
        signer: Signer,
        projection: Projection,
        answered: Callable[[StorageAnswer], None],
        changed: Callable[[Head], None],
        *,
        attempt: int = 0,
    ) -> None:
        """attempt: of the first records, where others failed before this storage was there."""
        self._journal, self._signer, self._projection = journal, signer, projection
        self._home = journal.path.parent
        self._ballast = Ballast(self._home)
        self._answered, self._changed = answered, changed
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._attempt = attempt
        self._second_tellings: set[tuple[str, int, str]] | None = None
        self._rollbacks: list[LogRolledBack] | None = None
        self._thread = threading.Thread(target=self._run, name="storage")
        self._thread.start()

    def put(self, request: Record | CompareHead) -> None:
        self._queue.put(request)

    def entry(self, seq: int) -> Entry:
        """Read one entry; waits its turn. Raises NotFound, JournalError."""
        return self.read(lambda journal: journal.entry(seq))

    def read(self, question: Callable[[Reader], T]) -> T:
        """What `question` makes of the journal; waits its turn. It holds up all recording: a few rows, no scan.

        Raises what it raises, and TimeoutError.
        """
        request = _Read(question)
        self._queue.put(request)
        answer: T = request.answer.result(READ_S)
        return answer

    def record(self, facts: Sequence[Fact], at: int) -> Head:
        """Have facts recorded that no terminal told, in a commit of their own, durable when it returns. at: ms UTC.

        Not from this storage's own thread. Raises JournalError, then nothing of them is recorded; TimeoutError.
        """
        told = tuple(facts)
        return self.write(lambda journal, at: journal.append([self._draft(fact) for fact in told], at), at)

    def write(self, work: Callable[[Journal, int], Head], at: int) -> Head:
        """Have `work` append to the journal: (journal, ms UTC) → the new head. It holds up all recording
        as long as it takes. Raises what it raises, an OSError or the like as JournalError; TimeoutError."""
        request = _Write(work, at)
        self._queue.put(request)
        return request.head.result(READ_S)

    def money_entries(self) -> list[tuple[Entry, Fact]]:
        """The journal's entries on money requests, in order; waits its turn. Raises JournalError."""
        request = _ReadMoney(money_entries(self._journal))
        self._queue.put(request)
        return request.found.result(READ_S)

    def close(self) -> None:
        """Commits what is queued, closes both databases."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._catch_up()
            while True:
                try:  # views that could not be brought up are tried again, with or without trade
                    first = self._queue.get(timeout=VIEWS_RETRY_S if self._behind else None)
                except Empty:
                    self._catch_up()
                    continue
                if first is None:
                    break
                batch, ended = self._batch(first)
                self._take(batch)
                if ended or self._behind >= MOST_BEHIND or (self._behind and self._queue.empty()):
                    self._catch_up()
                if ended:
                    break
        finally:
            self._projection.close()
            self._journal.close()

    @property
    def _behind(self) -> int:
        return self._journal.size - self._projection.size

    def _batch(self, first: _Request) -> tuple[list[_Request], bool]:
        batch = [first]
        count = 0
        while count < MOST_FACTS:
            try:
                request = self._queue.get_nowait()
            except Empty:
                break
            if request is None:
                return batch, True
            batch.append(request)
            count += len(request.facts) if isinstance(request, Record) else 0
        return batch, False

    def _take(self, batch: Sequence[_Request]) -> None:
        records: list[Record] = []
        for request in batch:
            if isinstance(request, Record):
                if request.attempt == self._attempt:
                    records.append(request)
                else:  # made before a failure was known; its events are asked for again, its other facts handed back
                    self._answered(RecordFailed(request.attempt, request.facts, "", ""))
            else:
                self._commit(records)
                records = []
                if isinstance(request, CompareHead):
                    self._answered(compared(self._journal, self._home, request.note))
                elif isinstance(request, _ReadMoney):
                    self._read_money(request)
                elif isinstance(request, _Write):
                    self._write(request)
                else:
                    self._read(request)
        self._commit(records)

    def _commit(self, records: list[Record]) -> None:
        if not records:
            return
        facts = [fact for record in records for fact in record.facts]
        try:
            drafts, last_event, contradictions = self._drafts(facts)
            head = self._append(drafts, records[-1].at, facts)
        except Exception as error:  # whatever it is: nothing is acknowledged, and it is said
            known = _known(error)
            self._answered(RecordFailed(self._attempt, tuple(facts), known.what, known.todo))
            self._attempt += 1
            self._second_tellings = self._rollbacks = None  # read again: what was not recorded is told again
            return
        for fact in facts:
            if isinstance(fact, HeadMismatch):
                with suppress(OSError):  # the entry itself holds the note, whole
                    heads.set_aside(self._home, fact.remembered)
        self._answered(Recorded(last_event, head.size, head.note, tuple(facts), contradictions))

    def _append(self, drafts: Sequence[Draft], at: int, facts: Sequence[Fact]) -> Head:
        """Where the disk is full, the ballast makes room for what has happened already, but for no new money request."""
        try:
            return self._journal.append(drafts, at)
        except JournalError as error:
            new_money = any(isinstance(fact, MoneyIntent) for fact in facts)
            if error.__cause__ is None or not is_full(error.__cause__) or new_money or not self._ballast.give_up():
                raise
        return self._journal.append(drafts, at)

    def _drafts(
        self, facts: Sequence[Fact]
    ) -> tuple[list[Draft], tuple[str, int] | None, tuple[EventContradicted, ...]]:
        """The drafts of the facts, the last event among them, and what was told in other words. An event that the journal
        holds already makes no second entry; one that it holds in other words is recorded as contradicted."""
        drafts: list[Draft] = []
        contradictions: list[EventContradicted] = []
        told: dict[tuple[str, str, int], bytes] = {}
        last_events = self._journal.last_events()
        last_event = None
        for fact in facts:
            if isinstance(fact, EventGap):
                last_event = (fact.log_epoch, fact.last)
                if fact.last <= last_events.get((fact.terminal, fact.log_epoch), 0):
                    continue  # signed before
            if isinstance(fact, TerminalSaid | EventUnreadable) and fact.event.number is not None:
                event, number = fact.event, fact.event.number
                epoch = (event.terminal, event.log_epoch)
                last_event = (event.log_epoch, number)
                if number <= last_events.get(epoch, 0):
                    first = told.get((*epoch, number)) or self._first_telling(*epoch, number)
                    again = (event.log_epoch, number, event.sha256.hex())
                    if first != event.sha256 and again not in self._contradicted():
                        contradictions.append(_contradiction(fact, first))
                        drafts.append(self._draft(contradictions[-1]))
                        self._contradicted().add(again)
                    continue
                last_events[epoch] = number
                told[*epoch, number] = event.sha256
            if isinstance(fact, LogRolledBack):
                if any(by.covers(fact) for by in self._rolled_back()):
                    continue  # signed at an earlier start; the log is still as short
                self._rolled_back().append(fact)
            draft = self._draft(fact)
            drafts.append(draft)
            if (mark := event_mark(draft.kind, draft.body)) is not None:
                last_events[mark.terminal, mark.log_epoch] = mark.number
        return drafts, last_event, tuple(contradictions)

    def _contradicted(self) -> set[tuple[str, int, str]]:
        """Second tellings that stand in the journal: (log epoch, number, SHA-256). Few, and asked for seldom."""
        if self._second_tellings is None:
            events = (e.body["event"] for e in self._journal.entries() if e.kind == "event.contradicted")
            self._second_tellings = {(e["log_epoch"], e["number"], e["sha256"]) for e in events}
        return self._second_tellings

    def _rolled_back(self) -> list[LogRolledBack]:
        """The rollbacks that stand in the journal; few, and asked for seldom."""
        if self._rollbacks is None:
            self._rollbacks = [LogRolledBack(**e.body) for e in self._journal.entries() if e.kind == LogRolledBack.kind]
        return self._rollbacks

    def _draft(self, fact: Fact) -> Draft:
        draft = to_draft(fact, self._signer.token_hmac)
        if isinstance(fact, TerminalSaid | EventContradicted) and isinstance(fact.message, _LONG) and not fits(draft):
            reason = f"{type(fact.message).__name__} longer than an entry"
            unreadable = EventUnreadable(event=fact.event, message_type=0, reason=reason)
            shorter = unreadable if isinstance(fact, TerminalSaid) else replace(fact, message=None)
            draft = to_draft(shorter, self._signer.token_hmac)
        return draft

    def _first_telling(self, terminal: str, log_epoch: str, number: int) -> bytes:
        return bytes.fromhex(self._journal.event_sha256(terminal, log_epoch, number) or "")

    def _read(self, request: _Read) -> None:
        try:
            request.answer.set_result(request.question(self._journal))
        except Exception as error:
            request.answer.set_exception(error)

    def _write(self, request: _Write) -> None:
        try:
            head = request.work(self._journal, request.at)
        except Exception as error:
            request.head.set_exception(_known(error))
            return
        self._answered(Recorded(None, head.size, head.note))  # the terminal is to remember this head too
        request.head.set_result(head)

    def _read_money(self, request: _ReadMoney) -> None:
        try:
            some = list(islice(request.rest, READ_AT_ONCE))
        except Exception as error:
            request.found.set_exception(error)
            return
        request.so_far.extend(some)
        if len(some) < READ_AT_ONCE:
            request.found.set_result(request.so_far)
        else:
            self._queue.put(request)  # behind what came meanwhile

    def _catch_up(self) -> None:
        """The views can be made anew at any time: whatever is wrong with them, recording goes on."""
        try:
            self._projection.catch_up(self._journal, busy=lambda: not self._queue.empty())
        except Exception as error:
            if is_damage(error) or is_missing(error):  # a full disk or a lock only asks for patience
                with suppress(Exception):
                    self._projection.rebuild(self._journal)
        self._changed(self._journal.head)


def compared(journal: Reader, home: Path, note: str) -> HeadCompared:
    """The journal of a home against a head that the terminal remembers."""
    try:
        verdict = heads.compare(journal, note)
    except (JournalError, OSError):
        verdict = heads.Verdict.BAD_SIGNATURE
    return HeadCompared(note, verdict, not verdict.fits and note in heads.remembered(home).values())


def _known(error: Exception) -> CounterfoilError:
    if isinstance(error, CounterfoilError):
        return error
    return JournalError(
        _("The journal could not be written: {kind}: {reason}.").format(kind=type(error).__name__, reason=error),
        _("Leave the agent and start it again; the terminal keeps its events until then."),
    )


def _contradiction(fact: TerminalSaid | EventUnreadable, first: bytes) -> EventContradicted:
    """first: the hash of the first telling; empty where the event had been signed as lost."""
    message = fact.message if isinstance(fact, TerminalSaid) else None
    return EventContradicted(event=fact.event, first_sha256=first, message=message)
