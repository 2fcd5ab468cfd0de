"""What else a contract says, and what the merchant knows, that an audit needs (docs/domain.md §4, the inputs): entries all.

Dates are the merchant's calendar; amounts minor units of the currency beside them. Of one kind the last that began by a date
holds on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar

from agent.journal.meanings import means
from protocol.messages import FeeType, SettlementMode
from protocol.money import Money

# ruff: noqa: RUF009  means() makes a dataclass field


class FeesTaken(StrEnum):
    """How fees are paid."""

    NET = "NET"
    """Out of the settlement."""
    INVOICED = "INVOICED"
    """By an invoice of their own; a settlement is gross."""


class Per(StrEnum):
    """How often a listed fee may be taken."""

    TRANSACTION = "transaction"
    ONCE = "once"
    MONTH = "month"
    YEAR = "year"


class TicketAbout(StrEnum):
    """What a ticket with the provider is about."""

    FAULT = "fault"
    SUPPORT = "support"
    REPLACEMENT = "replacement"
    STOPPED_USE = "stopped_use"
    """The merchant stopped using the device on that date."""


class CostClass(StrEnum):
    """硬件费用、服务费、交易手续费、其他费用 (docs/domain.md 3-01)."""

    HARDWARE = "hardware"
    SERVICE = "service"
    TRANSACTION = "transaction"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Whom the provider has registered, with what device: the key of the tariff, and what every slip must show."""

    kind: ClassVar[str] = "contract.registered"
    valid_from: date = means("first local date of it")
    provider: str | None = means("the acquirer's full legal name", None)
    contract_ref: str | None = means("the contract's number", None)
    device_model: str | None = means("the device model", None)
    signup_channel: str | None = means("signed up `online` or at a `store`", None)
    mcc_class: str | None = means("the merchant's class, where a tariff is keyed by one", None)
    size: str | None = means("the merchant's size, where a tariff is keyed by it", None)
    region: str | None = means("where, where a tariff is keyed by it", None)
    serial_number: str | None = means("the device's serial number", None)
    mid: str | None = means("merchant id", None)
    tid: str | None = means("terminal id at the acquirer", None)
    mcc: str | None = means("merchant category code (ISO 18245)", None)
    merchant_name: str | None = means("the shop's name as slips are to show it", None)
    source: str = means("where it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTerms:
    """What the SIM card costs."""

    kind: ClassVar[str] = "contract.sim"
    activated: date = means("local date of its activation")
    free_days: int = means("so many days cost nothing")
    period_days: int = means("then one fee every so many days")
    amount_minor: int = means("one fee, minor units")
    currency: int = means("ISO 4217 numeric code")
    source: str = means("where it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementTerms:
    """When and how the money comes."""

    kind: ClassVar[str] = "contract.settlement"
    valid_from: date = means("first local date of it")
    mode: SettlementMode = means("`T0`, `D0`, `T1` or `D1`: T counts working days, D calendar days")
    cut_off: str | None = means("local time HH:MM; what is sold later belongs to the next day; absent: midnight", None)
    fees: FeesTaken = means("`NET` or `INVOICED`", FeesTaken.NET)
    t0_agreed: bool = means("whether the merchant asked for T+0")
    source: str = means("where it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """When the shop is open, by weekday."""

    kind: ClassVar[str] = "contract.hours"
    valid_from: date = means("first local date of it")
    days: tuple[str, ...] = means(
        "Monday to Sunday: `HH:MM-HH:MM` (an end before the beginning is after midnight) or `closed`"
    )
    source: str = means("where it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFee:
    """A fee of its own that the contract or the provider's published list names (条例 art 34: no other may be taken)."""

    kind: ClassVar[str] = "contract.listed_fee"
    type: FeeType = means("which type of fee line")
    name: str = means("what the list calls it")
    amount_minor: int | None = means("how much at most, minor units", None)
    rate_ppm: int | None = means("or how much of the amount at most, ppm", None)
    per: Per = means("how often: `transaction`, `once`, `month` or `year`")
    currency: int = means("ISO 4217 numeric code")
    valid_from: date = means("first local date of it")
    source: str = means("where it stands")


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingElseAgreed:
    """The merchant's own word: nothing but what this record holds was agreed, by no click in any app."""

    kind: ClassVar[str] = "contract.nothing_else_agreed"
    valid_from: date = means("since which local date")
    operator: str = means("who says so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Something that was reported to the provider, or asked of it; told again with `closed` once it ended."""

    kind: ClassVar[str] = "ticket.noted"
    ticket: str = means("its number, the provider's or ours")
    about: TicketAbout = means("`fault`, `support`, `replacement` or `stopped_use`")
    opened: date = means("local date")
    closed: date | None = means("local date; absent: still open", None)
    operator: str = means("who noted it")
    note: str | None = means("in that person's words", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankCredit:
    """What the bank says has reached the account: typed by a person, or a line of the bank's own file."""

    kind: ClassVar[str] = "bank.credited"
    on: date = means("local date of the booking")
    amount: Money = means("how much, minor units")
    batch: str | None = means("the batch it is for, where known", None)
    account: str | None = means("the account's last four digits", None)
    proof_sha256: bytes | None = means("SHA-256 of the bank's paper or file", None)
    source: str = means("`typed`, or the file's name")
    line: int | None = means("line of that file", None)
    operator: str | None = means("who entered it", None)
    note: str | None = means("the bank's text", None)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a provider's statement. fee: None where the file has no such column; credited: what it says was paid."""

    line: int
    kind: str
    on: date
    amount_minor: int
    fee_minor: int | None = None
    net_minor: int | None = None
    time: str | None = None
    rrn: str | None = None
    trace: str | None = None
    batch: str | None = None
    product: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPage:
    """Some lines of a provider's file, whole files in one commit."""

    kind: ClassVar[str] = "statement.page"
    provider: str = means("whose mapping read it")
    file: str = means("the file's name")
    file_sha256: bytes = means("SHA-256 of the file")
    page: int = means("from 1")
    pages: int = means("how many pages the file makes")
    first: date = means("first date in the file")
    last: date = means("last date in the file")
    currency: int = means("ISO 4217 numeric code of its amounts")
    lines: tuple[StatementLine, ...] = means(
        "the lines: `line` of the file, `kind`, `on`, `amount_minor`, `fee_minor`, `net_minor`, `time`, `rrn`, `trace`, "
        "`batch`, `product`, `reference`"
    )
    operator: str | None = means("who brought it in", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the shop paid for taking cards, beside the fees that the terminal tells of (docs/domain.md 3-01, 3-03)."""

    kind: ClassVar[str] = "cost.noted"
    cost_class: CostClass = means("`hardware`, `service`, `transaction` or `other`")
    on: date = means("local date of the payment")
    amount: Money = means("how much, minor units")
    payee: str | None = means("to whom", None)
    method: str | None = means("how it was paid: `bank`, `online`, `cash`, `deducted`", None)
    receipt_sha256: bytes | None = means("SHA-256 of the receipt", None)
    operator: str = means("who noted it")
    note: str | None = means("what for", None)
