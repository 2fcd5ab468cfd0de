"""The kinds of entry that refunds and voids make, beside those of the money lane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar

from agent.journal.meanings import means
from agent.orders import MoneyAction
from protocol.money import Money

# ruff: noqa: RUF009  means() makes a dataclass field


class NoteOf(StrEnum):
    """What is noted of a refund that succeeded."""

    ARRIVED = "arrived"
    """The customer has the money (K_CONFIRMED)."""
    RETURNED = "returned"
    """It came back: the card was closed, or the bank would not take it."""
    DELAYED = "delayed"
    GOODS_RETURNED = "goods_returned"
    SAID = "said"
    """Anything else that was said or heard of it."""


class Delay(StrEnum):
    """Why the money is not there yet (docs/domain.md 2-04); never a judgement on a customer (2-17)."""

    BANK_PROCESSING = "bank_processing"
    BANK_FAULT = "bank_fault"
    HOLIDAY = "holiday"
    ACQUIRER_REVIEW = "acquirer_review"
    CARD_CLOSED = "card_closed"
    OTHER = "other"


class OwedWhy(StrEnum):
    """How a customer was charged what he did not owe (K_OVERCHARGED, docs/domain.md §6)."""

    REFUND_AS_SALE = "refund_as_sale"
    """A refund was keyed as a sale (D20)."""
    AMOUNT_TOO_HIGH = "amount_too_high"
    TAKEN_TWICE = "taken_twice"
    """One purchase was charged twice (D04)."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundConfirmed:
    """A person confirmed a refund or void after its rules were shown: in one commit with the intent."""

    kind: ClassVar[str] = "refund.confirmed"
    reference: str = means("the request's reference, 32 hex digits")
    action: MoneyAction = means("`refund` or `void`")
    sale: str = means("the sale's reference")
    amount: Money = means("what is given back, minor units")
    operator: str = means("who confirmed it")
    second: str | None = means(
        "who confirmed it too, where two are needed; the same again in a shop of one person", None
    )
    fee_back_minor: int | None = means("of the sale's fee this brings back, by the contract; absent: not known", None)
    refund_fee_minor: int | None = means("what the refund costs by the contract; absent: it names no such fee", None)
    goods_returned: date | None = means("the local date on which the goods came back", None)
    reason: str | None = means("why, in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused:
    """The rules or the terminal refused a refund or void: nothing was sent."""

    kind: ClassVar[str] = "refund.refused"
    reference: str = means("the request's reference")
    sale: str = means("what was named as the sale; cut to 32 signs")
    amount: Money | None = means("what was to be given back, minor units; absent: the whole", None)
    reasons: tuple[str, ...] = means("codes, as docs/refunds.md lists them")
    operator: str | None = means("who asked", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNoted:
    """Something became of a refund after it succeeded, or was said of it."""

    kind: ClassVar[str] = "refund.noted"
    reference: str = means("the refund's reference")
    what: NoteOf = means("`arrived`, `returned`, `delayed`, `goods_returned` or `said`")
    on: date = means("the local date of it")
    operator: str = means("who noted it")
    delay: Delay | None = means("of `delayed`: why", None)
    note: str | None = means("in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOwed:
    """A customer was charged what he did not owe: the case ends once so much of that sale went back by its own way."""

    kind: ClassVar[str] = "refund.owed"
    sale: str = means("the reference of the sale that charged it")
    amount: Money = means("what is owed to the customer, minor units")
    why: OwedWhy = means("`refund_as_sale`, `amount_too_high`, `taken_twice` or `other`")
    operator: str = means("who noted it")
    before_minor: int = means("what of that sale had gone back before, minor units")
    finding: str | None = means("the name of the finding that shows it", None)
    note: str | None = means("in that person's words", None)


RefundFact = RefundConfirmed | RefundRefused | RefundNoted | RefundOwed
KINDS: dict[str, type] = {fact.kind: fact for fact in RefundFact.__args__}
PRIVATE: dict[type, frozenset[str]] = {
    RefundConfirmed: frozenset({"reason"}),
    RefundNoted: frozenset({"note"}),
    RefundOwed: frozenset({"note"}),
}
