"""What was traded and charged by month and product, and what of it was expected: one pass over the entries.

A fee line belongs to its transaction's month; a void's lines to its sale. What is kept is the sums, and the latest
transactions, so that their fee lines and refunds find them: memory does not grow with the journal. A refund that comes later
than that cannot be judged where the contract gives a part of the fee back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from agent.fees.audit.moments import Trade
from agent.fees.audit.told import ToldFee, ToldSettlement, read
from agent.fees.calculation import MILLION
from agent.fees.contract.binding import Terms
from agent.fees.reports.month_expected import BACK, SALES, Expected, Kept, Key
from agent.fees.reports.settled_fees import SettledFees
from agent.fees.statements.statement_match import statement_index
from protocol.messages import FeeType, Outcome, SettlementMode, TransactionKind

KEPT = 32_768
"""Transactions whose fee lines and refunds find them."""
_EARLY = 4_096
"""Transactions whose fee lines came before them."""
_QUARTER_MS = 900_000
"""No time zone begins its day within a quarter of an hour."""
_INSTANT = (SettlementMode.T0, SettlementMode.D0)
_Early = tuple[Key, FeeType, int, date]


@dataclass(slots=True)
class Sums:
    """Minor units. sales: approved, and neither voided nor reversed. fees: as charged, by type; what came back is negative.

    judged: transactions, and fees of their own, whose right fee is known, with what was charged for them and what was
    expected. unknown: those where it is not, with what was charged: in no comparison. settled: fees that only a settlement
    tells of; they are in `fees` too.
    """

    sales: int = 0
    sales_minor: int = 0
    refunds: int = 0
    refunds_minor: int = 0
    fees: dict[FeeType, int] = field(default_factory=dict)
    judged: int = 0
    judged_minor: int = 0
    expected_minor: int = 0
    unknown: int = 0
    unknown_minor: int = 0
    settled: int = 0
    settled_minor: int = 0

    @property
    def fees_minor(self) -> int:
        return sum(self.fees.values())

    @property
    def difference_minor(self) -> int:
        """Charged above what was expected, of what could be judged."""
        return self.judged_minor - self.expected_minor

    @property
    def effective_ppm(self) -> int | None:
        """All fees over sales, half up by size; None without sales."""
        return ppm_of(self.fees_minor, self.sales_minor)

    def add(self, other: Sums) -> None:
        for name in ("sales", "refunds", "judged", "unknown", "settled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
            setattr(self, f"{name}_minor", getattr(self, f"{name}_minor") + getattr(other, f"{name}_minor"))
        self.expected_minor += other.expected_minor
        for type_, minor in other.fees.items():
            self.fees[type_] = self.fees.get(type_, 0) + minor

    def charge(self, lines: Iterable[tuple[FeeType, int]], expected: int | None) -> None:
        """Fee lines that are judged together."""
        charged = 0
        for type_, minor in lines:
            self.fees[type_] = self.fees.get(type_, 0) + minor
            charged += minor
        if expected is None:
            self.unknown += 1
            self.unknown_minor += charged
        else:
            self.judged += 1
            self.judged_minor += charged
            self.expected_minor += expected


def ppm_of(part_minor: int, whole_minor: int) -> int | None:
    """A share in ppm, half up by size; None of nothing."""
    if whole_minor <= 0:
        return None
    ppm = (2 * abs(part_minor) * MILLION + whole_minor) // (2 * whole_minor)
    return -ppm if part_minor < 0 else ppm


class MonthSums:
    """One pass. terms: None where nothing is to be compared; all is unknown then. sold: told of every approved sale that
    stands, with its fee lines."""

    def __init__(self, terms: Terms | None, time_zone: str, sold: Callable[[Kept], None] | None = None) -> None:
        self._sold = sold
        self._sums: dict[Key, Sums] = {}
        self._expected = Expected(terms)
        self._zone = ZoneInfo(time_zone)
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._early: OrderedDict[str, list[_Early]] = OrderedDict()
        self._days: dict[int, tuple[date, str]] = {}
        self._settled = SettledFees()
        pages = () if terms is None else terms.statement_pages
        self._statement = statement_index(pages) if pages else None

    def of(self, entries: Iterable[bytes]) -> dict[Key, Sums]:
        """Of all entries' bytes, in their order (`Reader.raw_entries`). What cannot be read tells nothing."""
        for raw in entries:
            if (told := read(raw)) is None:
                continue
            body = told.body
            if type(body) is Trade:
                self._transaction(body)
            elif type(body) is ToldFee:
                self._fee(body)
            elif type(body) is ToldSettlement:
                self._settlement(told.at, body)
        while self._kept:
            self._judge(self._kept.popitem(last=False)[1])
        while self._early:
            self._orphans(self._early.popitem(last=False)[1])
        for untold in self._settled.untold():
            sums = self._of((f"{untold.day:%Y-%m}", None, untold.currency))
            sums.settled += 1
            sums.settled_minor += untold.minor
            type_ = FeeType.OTHER if untold.deducted else FeeType.MDR
            sums.charge([(type_, untold.minor)], untold.expected)
        return self._sums

    def _transaction(self, told: Trade) -> None:
        reference = told.reference
        if reference in self._kept:  # told again: it is one
            return
        day, month = self._day(told.at)
        approved = told.outcome is Outcome.APPROVED
        key = (month, told.product, told.currency)
        new = Kept(key, day, told.kind, approved, told.amount_minor, told.settlement_mode in _INSTANT)
        new.batch = self._settled.batch(told.batch)
        if approved:
            if self._statement is not None:
                told.day = day
                line = self._statement.take(told)
                new.stated = None if line is None else line.line.fee_minor
            self._count(new, None if told.original is None else self._kept.get(told.original))
        self._kept[reference] = new
        if self._early and (lines := self._early.pop(reference, None)) is not None:
            for _key, type_, minor, _day in lines:
                self._line(new, type_, minor)
        if len(self._kept) > KEPT:
            self._judge(self._kept.popitem(last=False)[1])

    def _count(self, new: Kept, original: Kept | None) -> None:
        if new.kind in SALES:
            sums = self._of(new.key)
            sums.sales += 1
            sums.sales_minor += new.amount
            new.batch.traded(new.product, new.amount, 0)
        elif new.kind is TransactionKind.REFUND:
            sums = self._of(new.key)
            sums.refunds += 1
            sums.refunds_minor += new.amount
            new.batch.traded(new.product, 0, new.amount)
            new.due = self._expected.of_refund(new, original)
        elif new.kind in BACK and original is not None:
            new.of = original
            if original.kind in SALES and original.approved and not original.undone:
                original.undone = True
                sums = self._of(original.key)
                sums.sales -= 1
                sums.sales_minor -= original.amount
                original.batch.traded(original.product, -original.amount, 0)

    def _fee(self, told: ToldFee) -> None:
        type_, minor, currency, reference = told.type, told.amount_minor, told.currency, told.transaction
        if reference is not None and (kept := self._kept.get(reference)) is not None:
            self._line(kept, type_, minor)
            return
        day, month = self._day(told.event.at or 0)
        key = (month, None, currency)
        if reference is None:
            self._own(key, type_, day, minor)
            return
        self._early.setdefault(reference, []).append((key, type_, minor, day))
        if len(self._early) > _EARLY:
            self._orphans(self._early.popitem(last=False)[1])

    def _line(self, kept: Kept, type_: FeeType, minor: int) -> None:
        """A fee line of a transaction; of a void or reversal it is its sale's."""
        if kept.of is not None:
            kept = kept.of
        if type_ is FeeType.SIM:  # it is only taken out of a sale, and not its price
            self._own(kept.key, type_, kept.day, minor)
            return
        kept.batch.lines += minor
        if type_ is FeeType.MDR and kept.settled and not kept.judged:  # now the wire tells it
            kept.lines[type_] -= kept.settled
            kept.batch.lines -= kept.settled
            kept.settled = 0
        if kept.judged:
            self._of(kept.key).charge([(type_, minor)], None)
        else:
            kept.lines[type_] = kept.lines.get(type_, 0) + minor

    def _own(self, key: Key, type_: FeeType, day: date, minor: int) -> None:
        self._of(key).charge([(type_, minor)], self._expected.of_line(type_, day, minor))
        self._settled.own(day, key[2], minor)

    def _settlement(self, at: int, told: ToldSettlement) -> None:
        """A page of one. What its lines say of a fee that no fee line told is that transaction's."""
        day = _date(told.date) or self._day(at)[0]
        batch = self._settled.settle(told, day)
        if batch is not None and not batch.lines:
            self._expected.of_batch(batch, day, told.currency)
        for line in told.lines:
            kept = None if line.reference is None else self._kept.get(line.reference)
            if kept is None or kept.judged or kept.of is not None or FeeType.MDR in kept.lines or not line.fee_minor:
                continue
            if not kept.batch.by_net:
                kept.lines[FeeType.MDR] = kept.settled = line.fee_minor
                kept.batch.lines += line.fee_minor

    def _orphans(self, lines: list[_Early]) -> None:
        """Fee lines of a transaction that the record does not hold, or held long ago."""
        for key, type_, minor, day in lines:
            self._of(key).charge([(type_, minor)], None)
            self._settled.stray(day, key[2], minor)

    def _judge(self, kept: Kept) -> None:
        """Nothing more is expected of it."""
        if not kept.judged and kept.of is None:
            kept.judged = True
            if kept.stated and not kept.lines and not kept.batch.by_net:
                kept.lines[FeeType.MDR] = kept.stated
                kept.batch.lines += kept.stated
            if not any(kept.lines.values()) and (kept.undone or not kept.approved):
                return  # nothing was done, and nothing charged: no judgement that anybody wants counted
            if kept.lines or not kept.batch.by_net:  # else its batch is judged, as a whole
                self._of(kept.key).charge(kept.lines.items(), self._expected.of_transaction(kept))
            if self._sold is not None and kept.kind in SALES and kept.approved and not kept.undone:
                self._sold(kept)

    def _of(self, key: Key) -> Sums:
        if (sums := self._sums.get(key)) is None:
            sums = self._sums[key] = Sums()
        return sums

    def _day(self, at: int) -> tuple[date, str]:
        """The merchant's date of ms UTC, and its month."""
        if (found := self._days.get(at // _QUARTER_MS)) is None:
            try:
                day = datetime.fromtimestamp(at // 1000, self._zone).date()
            except (ValueError, OverflowError, OSError):  # a terminal's clock beyond the calendar
                day = date.max
            if len(self._days) > KEPT:
                self._days.clear()
            found = self._days[at // _QUARTER_MS] = day, f"{day.year:04d}-{day.month:02d}"
        return found


def _date(told: str) -> date | None:
    """Of a settlement, `20260302`."""
    try:
        return datetime.strptime(told, "%Y%m%d").date()
    except ValueError:
        return None
