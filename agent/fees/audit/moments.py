"""What detectors are told: one thing at a time, in the journal's order, each once.

The book (`book`) makes moments of entries; a detector answers each with its findings. What only shows over many
transactions a detector counts, and answers at `Now`, which may be asked at any time and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import msgspec

from agent.fees.contract.tariff import TariffVersion
from agent.fees.findings import Rule
from protocol.messages import FeeType, Outcome, Product, SettlementMode, TransactionKind


class FeeLine(msgspec.Struct, gc=False):
    """One fee line. seq: its entry; number: its event's. transaction: a reference, None for a fee of its own."""

    seq: int
    number: int
    at: int
    day: date
    type: FeeType
    amount_minor: int
    currency: int
    transaction: str | None


_NAMES = {"at": "terminal_time", "card_token": "card_token_hmac", "original": "original_reference"}


class Trade(msgspec.Struct, kw_only=True, gc=False, rename=_NAMES):
    """One transaction as the terminal logged it. at: the terminal's time of it, ms UTC; day: its local date.

    Decoded as it stands from its entry's body, a million times; the book fills in `seq` and `day`.
    """

    seq: int = 0
    at: int
    day: date = date.min
    reference: str
    kind: TransactionKind
    outcome: Outcome
    product: Product
    amount_minor: int
    currency: int
    mid: str
    tid: str
    trace: str
    batch: str
    settlement_mode: SettlementMode
    rrn: str | None = None
    mcc: str | None = None
    card_token: str | None = None
    original: str | None = None
    operator: str | None = None

    @property
    def approved_sale(self) -> bool:
        kind = self.kind
        return self.outcome is Outcome.APPROVED and (kind is _SALE or kind is TransactionKind.PRE_AUTH_COMPLETION)


_SALE = TransactionKind.SALE


@dataclass(slots=True)
class Sold:
    """What is kept of a sale once it was judged: for its refunds, and for fee lines that come late.

    seq: its entry; fee_seq: its first MDR line's. mdr_minor: net of its MDR lines. right_minor: what it should have
    been, None where that is unknown. refunded_minor, returned_minor: given back so far, of the amount and of the MDR.
    """

    seq: int
    fee_seq: int
    day: date
    product: Product
    amount_minor: int
    currency: int
    mdr_minor: int
    t0_minor: int
    right_minor: int | None
    refunded_minor: int = 0
    returned_minor: int = 0
    mode: SettlementMode = SettlementMode.T1


@dataclass(slots=True)
class Settling:
    """A transaction whose batch settles, or whose day is over, with its fee lines: what is judged.

    net: the lines' sum by type. version: the tariff that binds, None where none is known (`unknown` says why).
    expected_minor: the MDR line that is right, None where that cannot be said. original: of a refund; None where the record
    does not hold it. undone: an approved void or reversal took it back, and the lines are both's. before: as it was judged
    last, where it is judged again for what came late. left: by type, what no detector has claimed so far; whoever claims
    takes it out. seen: who did.
    """

    trade: Trade
    lines: list[FeeLine]
    net: dict[FeeType, int]
    version: TariffVersion | None
    unknown: str | None
    expected_minor: int | None
    original: Sold | None = None
    undone: bool = False
    before: Settling | None = None
    left: dict[FeeType, int] = field(default_factory=dict)
    seen: list[Rule] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return self.before is not None

    @property
    def entries(self) -> tuple[int, ...]:
        """The transaction's entry and its fee lines'."""
        return (self.trade.seq, *(line.seq for line in self.lines))


class Seen(msgspec.Struct):
    """A transaction's entry was read. refunded_before: of a refund's sale, so far; original: its sale, if it is here."""

    trade: Trade
    original: Sold | None = None


@dataclass(frozen=True, slots=True)
class OwnFee:
    """A fee line without a transaction."""

    line: FeeLine


@dataclass(frozen=True, slots=True)
class SettlementTold:
    """All pages of a settlement are here. Amounts in minor units. lines: (kind, reference, trace, rrn, amount, fee)."""

    entries: tuple[int, ...]
    batch: str
    day: date
    due: date | None
    currency: int
    gross_minor: int
    refunds_minor: int
    fees_minor: int
    deductions_minor: int
    adjustments_minor: int
    carried_minor: int
    credited_minor: int
    lines: tuple[tuple[str, str | None, str, str | None, int, int], ...]


@dataclass(frozen=True, slots=True)
class BatchTraded:
    """What the record itself holds of a batch that is over: net of its approved sales, refunds and fee lines."""

    batch: str
    tid: str
    day: date
    currency: int
    sales_minor: int
    refunds_minor: int
    fees_minor: int
    mode: SettlementMode
    entries: tuple[int, ...]
    t0_paid: bool = False
    t0_entries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DepositTold:
    """A deposit's update: ticket, what is deducted (cause, amount, clause, whether a reason stands beside it)."""

    seq: int
    day: date
    ticket: str
    currency: int
    deductions: tuple[tuple[str, int, str | None, bool], ...]


@dataclass(frozen=True, slots=True)
class DeviceTold:
    """A device event of the kinds that detectors know: `fault`, `merchant_changed`, `serial_changed`."""

    seq: int
    day: date
    kind: str
    severity: str


@dataclass(frozen=True, slots=True)
class RateLine:
    """The MDR of a sale that is not what it should be and that nothing has claimed; seq: its entry, fee_seq: its line's."""

    seq: int
    fee_seq: int
    day: date
    product: Product
    amount_minor: int
    expected_minor: int
    charged_minor: int
    currency: int
    version: TariffVersion
    late: bool = False
    """Judged again: what was said of it before is corrected, also where nothing is off any more."""


@dataclass(frozen=True, slots=True)
class Now:
    """Somebody asks what stands. day: the local date, at: ms UTC of the home's clock. back: by a sale's entry, what its
    refunds gave back of its MDR beyond what was due, and no finding of the sale itself was lessened by."""

    day: date
    at: int
    back: dict[int, int] = field(default_factory=dict)


Moment = Seen | Settling | RateLine | OwnFee | SettlementTold | BatchTraded | DepositTold | DeviceTold | Now
