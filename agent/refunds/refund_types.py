"""What crosses between screens, commands and the record's owner about money back; `agent.views` hands these on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agent.orders import MoneyAction
from agent.refunds.refund_kinds import Delay, NoteOf, OwedWhy
from protocol.money import Money


class Reason(StrEnum):
    """Why money is not given back (docs/refunds.md has the words, and what would change it)."""

    AMOUNT = "amount"
    CURRENCY = "currency"
    ORIGINAL_NOT_HERE = "original_not_here"
    NOT_A_SALE = "not_a_sale"
    NOT_APPROVED = "not_approved"
    VOIDED = "voided"
    NOTHING_LEFT = "nothing_left"
    OVER_REMAINING = "over_remaining"
    WINDOW_CLOSED = "window_closed"
    TIMES = "times"
    FUNDING = "funding"
    NO_VOID = "no_void"
    NOT_SPOKEN = "not_spoken"
    OTHER_ORDER = "other_order"
    NO_PEOPLE = "no_people"
    NO_PERSON = "no_person"
    ROLE = "role"
    SECOND_PERSON = "second_person"
    SECOND_REASON = "second_reason"
    OPERATOR_DAY = "operator_day"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """reference: 32 hex digits, of this request alone, for ever. sale: its reference, or a unique beginning. amount: None
    for all that is left. action: None where the rules choose between refund and void."""

    reference: str
    sale: str
    amount: Money | None = None
    action: MoneyAction | None = None
    goods_returned: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """What would be done, and what it would do. reasons: why it is not, empty where it may be (people's codes left out).

    why: `same_batch_whole`, `part`, `batch_closed`, `other_day`, `spent_before`, `terminal` or `asked`, of void or
    refund. fee_back_minor: of the sale's fee this brings back, None where that is not known; refund_fee_minor: what it
    costs, None where the contract names no such fee. persons: how many confirm it; manager: one of them is a manager.
    arrives_days: usual working days until the customer has it, from and to. window_days: how many are left of it.
    """

    reference: str
    sale: str
    action: str
    amount_minor: int
    currency: int
    sale_minor: int
    remaining_minor: int
    reasons: tuple[str, ...]
    why: str
    fee_back_minor: int | None
    refund_fee_minor: int | None
    persons: int
    manager: bool
    window_days: int
    arrives_days: tuple[int, int]
    same_day_funds: bool = False
    """The sale was settled at once (T+0, D+0): its money is gone from the day's takings."""


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund or void as the journal has it. state: of docs/refunds.md. at: of its confirmation (ms UTC). due: the local
    date by which the customer usually has it, None before it succeeded. late: that is over and nobody noted that it
    arrived.
    """

    reference: str
    sale: str
    action: str
    state: str
    amount_minor: int
    currency: int
    at: int
    operator: str
    second: str | None = None
    fee_back_minor: int | None = None
    refund_fee_minor: int | None = None
    goods_returned: date | None = None
    reason: str | None = None
    response_code: str | None = None
    rrn: str | None = None
    trace: str | None = None
    due: date | None = None
    late: bool = False
    delay: str | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class OweCustomer:
    """sale: the charge's reference, or a unique beginning. amount: None for all of it that did not go back yet."""

    sale: str
    why: OwedWhy
    amount: Money | None = None
    finding: str = ""
    note: str = ""


class OwedState(StrEnum):
    OPEN = "open"
    UNDER_WAY = "under_way"
    """A refund or void of it has no known end yet."""
    REPAID = "repaid"


@dataclass(frozen=True, slots=True)
class OwedView:
    """What a customer is owed of one sale. at: when it was noted (ms UTC). repaid_minor: what went back since."""

    sale: str
    state: OwedState
    amount_minor: int
    repaid_minor: int
    currency: int
    why: OwedWhy
    at: int
    operator: str
    finding: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedView:
    """at: ms UTC. amount_minor: None where the whole was asked for. reasons: codes of docs/refunds.md."""

    at: int
    reference: str
    sale: str
    amount_minor: int | None
    currency: int | None
    reasons: tuple[str, ...]
    operator: str | None


@dataclass(frozen=True, slots=True)
class RefundDay:
    """Of one local date what was confirmed and what was refused; open: of whatever date, what wants a person now: no known
    end, late, contradicted. owed: what customers are still owed."""

    day: date
    refunds: tuple[RefundView, ...]
    refused: tuple[RefusedView, ...]
    open: tuple[RefundView, ...]
    owed: tuple[OwedView, ...]


@dataclass(frozen=True, slots=True)
class NoteRefund:
    reference: str
    what: NoteOf
    on: date | None = None
    delay: Delay | None = None
    note: str = ""
