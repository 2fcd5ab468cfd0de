"""The rules of `agent.storage` and of the journal under it, without thread, file or signature.

What is durable (`MemoryJournal`) outlives a kill; what is not (`MemoryStorage`: the queue, the attempt) is made anew with
each agent. `test_schedules.py` holds both to the real ones, request by request.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum, auto
from hashlib import sha256
from typing import Protocol

from agent.actions import CompareHead, HeadCompared, Record, Recorded, RecordFailed
from agent.journal.heads import Verdict
from agent.journal.kinds import (
    EventContradicted,
    EventGap,
    EventUnreadable,
    Fact,
    HeadMismatch,
    LogRolledBack,
    TerminalSaid,
)
from protocol.messages import UnsolicitedEvent

ORIGIN = "counterfoil/dst"
Answer = Recorded | RecordFailed | HeadCompared
Epoch = tuple[str, str]


class Commit(Enum):
    """What becomes of a commit."""

    DONE = auto()
    LOST = auto()
    """It fails, and nothing of it is on the disk."""
    KEPT = auto()
    """It is said to have failed, and is on the disk all the same: an error after the last write."""


class DurableJournal(Protocol):
    """What a world asks of a journal: that in memory, or the real one (`disk`)."""

    facts: list[Fact]
    last_events: dict[Epoch, int]
    heads: dict[int, str]
    tellings: Counter[tuple[int | None, bytes]]

    @property
    def size(self) -> int: ...

    @property
    def note(self) -> str: ...


class MemoryJournal:
    """facts: the entries after entry 0, in order. heads: the note of every head signed, by size.

    tellings: (number, SHA-256) of an event -> how often it stands there in these words, as told or as contradicted.
    """

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.last_events: dict[Epoch, int] = {}
        self.set_aside: set[str] = set()
        self.heads: dict[int, str] = {}
        self.tellings: Counter[tuple[int | None, bytes]] = Counter()
        self._first_tellings: dict[tuple[str, str, int], bytes] = {}
        self._root = sha256(b"journal.opened")
        self.sign()

    @property
    def size(self) -> int:
        return len(self.facts) + 1

    @property
    def note(self) -> str:
        return self.heads[self.size]

    def append(self, facts: Sequence[Fact]) -> None:
        """All of them or none. Raises ValueError for an event that does not follow the last of its log epoch."""
        last: dict[Epoch, int] = {}
        for fact in facts:
            if (mark := event_mark(fact)) is not None:
                epoch, number = mark
                if number <= last.get(epoch, self.last_events.get(epoch, 0)):
                    raise ValueError(f"event {number} does not follow the last of its log epoch")
                last[epoch] = number
        for fact in facts:
            self.put(fact)
        if facts:
            self.sign()

    def put(self, fact: Fact) -> None:
        """One fact, unchecked and not yet under a head."""
        self.facts.append(fact)
        self._root.update(repr(fact).encode())
        if isinstance(fact, TerminalSaid | EventUnreadable | EventContradicted):
            self.tellings[fact.event.number, fact.event.sha256] += 1
        if (mark := event_mark(fact)) is not None:
            epoch, number = mark
            self.last_events.pop(epoch, None)
            self.last_events[epoch] = number
            if not isinstance(fact, EventGap):
                self._first_tellings[*epoch, number] = fact.event.sha256  # type: ignore[union-attr]

    def first_telling(self, epoch: Epoch, number: int) -> bytes:
        """The hash of the event as it was told first; empty where it was signed as lost."""
        return self._first_tellings.get((*epoch, number), b"")

    def compare(self, note: str) -> Verdict:
        """What this journal is against a remembered head."""
        origin, size, _root, *_ = note.split("\n")
        if origin != ORIGIN:
            return Verdict.FOREIGN
        if int(size) > self.size:
            return Verdict.CUT
        if self.heads.get(int(size)) != note:
            return Verdict.FORKED
        return Verdict.SAME if int(size) == self.size else Verdict.EXTENDS

    def sign(self) -> None:
        """A head over everything put so far."""
        self.heads[self.size] = f"{ORIGIN}\n{self.size}\n{self._root.hexdigest()}\n"


class MemoryStorage:
    """Takes requests off a queue when the schedule lets it, and answers as `agent.storage.Storage` does."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal
        self.queue: deque[Record | CompareHead] = deque()
        self._attempt = 0

    def take(self, most: int, commit: Commit = Commit.DONE) -> list[Answer]:
        """What is queued, at most so many requests, in one commit: the answers in order."""
        answers: list[Answer] = []
        records: list[Record] = []
        for request in [self.queue.popleft() for _ in range(min(most, len(self.queue)))]:
            if isinstance(request, CompareHead):
                answers += self._commit(records, commit)
                records = []
                answers.append(self._compare(request))
            elif self._is_stale(request):
                answers.append(RecordFailed(request.attempt, request.facts, "", ""))
            else:
                records.append(request)
        return answers + self._commit(records, commit)

    def _is_stale(self, record: Record) -> bool:
        """Made before a failure was known."""
        return record.attempt != self._attempt

    def _commit(self, records: list[Record], commit: Commit) -> list[Answer]:
        if not records:
            return []
        facts = [fact for record in records for fact in record.facts]
        try:
            if commit is not Commit.LOST:
                last_event, contradictions = self._keep(facts)
            if commit is not Commit.DONE:
                raise OSError("the disk failed")
        except (OSError, ValueError) as error:
            failed = RecordFailed(self._attempt, tuple(facts), str(error), "")
            self._attempt += 1
            return [failed]
        self.journal.set_aside |= {fact.remembered for fact in facts if isinstance(fact, HeadMismatch)}
        return [Recorded(last_event, self.journal.size, self.journal.note, tuple(facts), tuple(contradictions))]

    def _keep(self, facts: Sequence[Fact]) -> tuple[tuple[str, int] | None, list[EventContradicted]]:
        """Append what the journal lacks; answers the last event among all of them, and what was told in other words."""
        kept: list[Fact] = []
        contradictions: list[EventContradicted] = []
        told: dict[tuple[str, str, int], bytes] = {}
        last_events = dict(self.journal.last_events)
        last_event = None
        for fact in facts:
            mark = event_mark(fact)
            if mark is None:
                if not (isinstance(fact, LogRolledBack) and self._is_signed(fact, kept)):
                    kept.append(fact)
                continue
            epoch, number = mark
            last_event = (epoch[1], number)
            if number > last_events.get(epoch, 0):
                last_events[epoch] = number
                kept.append(fact)
                if not isinstance(fact, EventGap):
                    told[*epoch, number] = fact.event.sha256  # type: ignore[union-attr]
            elif isinstance(fact, TerminalSaid | EventUnreadable):
                first = told.get((*epoch, number)) or self.journal.first_telling(epoch, number)
                contradicted = contradiction(fact, first)
                if first != fact.event.sha256 and not self._stands(contradicted, kept):
                    kept.append(contradicted)
                    contradictions.append(contradicted)
        self.journal.append(kept)
        return last_event, contradictions

    def _stands(self, contradicted: EventContradicted, kept: Sequence[Fact]) -> bool:
        """That second telling has its entry."""
        entries = (f for f in (*self.journal.facts, *kept) if isinstance(f, EventContradicted))
        return any(_telling(entry) == _telling(contradicted) for entry in entries)

    def _is_signed(self, fact: LogRolledBack, kept: Sequence[Fact]) -> bool:
        """The rollback has its entry, nothing was recorded since, and the log is no shorter now."""
        return any(isinstance(f, LogRolledBack) and f.covers(fact) for f in (*self.journal.facts, *kept))

    def _compare(self, request: CompareHead) -> HeadCompared:
        verdict = self.journal.compare(request.note)
        return HeadCompared(request.note, verdict, not verdict.fits and request.note in self.journal.set_aside)


def event_mark(fact: Fact) -> tuple[Epoch, int] | None:
    """(terminal, log epoch) and number of the event that a fact records first, or signs as lost; None for any other fact."""
    if isinstance(fact, EventGap):
        return (fact.terminal, fact.log_epoch), fact.last
    if isinstance(fact, TerminalSaid | EventUnreadable) and fact.event.number is not None:
        return (fact.event.terminal, fact.event.log_epoch), fact.event.number
    return None


def contradiction(fact: TerminalSaid | EventUnreadable, first: bytes) -> EventContradicted:
    """The entry for a second telling."""
    message: UnsolicitedEvent | None = fact.message if isinstance(fact, TerminalSaid) else None
    return EventContradicted(event=fact.event, first_sha256=first, message=message)


def _telling(fact: EventContradicted) -> tuple[str, int | None, bytes]:
    return fact.event.log_epoch, fact.event.number, fact.event.sha256
