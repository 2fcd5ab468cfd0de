"""The money lane: one request at a time, its intent durable before its first byte, and no end to it but a known one.

docs/protocol.md §4 has the rules, agent/money.py the states of one request. The pump feeds it and carries out what it gives
back: facts to record, messages to send, answers to whoever ordered. No I/O; now: ms that never go back; wall: ms UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent import actions as a
from agent import money_decisions as decisions
from agent.journal.kinds import EventContradicted, Fact, LogRolledBack
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.lane_cases import Cases
from agent.lane_view import lane_notices, lane_view
from agent.money import (
    CLOSED,
    NOBODY_KNOWS,
    SENT,
    CaseEvent,
    CaseState,
    EndedIntent,
    MoneyCase,
    OpenIntent,
    Rollbacks,
)
from agent.money_outcomes import by_answer, by_log, request_of, without_answer
from agent.money_queries import Moment, Told, begin_queries, may_fence, may_resend, may_send, query_later
from agent.orders import LearnedBy, MoneyState
from agent.views import LaneView, Notice
from protocol import messages as m
from protocol.events import FailReason


class Lane:
    """intents, ended, rollbacks: what the journal holds at start, newest last. queries: the dialect has words for STATUS.

    facts, sends, answers: what is to be recorded, sent and answered; whoever takes them clears them. `sent` tells the id
    of a request that went out.
    """

    def __init__(
        self,
        terminal: str,
        intents: Sequence[OpenIntent] = (),
        ended: Sequence[EndedIntent] = (),
        rollbacks: Rollbacks | None = None,
        *,
        queries: bool = True,
    ) -> None:
        self._terminal, self._queries = terminal, queries
        self._cases = Cases(intents, ended)
        self._open = self._cases.open
        self._rollbacks = rollbacks or Rollbacks()
        self._accepting: list[tuple[int, Rollbacks]] = []  # as their facts stand: whose, and what they looked into
        self._session: Told | None = None
        self._flight: dict[int, tuple[MoneyCase, bool]] = {}  # request id -> the case, and whether a STATUS
        self.facts: list[Fact] = []
        self.sends: list[tuple[MoneyCase, m.MoneyRequest | m.StatusQuery | m.Confirm]] = []
        self.answers: list[a.Ended] = []

    def _find(self, reference: str | None) -> MoneyCase | None:
        return self._cases.find(reference)

    def _meant(self, told: m.Result) -> MoneyCase | None:
        """Whose Result that is; wires without STATUS carry no references either."""
        return self._find(told.reference) if self._queries else self._cases.find_by_ticket(told.reference)

    # -- what is shown, and when ---------------------------------------------------------------------------------------

    @property
    def _busy_with(self) -> MoneyCase | None:
        """The first that holds the lane."""
        return next((case for case in self._open.values() if not case.parked), None)

    @property
    def view(self) -> LaneView:
        return lane_view(self._busy_with, tuple(self._open.values()), rolled_back=self._rollbacks.undecided)

    @property
    def notices(self) -> tuple[Notice, ...]:
        return lane_notices(tuple(self._open.values()), self._is_for_people) if self._open else ()

    def _is_for_people(self, case: MoneyCase) -> bool:
        """The terminal cannot be asked, or "not found" is all that it may say, and proves nothing: a person ends it."""
        return not self._queries or case.doubtful or (self._session is not None and not may_fence(case, self._session))

    @property
    def due(self) -> int | None:
        """When `by_the_clock` has something to do."""
        case = self._next_query()
        return None if case is None else case.query_due

    def _next_query(self) -> MoneyCase | None:
        """One STATUS at a time; those put aside are asked about while the lane is idle."""
        if not (self._open and self._session and self._queries) or any(query for _, query in self._flight.values()):
            return None
        holder = self._busy_with
        asked = self._open.values() if holder is None else [holder]
        return min(
            (case for case in asked if case.state is CaseState.UNKNOWN and case.query_due is not None),
            key=lambda case: case.query_due or 0,
            default=None,
        )

    def by_the_clock(self, at: Moment) -> None:
        """One STATUS, if it is due; another only once that has its answer."""
        for each in self._open.values():
            if each.state in NOBODY_KNOWS and each.unknown_since is None:
                each.unknown_since = at.now  # in this process: who made the request knew no more of it before
        if (case := self._next_query()) is not None and case.query_due is not None and case.query_due <= at.now:
            fences = may_fence(case, self._session) and not may_resend(case, self._session, at)
            case.advance(CaseEvent.QUERY)
            case.query_due = None
            self.sends.append((case, m.StatusQuery(reference=case.reference, fence=fences)))

    # -- what people say -----------------------------------------------------------------------------------------------

    def take(self, given: a.MoneyInput, at: Moment) -> None:
        match given:
            case a.Order():
                self._order(given, at)
            case a.Abandon(token):
                for case in self._open.values():
                    if token in case.waiting:
                        case.waiting.remove(token)
            case a.Park():
                self._park(given, at)
            case a.Resolve():
                self._resolve(given)
            case a.AcceptRollback() if self._rollbacks.undecided:
                self._accepting.append((given.token, self._rollbacks))
                self.facts.append(decisions.accepted(self._terminal, given))
            case a.AcceptRollback():
                self._refuse(given.token, a.LaneReason.NOT_OPEN)

    def _order(self, given: a.Order, at: Moment) -> None:
        order, known = given.order, self._find(given.order.reference)
        if known is not None:
            if not known.is_order(order):
                self._refuse(given.token, a.LaneReason.OTHER_ORDER, known)
            elif known.state is CaseState.ENDED:
                self.answers.append(a.Ended(given.token, known.durable))
            elif known.parked:
                self._refuse(given.token, a.LaneReason.PARKED, known)
            else:
                known.waiting.append(given.token)
            return
        holder = self._busy_with
        if holder is not None:
            reason = a.LaneReason.UNKNOWN if holder.state in NOBODY_KNOWS else a.LaneReason.BUSY
            if reason is a.LaneReason.UNKNOWN and self._is_for_people(holder):
                reason = a.LaneReason.FOR_PEOPLE
            self._refuse(given.token, reason, holder)
        elif self._rollbacks.undecided:
            self._refuse(given.token, a.LaneReason.ROLLED_BACK)
        elif self._session is None:
            self._refuse(given.token, a.LaneReason.NOT_CONNECTED)
        elif not at.records:
            self._refuse(given.token, a.LaneReason.NOT_RECORDED)
        else:
            self._begin(given, self._session, at)

    def _begin(self, given: a.Order, session: Told, at: Moment) -> None:
        order = given.order
        intent = decisions.intended(self._terminal, order, session, at)
        deadline = at.uptime + order.patience_ms
        if not order.makes_sense or not at.fits(request_of(intent, deadline)):
            self._refuse(given.token, a.LaneReason.NOT_SPOKEN)
            return
        case = MoneyCase(intent, boot_id=session.boot_id, deadline=deadline, since=at.wall, waiting=[given.token])
        case.beside = given.beside
        self._open[intent.reference] = case
        self.facts += [*given.beside, intent]

    def _park(self, given: a.Park, at: Moment) -> None:
        case = self._open.get(given.reference)
        if case is None or case.parked or case.parking or case.state not in NOBODY_KNOWS:
            self._refuse(given.token, a.LaneReason.NOT_OPEN)
            return
        if not decisions.may_park(case, at):
            self._refuse(given.token, a.LaneReason.TOO_EARLY, case)
            return
        case.parking.append(given.token)
        self.facts.append(decisions.parked(case, given))

    def _resolve(self, given: a.Resolve) -> None:
        case = self._open.get(given.reference)
        if case is None or case.state not in NOBODY_KNOWS:
            self._refuse(given.token, a.LaneReason.NOT_OPEN)
            return
        case.resolving.append(given.token)
        self._end(case, decisions.resolved(case, given), CaseEvent.RESOLVED)

    def _refuse(self, token: int, reason: a.LaneReason, of: MoneyCase | None = None) -> None:
        refusal = a.LaneRefusal(reason) if of is None else a.LaneRefusal(reason, of.reference, of.since)
        self.answers.append(a.Ended(token, refusal=refusal))

    # -- what the disk says --------------------------------------------------------------------------------------------

    def recorded(self, facts: Iterable[Fact], at: Moment) -> None:
        """These stand in the journal."""
        for fact in facts:
            case = self._find(fact.reference) if isinstance(fact, MoneyIntent | MoneyOutcome | MoneyParked) else None
            match fact:
                case MoneyIntent() if case is not None and case.intent == fact and case.state is CaseState.INTENDED:
                    case.advance(CaseEvent.INTENT_DURABLE)
                    self._ask(case, at)
                case MoneyOutcome() if case is not None and case.state in CLOSED:
                    if case.state is CaseState.ENDING:
                        case.advance(CaseEvent.OUTCOME_DURABLE)
                        self._cases.end(case)
                    self.answers += [a.Ended(token, fact) for token in case.outcome_durable(fact)]
                    if fact.learned_by is not LearnedBy.MANUAL and at.fits(m.Confirm(reference=fact.reference)):
                        self.sends.append((case, m.Confirm(reference=fact.reference)))
                case MoneyParked() if case is not None:
                    self._parked(case)
                case MoneyRollbackAccepted() if self._accepting:
                    token, looked_into = self._accepting.pop(0)
                    if self._rollbacks is looked_into:
                        self._rollbacks = looked_into.accepted()
                        self.answers.append(a.Ended(token))
                    else:  # another was found meanwhile, which nobody has looked into
                        self._refuse(token, a.LaneReason.ROLLED_BACK)

    def _ask(self, case: MoneyCase, at: Moment) -> None:
        """The request goes out, if what it was meant for still stands; the customer never has longer than was ordered.

        A terminal whose clock has gone back would else wait, and be waited for, as long as that.
        """
        if not may_send(case, self._session, at):
            self._end(case, without_answer(case.intent, MoneyState.VOIDED, LearnedBy.ERROR), CaseEvent.TOLD)
            return
        case.deadline = min(case.deadline, at.uptime + case.intent.patience_ms)
        self.sends.append((case, request_of(case.intent, case.deadline)))

    def _parked(self, case: MoneyCase) -> None:
        self.answers += [a.Ended(token) for token in case.parking]
        case.parking.clear()
        if case.state in NOBODY_KNOWS:
            case.parked = True
            for token in case.waiting:
                self._refuse(token, a.LaneReason.PARKED, case)
            case.waiting.clear()

    def not_recorded(self, facts: Iterable[Fact]) -> list[Fact]:
        """Those of the facts that are to be recorded later: an intent never is, and its order is refused."""
        kept: list[Fact] = []
        for fact in facts:
            if not isinstance(fact, MoneyIntent):
                if not any(fact is beside for case in self._open.values() for beside in case.beside):
                    kept.append(fact)
                continue
            case = self._open.get(fact.reference)
            if case is not None and case.state is CaseState.INTENDED and case.intent == fact:
                case.advance(CaseEvent.INTENT_NOT_RECORDED)
                del self._open[fact.reference]
                for token in case.waiting:
                    self._refuse(token, a.LaneReason.NOT_RECORDED)
        return kept

    # -- what the line says --------------------------------------------------------------------------------------------

    def begin(self, session: Told, at: Moment) -> None:
        """A session with our terminal stands: what is unknown is asked for at once."""
        self._session = session
        for case in self._open.values():
            if case.state is CaseState.UNKNOWN:
                begin_queries(case, at.now)

    def closed(self, at: Moment) -> None:
        """The session is over."""
        self._session = None
        for case, is_query in self._flight.values():
            self._lose(case, at, is_query=is_query)
        self._flight.clear()
        for case in self._open.values():
            case.query_due = None

    def log_doubted(self, found: Iterable[Fact]) -> None:
        """If the terminal's log was put back, or contradicts itself, then what it does not know proves nothing any more."""
        before = self._rollbacks
        for fact in found:
            if isinstance(fact, LogRolledBack | EventContradicted):
                self._rollbacks = self._rollbacks.found(fact)
        if self._rollbacks != before:
            for case in self._open.values():
                case.doubtful = True

    def sent(self, case: MoneyCase, message: m.MoneyRequest | m.StatusQuery, request_id: int) -> None:
        self._flight[request_id] = (case, isinstance(message, m.StatusQuery))

    def progress(self, request_id: int, stage: m.Stage) -> None:
        case, _ = self._flight.get(request_id, (None, False))
        if case is not None and case.state is CaseState.ASKED:
            case.stage = stage.value

    def answered(self, request_id: int, reply: m.Reply | FailReason, at: Moment) -> bool:
        """The reply to a request of the lane, or why there is none. False where it was not the lane's."""
        case, is_query = self._flight.pop(request_id, (None, False))
        if case is None:
            return False
        first_asked = not is_query and case.state is CaseState.ASKED and not case.asked_again
        match reply:
            case m.Result() | m.StatusReply() if reply.reference == case.reference:
                outcome = by_answer(case.intent, reply)
                if outcome is not None:
                    self._hear(case, outcome)
                elif isinstance(reply, m.StatusReply):
                    self._undecided(case, reply, at)
                else:
                    self._lose(case, at, is_query=is_query)
            case m.Error() | FailReason.REFUSED if first_asked:
                self._end(case, without_answer(case.intent, MoneyState.DECLINED, LearnedBy.ERROR), CaseEvent.TOLD)
            case FailReason.BUSY if first_asked:
                self._end(case, without_answer(case.intent, MoneyState.VOIDED, LearnedBy.ERROR), CaseEvent.TOLD)
            case _:
                self._lose(case, at, is_query=is_query)
        return True

    def result(self, told: m.Result, at: Moment) -> bool:
        """A Result that came as no reply. True where it is of a request of ours and says nothing new against it."""
        case = self._meant(told)
        if case is None:
            asked, is_query = self._flight.get(told.request_id, (None, False))
            if asked is not None and not is_query and asked.state is CaseState.ASKED:
                self._lose(asked, at, is_query=False)  # the answer to it, and of another reference
            return False
        outcome = by_answer(case.intent, told)
        if case.state in SENT:
            if outcome is not None:
                self._hear(case, outcome)
            return True
        return case.state in CLOSED and outcome is not None and case.contradiction(outcome, None) is None

    def contradicted(self, told: m.Result) -> None:
        """Take the word of a Result that `result` found to say otherwise."""
        case = self._meant(told)
        outcome = None if case is None else by_answer(case.intent, told)
        if case is not None and outcome is not None:
            self._hear(case, outcome)

    def transaction(self, told: m.Transaction, epoch: str) -> None:
        """An event of the terminal's log that is about to be recorded; what it makes is recorded after it."""
        for reference in (told.reference, told.original_reference):
            case = self._find(reference)
            outcome = None if case is None else by_log(case.intent, told)
            if case is not None and outcome is not None:
                self._hear(case, outcome, epoch)

    # -- what becomes of it --------------------------------------------------------------------------------------------

    def _hear(self, case: MoneyCase, outcome: MoneyOutcome, epoch: str | None = None) -> None:
        if case.state in SENT:
            if epoch == case.intent.log_epoch:
                case.seen = outcome.event_number or 0
            self._end(case, outcome, CaseEvent.TOLD)
        elif case.state in CLOSED and (otherwise := case.contradiction(outcome, epoch)) is not None:
            case.outcome = otherwise
            self.facts.append(otherwise)

    def _end(self, case: MoneyCase, outcome: MoneyOutcome, event: CaseEvent) -> None:
        case.advance(event)
        case.outcome, case.query_due = outcome, None
        self.facts.append(outcome)

    def _lose(self, case: MoneyCase, at: Moment, *, is_query: bool) -> None:
        """No answer, or none that decides."""
        if is_query and case.state is CaseState.QUERIED:
            case.advance(CaseEvent.UNDECIDED)
            query_later(case, at.now)
        elif not is_query and case.state is CaseState.ASKED:
            case.advance(CaseEvent.LOST)
            if case.unknown_since is None:
                case.unknown_since, case.since = at.now, at.wall
            case.stage = None
            begin_queries(case, at.now)

    def _undecided(self, case: MoneyCase, reply: m.StatusReply, at: Moment) -> None:
        """In progress, or not found: then only a fence in the log that it was asked in says that it never will be."""
        if case.state is not CaseState.QUERIED:
            return
        not_found = reply.state is m.RequestState.NOT_FOUND
        same_log = may_fence(case, self._session) and reply.log_epoch == case.intent.log_epoch
        if not_found and same_log and reply.fenced:
            self._end(case, without_answer(case.intent, MoneyState.VOIDED, LearnedBy.STATUS), CaseEvent.TOLD)
        elif not_found and same_log and may_resend(case, self._session, at):
            case.advance(CaseEvent.ASKED_AGAIN)
            case.asked_again = True
            self._ask(case, at)
        else:
            self._lose(case, at, is_query=True)
