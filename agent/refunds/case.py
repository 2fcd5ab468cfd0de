"""One refund or void, folded from the journal's entries: the states of docs/refunds.md, table and all. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked
from agent.orders import LearnedBy, MoneyState
from agent.refunds.refund_kinds import NoteOf, RefundConfirmed, RefundNoted
from protocol.transitions import Table


class RefundState(StrEnum):
    CONFIRMED = "confirmed"
    """A person has confirmed it; its intent is not seen yet."""
    SENT = "sent"
    """Its intent is durable: the request may be with the terminal, and within its time."""
    UNKNOWN = "unknown"
    """Its time is over, and nobody here knows what became of it: the terminal is asked. Its amount counts as given back."""
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    VOIDED = "voided"
    """Begun and taken back, or never begun: no money moved."""
    SETTLED = "settled"
    """Its batch is settled."""
    ARRIVED = "arrived"
    """The customer has it."""
    RETURNED = "returned"
    """It came back: a new case for whoever looks after it."""
    CONFLICT = "conflict"
    """A person had said how it ended, and the terminal says otherwise since."""


class RefundEvent(StrEnum):
    INTENT = "intent"
    TIME_OVER = "time_over"
    APPROVED = "approved"
    DECLINED = "declined"
    VOIDED = "voided"
    PARKED = "parked"
    CONTRADICTED = "contradicted"
    SETTLEMENT = "settlement"
    ARRIVED = "arrived"
    RETURNED = "returned"


_S, _E = RefundState, RefundEvent
_ENDS = {_E.APPROVED: _S.SUCCEEDED, _E.DECLINED: _S.DECLINED, _E.VOIDED: _S.VOIDED}
_OPEN = (_S.SENT, _S.UNKNOWN, _S.PARKED)
_BY_LATER = {
    (state, event): end
    for state in (*_ENDS.values(), _S.SETTLED, _S.ARRIVED, _S.RETURNED, _S.CONFLICT)
    for event, end in _ENDS.items()
}
"""The last word holds, whatever the one before it was (docs/protocol.md §4)."""
TABLE: Table[RefundState, RefundEvent] = Table(
    "refund",
    _S.CONFIRMED,
    {
        (_S.CONFIRMED, _E.INTENT): _S.SENT,
        (_S.SENT, _E.TIME_OVER): _S.UNKNOWN,
        (_S.SENT, _E.PARKED): _S.PARKED,
        (_S.UNKNOWN, _E.PARKED): _S.PARKED,
        **{(state, event): end for state in _OPEN for event, end in _ENDS.items()},
        **_BY_LATER,
        **{(end, _E.CONTRADICTED): _S.CONFLICT for end in (*_ENDS.values(), _S.SETTLED, _S.ARRIVED, _S.RETURNED)},
        (_S.SUCCEEDED, _E.SETTLEMENT): _S.SETTLED,
        (_S.SUCCEEDED, _E.ARRIVED): _S.ARRIVED,
        (_S.SETTLED, _E.ARRIVED): _S.ARRIVED,
        (_S.SUCCEEDED, _E.RETURNED): _S.RETURNED,
        (_S.SETTLED, _E.RETURNED): _S.RETURNED,
        (_S.ARRIVED, _E.RETURNED): _S.RETURNED,
    },
)
SLACK_MS = 70_000
"""Beyond the customer's time: the host's time-out and ten seconds (docs/protocol.md §4)."""
GONE = frozenset({_S.DECLINED, _S.VOIDED, _S.RETURNED})
"""Where its amount is with the merchant; in every other state it counts as given back."""
HAPPENED = frozenset({_S.SUCCEEDED, _S.SETTLED, _S.ARRIVED})
ASKED_ABOUT = frozenset({_S.SENT, _S.UNKNOWN, _S.PARKED})


@dataclass(frozen=True, slots=True)
class RefundCase:
    """at: of the confirmation (ms UTC). until: when its time is over (ms UTC). ended: when its outcome was recorded."""

    confirmed: RefundConfirmed
    at: int
    state: RefundState = TABLE.start
    outcome: MoneyOutcome | None = None
    until: int = 0
    ended: int = 0
    notes: tuple[RefundNoted, ...] = field(default=())

    @property
    def reference(self) -> str:
        return self.confirmed.reference

    @property
    def goods_returned(self) -> date | None:
        said = [note.on for note in self.notes if note.what is NoteOf.GOODS_RETURNED]
        return said[-1] if said else self.confirmed.goods_returned

    def _to(self, event: RefundEvent) -> RefundCase:
        return replace(self, state=TABLE.advance(self.state, event))

    def after(self, fact: MoneyIntent | MoneyOutcome | MoneyParked | RefundNoted, at: int) -> RefundCase:
        """Raises IllegalEvent for what cannot come now."""
        match fact:
            case MoneyIntent():
                return replace(self._to(_E.INTENT), until=at + fact.patience_ms + SLACK_MS)
            case MoneyParked():  # recorded twice, or after the outcome that came meanwhile, it says nothing
                return self._to(_E.PARKED) if self.state is _S.SENT else self
            case MoneyOutcome():
                by_hand = self.outcome is not None and self.outcome.learned_by is LearnedBy.MANUAL
                event = _EVENTS[fact.state]
                if by_hand and fact.contradicts is not None:
                    event = _E.CONTRADICTED
                return replace(self._to(event), outcome=fact, ended=at)
        noted = replace(self, notes=(*self.notes, fact))
        become = {NoteOf.ARRIVED: _E.ARRIVED, NoteOf.RETURNED: _E.RETURNED}.get(fact.what)
        return noted if become is None else noted._to(become)

    def settled(self, batch: str) -> RefundCase:
        """That batch is settled."""
        if self.state is _S.SUCCEEDED and self.outcome is not None and self.outcome.batch == batch:
            return self._to(_E.SETTLEMENT)
        return self

    def seen(self, now: int) -> RefundState:
        """Its state at a moment (ms UTC)."""
        if self.state is _S.SENT and now > self.until:
            return TABLE.advance(self.state, _E.TIME_OVER)
        return self.state

    @property
    def spent_minor(self) -> int:
        """What of the sale is not with the merchant any more, or perhaps not."""
        if self.state in GONE:
            return 0
        told = None if self.outcome is None or self.state not in HAPPENED else self.outcome.amount
        return self.confirmed.amount.minor if told is None else told.minor


_EVENTS = {
    MoneyState.APPROVED: _E.APPROVED,
    MoneyState.DECLINED: _E.DECLINED,
    MoneyState.VOIDED: _E.VOIDED,
}
