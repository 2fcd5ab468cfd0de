"""One money request, from its intent to its outcome: the table of its states, and what the terminal's words make of it.

docs/protocol.md §4 has the rules. Nothing here knows a clock, a line or a disk; `agent.lane` drives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agent.journal.kinds import EventContradicted, Fact, LogRolledBack
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.orders import LearnedBy, MoneyOrder, MoneyState
from protocol.transitions import Table


class CaseState(StrEnum):
    INTENDED = "intended"
    """The intent is on its way to the disk."""
    ASKED = "asked"
    """The request is on the line, or the terminal at work on it."""
    UNKNOWN = "unknown"
    """Nobody here knows what became of it."""
    QUERIED = "queried"
    """A STATUS is on the line."""
    ENDING = "ending"
    """The outcome is on its way to the disk."""
    ENDED = "ended"
    REFUSED = "refused"
    """The intent could not be written: nothing was sent, nothing is left behind."""


class CaseEvent(StrEnum):
    INTENT_DURABLE = "intent_durable"
    INTENT_NOT_RECORDED = "intent_not_recorded"
    TOLD = "told"
    """RESULT, STATUS or TRANSACTION with our reference said how it ended, or an Error that it was not taken."""
    LOST = "lost"
    """The session ended, the wait is over, or the answer was none."""
    QUERY = "query"
    UNDECIDED = "undecided"
    """In progress; not found and not fenced; another log's word; no answer at all."""
    ASKED_AGAIN = "asked_again"
    """Not found, and whoever ordered it still waits within its deadline: the same reference goes out again."""
    RESOLVED = "resolved"
    """By a person, with a reason."""
    OUTCOME_DURABLE = "outcome_durable"


_S, _E = CaseState, CaseEvent
TABLE: Table[CaseState, CaseEvent] = Table(
    "money request",
    _S.INTENDED,
    {
        (_S.INTENDED, _E.INTENT_DURABLE): _S.ASKED,
        (_S.INTENDED, _E.INTENT_NOT_RECORDED): _S.REFUSED,
        (_S.ASKED, _E.TOLD): _S.ENDING,
        (_S.ASKED, _E.LOST): _S.UNKNOWN,
        (_S.UNKNOWN, _E.QUERY): _S.QUERIED,
        (_S.UNKNOWN, _E.TOLD): _S.ENDING,
        (_S.UNKNOWN, _E.RESOLVED): _S.ENDING,
        (_S.QUERIED, _E.TOLD): _S.ENDING,
        (_S.QUERIED, _E.UNDECIDED): _S.UNKNOWN,
        (_S.QUERIED, _E.ASKED_AGAIN): _S.ASKED,
        (_S.QUERIED, _E.RESOLVED): _S.ENDING,
        (_S.ENDING, _E.OUTCOME_DURABLE): _S.ENDED,
    },
)
NOBODY_KNOWS = (CaseState.UNKNOWN, CaseState.QUERIED)
SENT = (CaseState.ASKED, *NOBODY_KNOWS)
"""Where the first word of its end is taken; before, the terminal cannot have heard of it."""
CLOSED = (CaseState.ENDING, CaseState.ENDED)


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A money request without an outcome, as the journal holds it.

    parked: it was put aside. at: the time of its intent's entry (ms UTC). doubtful: the terminal's log was put back since,
    so that its "not found" proves nothing.
    """

    intent: MoneyIntent
    parked: bool = False
    at: int = 0
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """Whether the terminal's log is believed. undecided: it was put back or contradicts itself, and nobody accepted that.

    known: the rollbacks found so far; one that was accepted explains what is told in other words below its end.
    """

    undecided: bool = False
    known: tuple[LogRolledBack, ...] = ()

    def found(self, fact: LogRolledBack | EventContradicted) -> Rollbacks:
        """What a new finding makes of it; nothing, where one that was accepted explains it."""
        if isinstance(fact, LogRolledBack):
            if any(by.covers(fact) for by in self.known):
                return self
            return Rollbacks(True, (*self.known, fact))
        number, epoch = fact.event.number or 0, (fact.event.terminal, fact.event.log_epoch)
        if any((by.terminal, by.log_epoch) == epoch and number <= by.journal_has for by in self.known):
            return self
        return Rollbacks(True, self.known)

    def accepted(self) -> Rollbacks:
        return Rollbacks(False, self.known)


@dataclass(frozen=True, slots=True)
class EndedIntent:
    """A money request and its last outcome."""

    intent: MoneyIntent
    outcome: MoneyOutcome


@dataclass(frozen=True, slots=True)
class MoneyHistory:
    """What the journal says of money requests, oldest first. rollbacks: of the terminal's log."""

    intents: tuple[OpenIntent, ...] = ()
    ended: tuple[EndedIntent, ...] = ()
    rollbacks: Rollbacks = Rollbacks()


def history(entries: Iterable[tuple[int, Fact]]) -> MoneyHistory:
    """Fold over (time in ms UTC, fact) in journal order; facts of other kinds than these may be left out.

    An intent recorded twice, as after a commit that was said to have failed, is one.
    """
    opened: dict[str, OpenIntent] = {}
    ended: dict[str, EndedIntent] = {}
    rollbacks = Rollbacks()
    for at, fact in entries:
        match fact:
            case MoneyIntent(reference=reference):
                ended.pop(reference, None)
                opened[reference] = OpenIntent(fact, at=at)
            case MoneyParked(reference=reference) if reference in opened:
                opened[reference] = replace(opened[reference], parked=True)
            case MoneyOutcome(reference=reference) if reference in opened:
                ended[reference] = EndedIntent(opened.pop(reference).intent, fact)
            case MoneyOutcome(reference=reference) if reference in ended:
                ended[reference] = EndedIntent(ended[reference].intent, fact)
            case LogRolledBack() | EventContradicted():
                if rollbacks != (rollbacks := rollbacks.found(fact)):
                    opened = {name: replace(each, doubtful=True) for name, each in opened.items()}
            case MoneyRollbackAccepted():
                rollbacks = rollbacks.accepted()
    return MoneyHistory(tuple(opened.values()), tuple(ended.values()), rollbacks)


@dataclass(slots=True)
class MoneyCase:
    """One request at work. Times are ms that never go back, `since` apart (ms UTC).

    outcome: the last word of its end; durable: the last one in the journal, which is what people are told.
    waiting: tokens of whoever ordered it and still waits; resolving, parking: of those who decide about it. beside:
    recorded with its intent. deadline: on the terminal's clock, of that boot; 0, and so over, where another process made
    the request. seen: the highest number of an event of the terminal's log that spoke of it. unknown_since: as far as this
    process knows.
    """

    intent: MoneyIntent
    state: CaseState = TABLE.start
    outcome: MoneyOutcome | None = None
    durable: MoneyOutcome | None = None
    parked: bool = False
    doubtful: bool = False
    boot_id: str | None = None
    deadline: int = 0
    asked_again: bool = False
    since: int = 0
    unknown_since: int | None = None
    queried_since: int = 0
    query_due: int | None = None
    query_wait: int = 0
    seen: int = 0
    stage: str | None = None
    waiting: list[int] = field(default_factory=list)
    resolving: list[int] = field(default_factory=list)
    parking: list[int] = field(default_factory=list)
    beside: tuple[Fact, ...] = ()

    @property
    def reference(self) -> str:
        return self.intent.reference

    def outcome_durable(self, outcome: MoneyOutcome) -> list[int]:
        """Tokens of all who are to be told it now. What the terminal has said since is not durable, and not told."""
        self.durable = outcome
        tokens = [*self.waiting, *self.resolving]
        self.waiting.clear()
        self.resolving.clear()
        return tokens

    def advance(self, event: CaseEvent) -> None:
        """Raises IllegalEvent."""
        self.state = TABLE.advance(self.state, event)

    def is_order(self, order: MoneyOrder) -> bool:
        """The same request again, whoever orders it."""
        intent = self.intent
        told = (order.action, order.amount, order.original_reference, order.original_trace)
        return told == (intent.action, intent.amount, intent.original_reference, intent.original_trace)

    def contradiction(self, told: MoneyOutcome, epoch: str | None) -> MoneyOutcome | None:
        """The outcome that a later word makes, where it says otherwise than the one recorded; else None.

        The terminal's log is its last word: what it said once only a later event of it overturns. epoch: of the log that
        speaks.
        """
        held = self.outcome
        if held is None:
            return None
        by_log = told.learned_by is LearnedBy.TRANSACTION
        number = told.event_number or 0
        if epoch == self.intent.log_epoch and by_log:
            if number < self.seen:
                return None  # told again
            self.seen = number
        elif held.learned_by is LearnedBy.TRANSACTION and not by_log:
            return None
        amount = held.amount or self.intent.amount  # a person's word names none: what was asked
        same = None in {told.amount, amount} or told.amount == amount
        nothing_new = same and bool(told.differs) <= bool(held.differs)  # else another kind, of the same amount
        if told.state is held.state and (nothing_new or told.state is not MoneyState.APPROVED):
            return None
        return replace(told, contradicts=held.state)


def case_of(known: OpenIntent | EndedIntent) -> MoneyCase:
    """As another process left it: never sent again."""
    if isinstance(known, OpenIntent):
        case = MoneyCase(known.intent, CaseState.UNKNOWN, parked=known.parked, since=known.at)
        case.doubtful = known.doubtful
        return case
    case = MoneyCase(known.intent, CaseState.ENDED, known.outcome, durable=known.outcome)
    if known.outcome.learned_by is LearnedBy.TRANSACTION:
        case.seen = known.outcome.event_number or 0
    return case
