"""The kinds of entry that the money lane makes (docs/protocol.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.journal.meanings import means
from agent.orders import LearnedBy, MoneyAction, MoneyState
from protocol.money import Money

# ruff: noqa: RUF009  means() makes a dataclass field


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyIntent:
    """A money request is about to go out: durable before its first byte leaves."""

    kind: ClassVar[str] = "money.intent"
    terminal: str = means("the terminal's id")
    reference: str = means("the request's reference, 32 hex digits: its name for ever")
    action: MoneyAction = means("`sale`, `refund` or `void`")
    amount: Money | None = means("amount asked for, minor units; absent for a void of the whole")
    original_reference: str | None = means("reference of what is refunded or voided")
    original_trace: str | None = means("its trace, for terminals that know it by nothing else")
    operator: str | None = means("who ordered it")
    log_epoch: str = means("the epoch of the terminal's log then; empty where its protocol knows none")
    last_event: int = means("the terminal's last event number known then")
    patience_ms: int = means("how long the customer may take, ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyOutcome:
    """How a money request ended; of several under one reference the last holds."""

    kind: ClassVar[str] = "money.outcome"
    terminal: str = means("the terminal's id")
    reference: str = means("the request's reference")
    state: MoneyState = means("`approved`, `declined` or `voided` (taken back, or never done)")
    learned_by: LearnedBy = means("`result`, `status`, `transaction`, `error` or `manual`")
    amount: Money | None = means("what the terminal says it was, minor units", None)
    differs: bool | None = means("whether an approved one's amount, currency or kind are not those asked for", None)
    response_code: str | None = means("ISO 8583 field 39", None)
    trace: str | None = means("system trace audit number (STAN)", None)
    batch: str | None = means("batch number", None)
    rrn: str | None = means("retrieval reference number", None)
    auth_code: str | None = means("authorisation code", None)
    event_number: int | None = means("number of its transaction in the terminal's log", None)
    contradicts: MoneyState | None = means("what the outcome recorded before under this reference had said", None)
    operator: str | None = means("who resolved it by hand", None)
    reason: str | None = means("why, in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyParked:
    """A money request without an outcome was put aside: the lane is free, its amount stays reserved."""

    kind: ClassVar[str] = "money.parked"
    terminal: str = means("the terminal's id")
    reference: str = means("the request's reference")
    operator: str = means("who put it aside")
    reason: str | None = means("why, in that person's words")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRollbackAccepted:
    """Somebody looked into a log that was put back or contradicts itself: money requests may go out again."""

    kind: ClassVar[str] = "money.rollback_accepted"
    terminal: str = means("the terminal's id")
    operator: str = means("who decided")
    reason: str | None = means("why, in that person's words")


MoneyFact = MoneyIntent | MoneyOutcome | MoneyParked | MoneyRollbackAccepted
