"""What the two ends tell each other, as frozen dataclasses: the vocabulary of every dialect.

Units: amounts are `Money` (minor units), times are milliseconds UTC since 1970 (`at`, `*_time`), event numbers count from 1
within one log epoch of a terminal. References are 32 hexadecimal digits (a UUIDv7 where the agent makes them).
Text is NFC and bounded; the bounds stand with the tags in `protocol.dialects.native.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.money import Money


class TransactionKind(StrEnum):
    SALE = "sale"
    VOID = "void"
    """撤销: same day and batch, whole amount, before clearing."""
    REFUND = "refund"
    """退货: later, partial and repeated, cleared on its own."""
    PRE_AUTH = "pre_auth"
    PRE_AUTH_COMPLETION = "pre_auth_completion"
    REVERSAL = "reversal"
    """冲正: the terminal takes back what it has no outcome of."""


class Outcome(StrEnum):
    APPROVED = "approved"
    DECLINED = "declined"


class Product(StrEnum):
    """The classes that tariffs tell apart (docs/domain.md §3)."""

    CREDIT = "credit"
    DEBIT = "debit"
    QR_WALLET = "qr_wallet"
    QR_CREDIT = "qr_credit"
    QR_UNIONPAY = "qr_unionpay"
    FOREIGN_CARD = "foreign_card"
    PREPAID = "prepaid"


class EntryMode(StrEnum):
    CHIP = "chip"
    CONTACTLESS = "contactless"
    MAGSTRIPE = "magstripe"
    MANUAL = "manual"
    QR_MERCHANT_SCANS = "qr_merchant_scans"
    """被扫: the terminal reads the customer's code."""
    QR_CUSTOMER_SCANS = "qr_customer_scans"
    """主扫: the customer reads the terminal's code."""


class SettlementMode(StrEnum):
    T0 = "T0"
    D0 = "D0"
    T1 = "T1"
    D1 = "D1"


class FeeType(StrEnum):
    MDR = "mdr"
    T0 = "t0"
    SIM = "sim"
    SERVICE = "service"
    REFUND_FEE = "refund_fee"
    DEPOSIT_DEDUCTION = "deposit_deduction"
    OTHER = "other"


class DeviceEventKind(StrEnum):
    REBOOT = "reboot"
    FAULT = "fault"
    TAMPER = "tamper"
    FIRMWARE_CHANGED = "firmware_changed"
    SERIAL_CHANGED = "serial_changed"
    MERCHANT_CHANGED = "merchant_changed"


class Severity(StrEnum):
    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"


class ErrorCode(StrEnum):
    NOT_UNDERSTOOD = "not_understood"
    NOT_SUPPORTED = "not_supported"
    OUT_OF_BOUNDS = "out_of_bounds"
    NOT_NOW = "not_now"


# Unsolicited, terminal to agent: identified by (terminal id, log epoch, number).


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


# Requests, agent to terminal, and their replies. The conversation sets request_id; 0 is "not yet sent".


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAck:
    """Every event up to this number is durable under a signed head. No reply."""

    up_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Send the events again from this number on. A terminal sends none in a session before it was asked."""

    start: int
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReply:
    """What the terminal's log holds: numbers oldest_retained..last_written (the last is the oldest − 1 when empty)."""

    oldest_retained: int
    last_written: int
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfoQuery:
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """What the terminal says of itself. clock: ms UTC."""

    serial_number: str
    model: str
    firmware: str
    mid: str
    tid: str
    clock: int
    merchant_name: str | None = None
    mcc: str | None = None
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadGet:
    """Ask for the journal head that the terminal remembers: the first exchange of every session."""

    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPut:
    """Give the terminal the journal's last signed checkpoint to remember. Refused below the stored size of one origin."""

    checkpoint: str
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReply:
    """The checkpoint that the terminal holds after the request, or None; accepted is False where a HEAD_PUT was refused."""

    checkpoint: str | None = None
    accepted: bool = True
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """A request that cannot be taken. tag: the offending field's number, 0 if none."""

    code: ErrorCode
    tag: int = 0
    request_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalHello:
    """What a terminal says of its log when a session begins, authenticated before anyone acts on it.

    oldest_retained, last_written, last_acknowledged: event numbers of this log epoch. clock: ms UTC. oldest_unresolved: the
    reference of its oldest money request without an outcome.
    """

    terminal: str
    log_epoch: str
    boot_id: str
    oldest_retained: int
    last_written: int
    last_acknowledged: int
    clock: int
    simulated: bool
    oldest_unresolved: str | None = None


UnsolicitedEvent = Transaction | Fee | DeviceEvent
Request = Sync | DeviceInfoQuery | HeadGet | HeadPut
Reply = SyncReply | DeviceInfo | HeadReply | Error
Message = UnsolicitedEvent | EventAck | Request | Reply
