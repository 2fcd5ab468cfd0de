"""Bugs to test the tester with where money is asked for: an agent, or a terminal, with one rule of docs/protocol.md §4 broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from agent import actions as a
from agent.journal.kinds import Fact
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome
from agent.lane import Lane
from agent.money import CaseEvent, CaseState, MoneyCase
from agent.money_outcomes import by_answer, without_answer
from agent.money_queries import Moment, Told
from agent.orders import LearnedBy, MoneyState
from agent.pump import Pump
from protocol.conversation import Conversation
from protocol.messages import Confirm, MoneyRequest, RequestState, Result, StatusReply
from simulator.book import Book
from simulator.counter import Counter
from simulator.log import TerminalLog
from tests.dst.memory_storage import MemoryStorage
from tests.dst.shop_terminal import Rooms


def pump_with(lane: type[Lane]) -> type[Pump]:
    """A pump with that lane."""

    class Planted(Pump):
        def __init__(self, converse: Callable[[bytes | None], Conversation], *, terminal: str, **rest: Any) -> None:
            super().__init__(converse, terminal=terminal, **rest)
            self._lane = lane(terminal, rest["intents"], rest["ended"], rest["rollbacks"])

    return Planted


# -- the lane ----------------------------------------------------------------------------------------------------------


class TimeoutIsDeclined(Lane):
    """No answer to a request: it was not done."""

    def _lose(self, case: MoneyCase, at: Moment, *, is_query: bool) -> None:
        if case.state is CaseState.ASKED:
            self._end(case, without_answer(case.intent, MoneyState.DECLINED, LearnedBy.ERROR), CaseEvent.TOLD)
        else:
            super()._lose(case, at, is_query=is_query)


class NewReferenceOnRetry(Lane):
    """What is asked again goes out under another reference."""

    def _undecided(self, case: MoneyCase, reply: StatusReply, at: Moment) -> None:
        super()._undecided(case, reply, at)
        self.sends = [
            (
                c,
                replace(m, reference=sha256(m.reference.encode()).hexdigest()[:32])
                if isinstance(m, MoneyRequest)
                else m,
            )
            for c, m in self.sends
        ]


class NoIntent(Lane):
    """The request goes out, and nothing is recorded before."""

    def _begin(self, given: a.Order, session: Told, at: Moment) -> None:
        super()._begin(given, session, at)
        if self.facts and isinstance(intent := self.facts[-1], MoneyIntent):
            del self.facts[-1]
            self.recorded([intent], at)


class NotFoundIsFinal(Lane):
    """A terminal that does not know the reference never did it, and never will."""

    def _undecided(self, case: MoneyCase, reply: StatusReply, at: Moment) -> None:
        if case.state is CaseState.QUERIED and reply.state is RequestState.NOT_FOUND:
            self._end(case, without_answer(case.intent, MoneyState.VOIDED, LearnedBy.STATUS), CaseEvent.TOLD)
        else:
            super()._undecided(case, reply, at)


class TakesAnyResult(Lane):
    """A Result of another reference is the answer to what was asked."""

    def result(self, told: Result, at: Moment) -> bool:
        asked, is_query = self._flight.get(told.request_id, (None, True))
        if self._find(told.reference) is None and asked is not None and not is_query:
            outcome = by_answer(asked.intent, told)
            if outcome is not None:
                self._hear(asked, outcome)
            return True
        return super().result(told, at)


class ConfirmsEarly(Lane):
    """CONFIRM as soon as the outcome is known."""

    def _end(self, case: MoneyCase, outcome: MoneyOutcome, event: CaseEvent) -> None:
        super()._end(case, outcome, event)
        self.sends.append((case, Confirm(reference=case.reference)))


class ShowsEarly(Lane):
    """Who ordered it is told as soon as the outcome is known."""

    def _end(self, case: MoneyCase, outcome: MoneyOutcome, event: CaseEvent) -> None:
        super()._end(case, outcome, event)
        self.answers += [a.Ended(token, outcome) for token in case.waiting]
        case.waiting.clear()


class ResendsAtStart(Lane):
    """What an earlier process meant goes out again."""

    def begin(self, session: Told, at: Moment) -> None:
        super().begin(session, at)
        for case in self._open.values():
            if not case.deadline:
                case.boot_id, case.deadline, case.waiting = session.boot_id, 1 << 50, [0]

    def recorded(self, facts: Iterable[Fact], at: Moment) -> None:
        super().recorded(facts, at)
        self.answers = [ended for ended in self.answers if ended.token]


class ResendsForNobody(Lane):
    """What was abandoned goes out again all the same."""

    def take(self, given: a.MoneyInput, at: Moment) -> None:
        if not isinstance(given, a.Abandon):
            super().take(given, at)


class DiffersIsUnknown(Lane):
    """Another amount than was asked for is no answer."""

    def _hear(self, case: MoneyCase, outcome: MoneyOutcome, epoch: str | None = None) -> None:
        if not outcome.differs:
            super()._hear(case, outcome, epoch)
        elif case.state is CaseState.QUERIED:
            case.advance(CaseEvent.UNDECIDED)
            case.query_due = None


class KeepsTheFirstWord(Lane):
    """What the terminal's log says later is not held against what was recorded."""

    def _hear(self, case: MoneyCase, outcome: MoneyOutcome, epoch: str | None = None) -> None:
        if case.state not in {CaseState.ENDING, CaseState.ENDED}:
            super()._hear(case, outcome, epoch)


class RecordsRefused(Lane):
    """An intent that could not be recorded is recorded later, after its order was refused."""

    def not_recorded(self, facts: Iterable[Fact]) -> list[Fact]:
        facts = list(facts)
        super().not_recorded(facts)
        return facts


class TwoAtOnce(Lane):
    """An unknown outcome keeps nobody from asking for the next."""

    @property
    def _busy_with(self) -> MoneyCase | None:
        busy = super()._busy_with
        return None if busy is not None and busy.state in {CaseState.UNKNOWN, CaseState.QUERIED} else busy


# -- the storage -------------------------------------------------------------------------------------------------------


class IntentNotSynced(MemoryStorage):
    """An intent is said to be recorded, and reaches the disk with the commit after."""

    def __init__(self, journal: Any) -> None:
        super().__init__(journal)
        self._late: list[Fact] = []

    def _keep(self, facts: Sequence[Fact]) -> Any:
        late, self._late = self._late, [fact for fact in facts if isinstance(fact, MoneyIntent)]
        return super()._keep([*late, *(fact for fact in facts if not isinstance(fact, MoneyIntent))])


# -- the terminal ------------------------------------------------------------------------------------------------------


class LogWithoutDedup(TerminalLog):
    """A reference that was begun may be begun again."""

    def begin(self, reference: str, message: bytes) -> bool:
        if not self.is_fenced(reference):
            self._append({"begin": {"reference": reference, "m": message.hex()}})
            self._begun[reference] = message
        return not self.is_fenced(reference)

    def _take_money(self, record: dict[str, Any]) -> None:
        self._begun.pop(record.get("begin", {}).get("reference", ""), None)
        super()._take_money(record)


class CounterWithoutDedup(Counter):
    """A question that comes again is another one."""

    def ask(self, request: MoneyRequest, now: int) -> None:
        under_way = self._under_way
        if under_way is not None and under_way.request.reference == request.reference:
            self._under_way = None
        super().ask(request, now)

    def _stored(self, request: MoneyRequest) -> None:
        return None


class WithoutAutoReversal(Book):
    """What was begun and has no outcome stays so."""

    def reverse_unfinished(self, *, at: int, now: int) -> None:
        pass


WITHOUT_DEDUP = Rooms(log=LogWithoutDedup, counter=CounterWithoutDedup)
WITHOUT_AUTO_REVERSAL = Rooms(book=WithoutAutoReversal)
