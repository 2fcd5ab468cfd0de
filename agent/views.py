"""What a user interface is shown: frozen, immutable, ready to cross a socket as JSON.

Amounts are integers of minor units (`*_minor`) of the currency beside them (ISO 4217 numeric); times are ms UTC (`*_at`);
dates are ISO dates in the merchant's time zone. Nothing here is the truth of anything: the journal is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.custody.remembered import RememberedHead
from agent.fees.noted import Noted
from agent.lane_types import IntentDetail, IntentView, LaneState, LaneView, MoneyView
from agent.language import choose_language, language, translator
from agent.notice_types import Notice, NoticeCode
from agent.orders import MoneyAction, MoneyOrder, MoneyState
from agent.people.people_kinds import Role
from agent.people.people_types import AddOperator, Credential, OperatorView, RemoveOperator, SetPin
from agent.refunds.refund_types import (
    NoteRefund,
    OweCustomer,
    OwedView,
    Reason,
    RefundAsked,
    RefundDay,
    RefundQuote,
    RefundView,
)
from agent.witness_types import KeyView, WitnessAnswer, WitnessOutcome
from protocol.money import Money

__all__ = [
    "AddOperator",
    "Capability",
    "Credential",
    "DepositView",
    "EchoReport",
    "Head",
    "IntentDetail",
    "IntentView",
    "KeyView",
    "LaneState",
    "LaneView",
    "LinkState",
    "LinkView",
    "Money",
    "MoneyAction",
    "MoneyOrder",
    "MoneyState",
    "MoneyView",
    "NoteRefund",
    "Noted",
    "Notice",
    "NoticeCode",
    "OperatorView",
    "OweCustomer",
    "OwedView",
    "PairingFailed",
    "PairingStage",
    "PairingView",
    "ProductLine",
    "Reason",
    "RefundAsked",
    "RefundDay",
    "RefundQuote",
    "RefundView",
    "RememberedHead",
    "RemoveOperator",
    "Role",
    "SelfTestItem",
    "SelfTestReport",
    "SetPin",
    "SettleView",
    "Status",
    "SyncResult",
    "TerminalInfo",
    "Today",
    "TransactionDetail",
    "TransactionPage",
    "TransactionRow",
    "WitnessAnswer",
    "WitnessOutcome",
    "choose_language",
    "language",
    "translator",
]


class LinkState(StrEnum):
    UP = "up"
    CONNECTING = "connecting"
    """The port is open and nobody answers yet."""
    PORT_LOST = "port_lost"
    REFUSED = "refused"
    """The terminal answers, and is not the one, or not of the nature, that this home belongs to."""
    UNPAIRED = "unpaired"
    """The port is open, and this home knows no terminal yet: nothing is sought until a person pairs them."""
    OFF = "off"
    """No agent runs on this home."""


class Capability(StrEnum):
    """What a terminal's protocol may have words for; `LinkView.speaks` says which this one has."""

    EVENTS = "events"
    """It tells what it did by itself, from a log of its own, until it is acknowledged."""
    HEADS = "heads"
    """It remembers the journal's last signed head."""
    DEVICE_INFO = "device_info"
    SELF_TEST = "self_test"
    ECHO = "echo"
    SALE = "sale"
    REFUND = "refund"
    VOID = "void"
    STATUS = "status"
    """It knows what became of any request."""
    LAST_TRANSACTION = "last_transaction"
    TOTALS = "totals"
    SETTLE = "settle"
    DEPOSITS = "deposits"
    TARIFFS = "tariffs"
    PAIRING = "pairing"
    """The line is encrypted, and begins with a pairing."""


class PairingStage(StrEnum):
    STARTED = "started"
    """The terminal is asked; no number yet."""
    COMPARE = "compare"
    """A person compares `PairingView.number` with the one that the terminal shows."""
    DONE = "done"
    FAILED = "failed"


class PairingFailed(StrEnum):
    """Why a pairing came to nothing; `agent.notices.pairing_words` has the words."""

    NO_ANSWER = "no_answer"
    """The terminal does not take part, or fell silent."""
    BROKEN = "broken"
    """What the two ends revealed does not fit together: a bad line, or somebody between them."""
    CANCELLED = "cancelled"
    LINE_LOST = "line_lost"
    NOT_KEPT = "not_kept"
    """The key could not be written to the disk: the home is paired as it was before."""


@dataclass(frozen=True, slots=True)
class Head:
    """The journal's last signed head. root: base64 of 32 bytes. at: ms UTC. note: the signed checkpoint itself."""

    origin: str
    size: int
    root: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class PairingView:
    """The last pairing tried since the agent started. number: six digits, at COMPARE only, for a person to compare.

    changed: another key than the one that answers now is pinned; only `confirm_pairing(…, replace=True)` takes the new one.
    fingerprint: of the key that answers, as `LinkView.fingerprint`. reason: at FAILED.
    """

    stage: PairingStage
    number: str | None = None
    changed: bool = False
    fingerprint: str | None = None
    reason: PairingFailed | None = None


@dataclass(frozen=True, slots=True)
class LinkView:
    """The line to the terminal: its state, since when (ms UTC), how it is spoken on, what it did so far.

    dialect: a name of `protocol.dialect.DIALECTS`. speaks: what it has words for. paired: True too where the dialect needs
    none. fingerprint: of the pinned key (SHA-256, the first 16 hex digits in groups of four), None where there is none.
    pairing: None where none was tried since the start. The counters are of whole frames since the agent started;
    discarded: whole messages that nobody had asked for.
    """

    state: LinkState
    port: str
    since: int
    damaged_frames: int = 0
    stale_frames: int = 0
    resent_frames: int = 0
    sessions: int = 0
    good_frames: int = 0
    repeated_frames: int = 0
    discarded: int = 0
    dialect: str = "native"
    speaks: tuple[Capability, ...] = ()
    paired: bool = False
    fingerprint: str | None = None
    pairing: PairingView | None = None


@dataclass(frozen=True, slots=True)
class SettleView:
    """settled: the host took the batch; else response_code (ISO 8583 field 39) says why not."""

    settled: bool
    batch: str | None = None
    response_code: str | None = None


@dataclass(frozen=True, slots=True)
class DepositView:
    """How the return of a deposit stands with the provider. documents: what it asks for, by its own names."""

    ticket: str
    state: str
    amount_minor: int
    currency: int
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One product's day: approved sales that were not voided, and every fee line charged on them."""

    product: str
    count: int
    sales_minor: int
    fees_minor: int


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One transaction as a list shows it. fee_minor: the sum of its fee lines, None before one came. seq: its entry."""

    seq: int
    reference: str
    kind: str
    outcome: str
    product: str
    amount_minor: int
    currency: int
    fee_minor: int | None
    masked_pan: str | None
    trace: str
    batch: str
    rrn: str | None
    at: int
    voided: bool = False


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """rows newest first; total: how many there are under the same filter.

    more: there are more than `total`, or may be: what a text finds is counted up to 10,000, and a text of one or two
    characters is looked for among the journal's newest 50,000 entries.
    """

    rows: tuple[TransactionRow, ...]
    total: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class TransactionDetail:
    """A transaction whole: its row, and the journal entries that speak of it (decoded bodies, in journal order)."""

    row: TransactionRow
    entries: tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True)
class Today:
    """One day of trade.

    events: the terminal's transaction and fee events. transactions: of every kind, approved or declined. sales: approved
    sales less those that were voided; refunds: approved refunds; voids: approved voids, counted apart. fees: the sum of
    all fee lines of the day, corrections included. net = sales − refunds − fees.
    """

    date: str
    simulated: bool
    currency: int
    transactions: int
    events: int
    approved: int
    declined: int
    sales_count: int
    sales_minor: int
    refunds_count: int
    refunds_minor: int
    voids_count: int
    voids_minor: int
    fees_minor: int
    net_minor: int
    products: tuple[ProductLine, ...]
    recent: tuple[TransactionRow, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What holds now, whatever the day. now: ms UTC by the home's clock (the terminal's, in a simulated home)."""

    simulated: bool
    terminal: str
    now: int
    link: LinkView
    head: Head
    notices: tuple[Notice, ...]
    revision: int
    """Grows by one with every change that a screen could show."""
    lane: LaneView = field(default_factory=LaneView)


@dataclass(frozen=True, slots=True)
class TerminalInfo:
    """What the terminal says of itself. clock: ms UTC. log_epoch: None where its protocol knows no log."""

    terminal: str
    serial_number: str
    model: str
    firmware: str
    mid: str
    tid: str
    merchant_name: str | None
    mcc: str | None
    clock: int
    log_epoch: str | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class SyncResult:
    """After a sync: the last event number the journal holds, and how many entries came with it."""

    last_event: int
    received: int


@dataclass(frozen=True, slots=True)
class SelfTestItem:
    """name: what was tested, as the terminal calls it."""

    name: str
    passed: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """What the terminal found when it tested itself."""

    items: tuple[SelfTestItem, ...]

    @property
    def passed(self) -> bool:
        return all(item.passed for item in self.items)


@dataclass(frozen=True, slots=True)
class EchoReport:
    """size: bytes sent, and sent back unchanged. round_trip_us: from the question to the whole answer, in µs."""

    size: int
    round_trip_us: int
