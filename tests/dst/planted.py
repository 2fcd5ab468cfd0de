"""Bugs to test the tester with: each is a part of the agent, or of the link, with one rule broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent import actions as a
from agent.journal.kinds import EventContradicted, EventGap, Fact, LogRolledBack
from agent.log_position import Arrival, LogPosition
from agent.pump import Pump
from agent.questions import Questions
from protocol.conversation import Conversation
from protocol.dialects.native.framing import Frame, FrameType
from protocol.dialects.native.link import NativeLink
from protocol.dialects.native.link_states import SessionState
from protocol.events import FailReason
from protocol.messages import EventAck, Reply, TerminalHello
from tests.dst.memory_storage import MemoryStorage, event_mark

# -- the pump ----------------------------------------------------------------------------------------------------------


class AcknowledgesUnrecorded(Pump):
    """EVENT_ACK as soon as an event is taken."""

    def _take_event(self, number: int, fact: Fact, now: int) -> None:
        before = len(self._facts)
        super()._take_event(number, fact, now)
        if len(self._facts) > before:
            self.talk.send(EventAck(up_to=number), now)


class AcknowledgesStale(Pump):
    """EVENT_ACK for the events of a stale attempt, which come back unrecorded."""

    def _take_failure(self, failed: a.RecordFailed, now: int, wall: int) -> None:
        marks = [mark for fact in failed.facts if (mark := event_mark(fact)) is not None]
        if failed.attempt != self._attempt and marks and self._hello is not None:
            self.talk.send(EventAck(up_to=marks[-1][1]), now)
        super()._take_failure(failed, now, wall)


class DropsFailed(Pump):
    """After a failed commit the next attempt begins, and what failed is not asked for again."""

    def _take_failure(self, failed: a.RecordFailed, now: int, wall: int) -> None:
        self._attempt = max(self._attempt, failed.attempt + 1)


class DeafToFailure(Pump):
    """RecordFailed changes nothing."""

    def _take_failure(self, failed: a.RecordFailed, now: int, wall: int) -> None:
        pass


class LeavesQuestions(Pump):
    """A question of the desk whose session ends is never answered."""

    def __init__(self, converse: Callable[[bytes | None], Conversation], **rest: Any) -> None:
        super().__init__(converse, **rest)
        self._questions = _Leaving()


class _Leaving(Questions):
    def answered(self, request_id: int, reply: Reply | FailReason, now: int, wall: int) -> list[a.Action]:
        told = super().answered(request_id, reply, now, wall)
        return [] if isinstance(reply, FailReason) else told


class SplitsGaps(Pump):
    """Signs each missing number by itself."""

    def _finish(self, now: int, wall: int) -> list[a.Action]:
        whole, self._facts = self._facts, []
        for fact in whole:
            if isinstance(fact, EventGap):
                self._facts += [replace(fact, first=n, last=n) for n in range(fact.first, fact.last + 1)]
            else:
                self._facts.append(fact)
        return super()._finish(now, wall)


# -- the place in the log ----------------------------------------------------------------------------------------------


class GapAtSecondSight(LogPosition):
    """The second event out of order signs the gap, without waiting for a quiet line."""

    def arrive(self, number: int, now: int) -> tuple[Arrival, EventGap | None]:
        self._probing, self._beyond = self._asked_for == self.next, number
        return super().arrive(number, now)


class BeginsAtTheEnd(LogPosition):
    """The SYNC of a session begins after what the terminal wrote last, not after what the journal holds."""

    def begin(self, hello: TerminalHello) -> list[Fact]:
        facts = super().begin(hello)
        self.next = hello.last_written + 1
        return facts


class NeverSignsGaps(LogPosition):
    """Asks for ever for what the terminal never wrote."""

    def ask(self, *, on_quiet_line: bool = False) -> int:
        return super().ask()


class KeepsAlarm(LogPosition):
    """The alarm of a quiet line is not taken back when it has rung."""

    def ask(self, *, on_quiet_line: bool = False) -> int:
        alarm, start = self.quiet_due, super().ask(on_quiet_line=on_quiet_line)
        self.quiet_due = alarm
        return start


class BeginsAtTheJournal(LogPosition):
    """Believes that what the journal holds is what the log says: nothing is told again, and nothing compared."""

    def begin(self, hello: TerminalHello) -> list[Fact]:
        facts = super().begin(hello)
        self.durable = self._last.get(hello.log_epoch, 0)
        self.next = self.durable + 1
        return facts


def pump_with(position: type[LogPosition]) -> type[Pump]:
    """A pump that keeps its place in the log with that class."""

    class Planted(Pump):
        def __init__(
            self,
            converse: Callable[[bytes | None], Conversation],
            *,
            terminal: str,
            last_events: Mapping[tuple[str, str], int],
            **rest: Any,
        ) -> None:
            super().__init__(converse, terminal=terminal, last_events=last_events, **rest)
            self._log = position(terminal, last_events)

    return Planted


# -- the storage -------------------------------------------------------------------------------------------------------


class SignsRollbackAgain(MemoryStorage):
    """Every start signs the rollback that an earlier one signed."""

    def _is_signed(self, fact: LogRolledBack, kept: Sequence[Fact]) -> bool:
        return False


class WithoutDedup(MemoryStorage):
    """What comes a second time makes a second entry."""

    def _keep(self, facts: Sequence[Fact]) -> tuple[tuple[str, int] | None, list[EventContradicted]]:
        last_event = None
        for fact in facts:
            before = dict(self.journal.last_events)
            self.journal.put(fact)
            if (mark := event_mark(fact)) is not None:
                epoch, number = mark
                last_event = (epoch[1], number)
                self.journal.last_events[epoch] = max(number, before.get(epoch, 0))
        self.journal.sign()
        return last_event, []


class ContradictsAgain(MemoryStorage):
    """A second telling makes an entry each time that it comes."""

    def _stands(self, contradicted: EventContradicted, kept: Sequence[Fact]) -> bool:
        return False


class ComparesNothing(MemoryStorage):
    """An event whose number the journal holds is taken for the one it holds."""

    def _stands(self, contradicted: EventContradicted, kept: Sequence[Fact]) -> bool:
        return True


class TakesStale(MemoryStorage):
    """Facts of an attempt that failed in part are recorded all the same."""

    def _is_stale(self, record: a.Record) -> bool:
        return False


# -- the link ----------------------------------------------------------------------------------------------------------

_take_valid = NativeLink._take_valid


def delivers_twice(self: NativeLink, session: SessionState, frame: Frame, body: bytes, now: int) -> None:
    """In place of NativeLink._take_valid: a data frame that came again is delivered again."""
    if frame.type is FrameType.DATA and frame.counter == session.last_data:
        session.last_data -= 1
    _take_valid(self, session, frame, body, now)
