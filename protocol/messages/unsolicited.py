"""What a terminal says unasked, identified by (terminal id, log epoch, number); and its hello when a session begins."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.messages.choices import (
    DeductionCause,
    DepositState,
    DeviceEventKind,
    EntryMode,
    FeeType,
    Outcome,
    Product,
    SettlementMode,
    Severity,
    TransactionKind,
)
from protocol.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One money movement as the terminal logged it. `number` and `at` are the event's; `terminal_time` the transaction's."""

    number: int
    at: int
    reference: str
    kind: TransactionKind
    outcome: Outcome
    amount: Money
    product: Product
    trace: str
    batch: str
    mid: str
    tid: str
    terminal_time: int
    entry_mode: EntryMode
    settlement_mode: SettlementMode
    response_code: str
    """ISO 8583 field 39: `00` approved, `51` insufficient funds, …"""
    scheme: str | None = None
    masked_pan: str | None = None
    card_token: bytes | None = None
    rrn: str | None = None
    auth_code: str | None = None
    mcc: str | None = None
    merchant_name: str | None = None
    operator: str | None = None
    original_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """One fee line. Every transaction has its MDR line, a zero included, so that silence never stands for "no fee".

    amount: what was charged; a correction is negative. transaction: its reference; None for a fee of its own (SIM, service).
    rule: the rule that the acquirer names.
    """

    number: int
    at: int
    type: FeeType
    amount: Money
    transaction: str | None = None
    rule: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEvent:
    """What happened to the device itself."""

    number: int
    at: int
    kind: DeviceEventKind
    severity: Severity
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNotice:
    """A tariff that the acquirer announces; what of it binds is the contract's matter, not the notice's.

    notice: its number with the acquirer. rate_ppm: parts per million of the amount. cap, minimum: of one transaction's fee.
    effective_from, published: ms UTC. text_sha256: of the notice's whole text in UTF-8; text may be its beginning.
    """

    number: int
    at: int
    notice: str
    product: Product
    rate_ppm: int
    effective_from: int
    published: int
    text: str
    text_sha256: bytes
    cap: Money | None = None
    minimum: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """One transaction of a settled batch, as the acquirer counts it. fee: negative where it was given back."""

    kind: TransactionKind
    amount: Money
    fee: Money
    trace: str
    rrn: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One page of what the acquirer settles for a batch; the sums are the batch's and the same on every page.

    date, due_date: the merchant's calendar, `YYYYMMDD`. page counts from 1 to pages. gross: of the sales. carried: brought
    over from earlier batches; credited: what is to reach the account.
    credited = gross − refunds − fees − deductions + adjustments + carried, if the acquirer reckons honestly.
    """

    number: int
    at: int
    batch: str
    date: str
    page: int
    pages: int
    sales_count: int
    refunds_count: int
    gross: Money
    refunds: Money
    fees: Money
    deductions: Money
    adjustments: Money
    carried: Money
    credited: Money
    due_date: str | None = None
    lines: tuple[SettlementLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """One item that a provider takes off a deposit. clause: of the contract, as the provider names it."""

    cause: DeductionCause
    amount: Money
    reason: str
    clause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositUpdate:
    """The provider's word on a deposit's return. amount: to be paid back. documents: those asked for now."""

    number: int
    at: int
    ticket: str
    state: DepositState
    amount: Money
    deductions: tuple[Deduction, ...] = ()
    documents: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalHello:
    """What a terminal says of its log when a session begins, authenticated before anyone acts on it.

    oldest_retained, last_written, last_acknowledged: event numbers of this log epoch. clock: ms UTC. uptime: ms on the
    terminal's clock that never goes back, which deadlines are told in. oldest_unresolved: the reference of its oldest money
    request without an outcome.
    """

    terminal: str
    log_epoch: str
    boot_id: str
    oldest_retained: int
    last_written: int
    last_acknowledged: int
    clock: int
    uptime: int
    simulated: bool
    oldest_unresolved: str | None = None
