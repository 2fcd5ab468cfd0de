"""What the book keeps whole: transactions whose batch is open, and judged ones that a row of a sale cannot hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import msgspec

from agent.fees.audit.moments import FeeLine, Settling, Sold, Trade
from agent.fees.audit.sold import SoldSales
from protocol.messages import FeeType, Outcome, SettlementMode, TransactionKind

BACK = (TransactionKind.VOID, TransactionKind.REVERSAL)
_WHOLE_MOST = 20_000
_IN_A_ROW = {FeeType.MDR, FeeType.T0}


class Open(msgspec.Struct, eq=False):
    """A transaction with its own fee lines.

    undone: an approved void or reversal took it back. backs: what did, and what took that back again; `of` is the other
    way, and such a one is judged with what it is of. last: as it was judged, None before. gave: what a refund adds to what
    was given back of its sale, the amount and the MDR.
    """

    trade: Trade
    lines: list[FeeLine] = []
    undone: bool = False
    backs: tuple[Open, ...] = ()
    of: Open | None = None
    last: Settling | None = None
    gave: tuple[int, int] = (0, 0)

    @property
    def all_lines(self) -> list[FeeLine]:
        """Its own, and those of what took it back."""
        return [*self.lines, *(line for back in self.backs for line in back.lines)] if self.backs else self.lines

    @property
    def takes_back(self) -> bool:
        return self.trade.kind in BACK and self.trade.outcome is Outcome.APPROVED

    def take_back(self, by: Open) -> None:
        """An approved void or reversal is of this one; of one that took something back itself it restores that."""
        if self.of is None:
            by.of, self.undone = self, True
            self.backs += (by,)
        else:
            by.of, self.of.undone = self.of, False
            self.of.backs += (by,)

    def as_sold(self, right_minor: int | None = None) -> Sold:
        """right_minor: what its MDR should be."""
        trade = self.trade
        mdr, t0, first = 0, 0, trade.seq
        for line in reversed(self.all_lines):
            if line.type is FeeType.MDR:
                mdr, first = mdr + line.amount_minor, line.seq
            elif line.type is FeeType.T0:
                t0 += line.amount_minor
        return Sold(
            trade.seq, first, trade.day, trade.product, trade.amount_minor, trade.currency, mdr, t0, right_minor,
            mode=trade.settlement_mode,
        )  # fmt: skip


@dataclass(slots=True)
class Batch:
    """An open batch, and the sums of all its closings."""

    first: date
    last: date
    first_entry: int
    last_entry: int = 0
    open: list[Open] = field(default_factory=list)
    sales: int = 0
    refunds: int = 0
    fees: int = 0
    t0: int = 0
    currency: int = 0
    tid: str = ""
    mode: SettlementMode = SettlementMode.T1
    told: bool = False

    def add(self, one: Open) -> None:
        """What it comes to."""
        trade = one.trade
        for line in one.lines:
            self.fees += line.amount_minor
            self.t0 += line.amount_minor if line.type is FeeType.T0 else 0
        if trade.approved_sale and not one.undone:
            self.sales += trade.amount_minor
        elif trade.kind is TransactionKind.REFUND and trade.outcome is Outcome.APPROVED and not one.undone:
            self.refunds += trade.amount_minor

    def last_told(self, trade: Trade) -> None:
        self.last_entry, self.tid, self.currency, self.mode = (
            trade.seq,
            trade.tid,
            trade.currency,
            trade.settlement_mode,
        )


class Judged:
    """What was judged: every sale in a row of its own; the last twenty thousand others, and what has more lines, whole."""

    def __init__(self) -> None:
        self.sold = SoldSales()
        self._whole: dict[str, Open] = {}

    def keep(self, one: Open, settling: Settling) -> None:
        trade, one.last = one.trade, settling
        reference, right = trade.reference, settling.expected_minor
        if trade.approved_sale and not one.undone:
            self.sold.put(reference, one.as_sold(right))
            if not one.backs and _fits_a_row(one.lines):
                self._whole.pop(reference, None)
                return
        elif _counts(one):
            assert trade.original is not None
            one.gave = trade.amount_minor, max(-settling.net.get(FeeType.MDR, 0), -(right or 0))
            self.sold.refund(trade.original, *one.gave)
        self.keep_whole(one)

    def keep_whole(self, one: Open) -> None:
        self._whole.pop(one.trade.reference, None)
        self._whole[one.trade.reference] = one
        if len(self._whole) > _WHOLE_MOST:
            del self._whole[next(iter(self._whole))]

    def find(self, reference: str) -> Open | None:
        """As it was judged; of a sale in a row what the row has. None: not judged, or one of the others, long ago."""
        if (one := self._whole.get(reference)) is not None:
            return one
        sale = self.sold.find(reference)
        if sale is None:
            return None
        trade = Trade(
            seq=sale.seq, at=0, day=sale.day, reference=reference, kind=TransactionKind.SALE, outcome=Outcome.APPROVED,
            product=sale.product, amount_minor=sale.amount_minor, currency=sale.currency, mid="", tid="", trace="", batch="",
            settlement_mode=sale.mode,
        )  # fmt: skip
        lines = [
            FeeLine(sale.fee_seq, 0, 0, sale.day, type_, minor, sale.currency, reference)
            for type_, minor in ((FeeType.MDR, sale.mdr_minor), (FeeType.T0, sale.t0_minor))
            if minor or (type_ is FeeType.MDR and sale.fee_seq != sale.seq)
        ]
        return Open(trade, lines)

    def forget_what_it_gave(self, one: Open) -> None:
        """A refund is judged again: what it gave back of its sale is not counted until then."""
        if one.gave != (0, 0) and one.trade.original is not None:
            self.sold.refund(one.trade.original, -one.gave[0], -one.gave[1])
            one.gave = (0, 0)


def _fits_a_row(lines: list[FeeLine]) -> bool:
    types = [line.type for line in lines]
    return len(set(types)) == len(types) and _IN_A_ROW.issuperset(types)


def _counts(one: Open) -> bool:
    trade = one.trade
    approved = trade.kind is TransactionKind.REFUND and trade.outcome is Outcome.APPROVED
    return approved and not one.undone and trade.original is not None
