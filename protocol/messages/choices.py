"""What the messages choose among. The wire gives each member a number; the journal writes its text."""

from __future__ import annotations

from enum import StrEnum


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


class RequestState(StrEnum):
    """What a terminal knows of one money request."""

    APPROVED = "approved"
    DECLINED = "declined"
    VOIDED = "voided"
    """Begun, and taken back: by a fence, or at boot for want of an outcome."""
    IN_PROGRESS = "in_progress"
    NOT_FOUND = "not_found"
    """Never heard of. Final only together with a fence."""


class Stage(StrEnum):
    """How far a money request has come, for whoever stands at the counter."""

    PRESENT_CARD = "present_card"
    PRESENT_CODE = "present_code"
    CHOOSE = "choose"
    """The terminal asks its user something: a product, instalments, a language."""
    CONFIRM_AMOUNT = "confirm_amount"
    PIN = "pin"
    HOST = "host"
    REMOVE_CARD = "remove_card"


class DepositState(StrEnum):
    """The states of a deposit's return that a provider can report (docs/domain.md §5)."""

    ACTIVE = "active"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    REVIEW_1 = "review_1"
    REVIEW_2 = "review_2"
    NEED_MORE = "need_more"
    """补件: papers are missing; the provider's clock stands still."""
    APPROVED = "approved"
    REJECTED = "rejected"
    PAYING = "paying"
    PAY_FAILED = "pay_failed"
    """退汇: the bank sent the money back."""
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    FORFEITED = "forfeited"
    CONVERTED = "converted"
    """Kept as a device fee."""
    WITHDRAWN = "withdrawn"


class DeductionCause(StrEnum):
    """What a contract may allow to be deducted from a deposit (docs/domain.md §5)."""

    DAMAGE = "damage"
    BREACH = "breach"
    DISPUTE_COMPENSATION = "dispute_compensation"
    EARLY_TERMINATION = "early_termination"
    OUTSTANDING_FEE = "outstanding_fee"
    OTHER = "other"
