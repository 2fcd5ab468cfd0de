"""The book: journal entries in their order become moments, each transaction once, judged when its batch settles.

A batch is over when its settlement is told whole, or with the next local day. What is open is kept whole, what was judged in
columns (`agent.fees.audit.sold`), and nothing else grows with the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agent.fees import calculation
from agent.fees.audit.moments import (
    BatchTraded,
    DepositTold,
    DeviceTold,
    FeeLine,
    Moment,
    OwnFee,
    Seen,
    SettlementTold,
    Settling,
    Sold,
    Trade,
)
from agent.fees.audit.open_trades import Batch, Judged, Open
from agent.fees.audit.told import SHAPES, ToldDeposit, ToldDevice, ToldFee, ToldSettlement, read
from agent.fees.contract.tariff import TariffVersion
from agent.fees.statements.statement_match import StatementIndex
from agent.journal.entries import Entry
from protocol.messages import FeeType, Outcome, Product, TransactionKind

_QUARTER_MS = 900_000
"""No time zone begins its day within a quarter of an hour."""
_QUARTERS_MOST = 4_096
_MDR = FeeType.MDR
_SALES = (TransactionKind.SALE, TransactionKind.PRE_AUTH_COMPLETION)
_FORGET_DAYS = 60
"""A batch's number may come again after so long."""
_PAGES_MOST = 4_096


class Book:
    """tariff: by which a sale of that product, day and currency has one MDR line; None where none is known, or none of its
    own. charged: told what right sales of a day cost, as (day, currency, expected, charged); all others are moments.
    settling: makes the moment of what is to be judged. statement: the provider's own lines, None without any.
    """

    def __init__(
        self,
        time_zone: str,
        *,
        tariff: Callable[[Product, date, int], TariffVersion | None],
        charged: Callable[[date, int, int, int], None],
        settling: Callable[[Trade, list[FeeLine], Sold | None, bool], Settling],
        statement: StatementIndex | None = None,
    ) -> None:
        self.judged = Judged()
        self._statement = statement
        self.transactions = 0
        self._zone = ZoneInfo(time_zone)
        self._days: dict[int, date] = {}
        self._tariff, self._charged, self._settling = tariff, charged, settling
        self._batches: dict[str, Batch] = {}
        self._open: dict[str, Open] = {}
        """By reference. One under a reference that came again is in its batch only."""
        self._early_fees: dict[str, list[FeeLine]] = {}
        self._undone: dict[str, tuple[date, Open]] = {}
        """By the reference of what is not here (yet): what took it back, and when."""
        self._pages: dict[tuple[str, str], dict[int, tuple[int, ToldSettlement]]] = {}
        self._today = date.min
        self._tells: dict[type, Callable[[int, int, Any], Iterable[Moment]]] = {
            Trade: self._transaction,
            ToldFee: self._fee,
            ToldSettlement: self._settlement,
            ToldDeposit: self._deposit,
            ToldDevice: self._device,
        }

    def take(self, entry: Entry) -> Iterable[Moment]:
        """What an entry tells. Kinds that say nothing of fees, and what cannot be read, tell nothing."""
        if (shape := SHAPES.get(entry.kind)) is None:
            return ()
        try:
            body: Any = msgspec.convert(entry.body, shape)
        except msgspec.ValidationError:
            return ()
        return self._tells[shape](entry.seq, entry.at, body)

    def take_bytes(self, raw: bytes) -> Iterable[Moment]:
        """The same of an entry's own bytes."""
        if (told := read(raw)) is None:
            return ()
        body = told.body
        return self._tells[type(body)](told.seq, told.at, body)

    def until(self, day: date) -> Iterator[Moment]:
        """Time goes on, whether or not something is traded: batches of days before are over."""
        if day <= self._today:
            return
        self._today, old = day, day - timedelta(days=_FORGET_DAYS)
        for number, batch in list(self._batches.items()):
            if batch.last < day and batch.open:
                yield from self._close(number, batch)
            elif batch.last < old:
                del self._batches[number]
        self._undone = {reference: undone for reference, undone in self._undone.items() if undone[0] > old}

    def day_of(self, at: int) -> date:
        """The merchant's date of ms UTC."""
        quarter = at // _QUARTER_MS
        if (day := self._days.get(quarter)) is None:
            if len(self._days) >= _QUARTERS_MOST:
                self._days.clear()
            try:
                day = datetime.fromtimestamp(at // 1000, self._zone).date()
            except (ValueError, OverflowError, OSError):
                day = date.max
            self._days[quarter] = day
        return day

    # -- what entries say ----------------------------------------------------------------------------------------------

    def _deposit(self, seq: int, at: int, body: ToldDeposit) -> Iterable[Moment]:
        reasons = body.reasons_sha256 is not None
        items = tuple((one.cause, one.amount_minor, one.clause, reasons) for one in body.deductions)
        return (DepositTold(seq, self.day_of(at), body.ticket, body.currency, items),)

    def _device(self, seq: int, at: int, body: ToldDevice) -> Iterable[Moment]:
        return (DeviceTold(seq, self.day_of(at), body.kind, body.severity),)

    def _transaction(self, seq: int, _at: int, trade: Trade) -> Iterable[Moment]:
        trade.seq, trade.day = seq, self.day_of(trade.at)
        return (self._seen(trade),) if trade.day <= self._today else self._next_day(trade)

    def _next_day(self, trade: Trade) -> Iterator[Moment]:
        """What is over is over before anything of the new day is known."""
        yield from self.until(trade.day)
        yield self._seen(trade)

    def _seen(self, trade: Trade) -> Seen:
        day, reference = trade.day, trade.reference
        self.transactions += 1
        batch = self._batches.get(trade.batch)
        if batch is None:
            batch = self._batches[trade.batch] = Batch(day, day, trade.seq)
        elif day > batch.last:
            batch.last = day
        opened = self._open[reference] = Open(trade)
        batch.open.append(opened)
        if self._early_fees and (early := self._early_fees.pop(reference, None)) is not None:
            opened.lines = early
        original = None
        if trade.original is not None:
            original = self._original(trade.original)
            if opened.takes_back:
                self._take_back(opened, trade.original)
        if self._undone and (undone := self._undone.pop(reference, None)) is not None:
            opened.take_back(undone[1])
        return Seen(trade, original)

    def _take_back(self, by: Open, reference: str) -> None:
        sale = self._open.get(reference)
        if sale is None and (sale := self.judged.find(reference)) is not None:
            if sale.last is None:
                sale.last = self._settling(sale.trade, sale.lines, None, False)
            self.judged.keep_whole(sale)
        if sale is not None:
            sale.take_back(by)
        else:
            self._undone[reference] = (by.trade.day, by)

    def _original(self, reference: str) -> Sold | None:
        """Judged or still open."""
        if (sale := self._open.get(reference)) is None:
            return self.judged.sold.find(reference)
        refunded, returned = self.judged.sold.refunded(reference)
        return replace(sale.as_sold(), refunded_minor=refunded, returned_minor=returned)

    def _fee(self, seq: int, _at: int, body: ToldFee) -> Iterable[Moment]:
        event, type_, of = body.event, body.type, body.transaction
        at = event.at or 0
        line = FeeLine(seq, event.number or seq, at, self.day_of(at), type_, body.amount_minor, body.currency, of)
        if of is None or type_ is FeeType.SIM:  # taken from a sale it is still the card's
            return (OwnFee(line),)
        if (one := self._open.get(of)) is not None:
            one.lines.append(line)
        elif (one := self.judged.find(of)) is not None:
            return self._late(one, line)
        else:  # a fee that was told before its transaction, or of one that is not here
            self._early_fees.setdefault(of, []).append(line)
        return ()

    def _late(self, one: Open, line: FeeLine) -> Iterator[Moment]:
        """A fee line after its transaction was judged: judged again, with all that is kept of it."""
        if one.last is None:
            one.last = self._settling(one.trade, list(one.lines), None, False)
        one.lines.append(line)
        if (of := one.of) is None:
            yield from self._judge(one)
        elif of.last is not None:
            yield from self._judge(of)

    def strays(self, day: date) -> Iterator[FeeLine]:
        """Fee lines of days before, of transactions that are not here."""
        return (line for lines in self._early_fees.values() for line in lines if line.day < day)

    def _settlement(self, seq: int, _at: int, body: ToldSettlement) -> Iterator[Moment]:
        pages = self._pages.setdefault((body.batch, body.date), {})
        if len(pages) < _PAGES_MOST:
            pages[body.page] = (seq, body)
        if len(pages) < body.pages:
            return
        del self._pages[body.batch, body.date]
        day = _date(body.date) or self._today
        if (batch := self._batches.get(body.batch)) is not None:
            batch.told = True
            yield from self._close(body.batch, batch)
        told = [pages[page] for page in sorted(pages)]
        yield SettlementTold(
            entries=tuple(page for page, _said in told),
            batch=body.batch,
            day=day,
            due=_date(body.due_date),
            currency=body.currency,
            gross_minor=body.gross_minor,
            refunds_minor=body.refunds_minor,
            fees_minor=body.fees_minor,
            deductions_minor=body.deductions_minor,
            adjustments_minor=body.adjustments_minor,
            carried_minor=body.carried_minor,
            credited_minor=body.credited_minor,
            lines=tuple(
                (one.kind, one.reference, one.trace, one.rrn, one.amount_minor, one.fee_minor)
                for _seq, said in told
                for one in said.lines
            ),
        )

    # -- a batch is over -----------------------------------------------------------------------------------------------

    def _close(self, number: str, batch: Batch) -> Iterator[Moment]:
        """Sales before what gives them back; then what the batch comes to, all its closings together."""
        closed, batch.open = batch.open, []
        for one in closed:
            if self._open.get(one.trade.reference) is one:
                del self._open[one.trade.reference]
            if self._statement is not None and (line := self._stated_fee(one.trade, one.lines)) is not None:
                one.lines.append(line)
        rest = self._without_right(batch, closed)
        for one in rest:
            batch.add(one)
        if closed:
            batch.last_told(closed[-1].trade)
        rest.sort(key=_sales_first)
        for one in rest:
            if one.of is None:
                yield from self._judge(one)
            else:
                self.judged.keep_whole(one)
        in_time = {id(one) for one in rest}
        for of_ in {id(one.of): one.of for one in rest if one.of is not None}.values():
            if id(of_) not in in_time and of_.last is not None:  # judged before, in another batch
                yield from self._judge(of_)
        yield BatchTraded(
            batch=number,
            tid=batch.tid,
            day=batch.last,
            currency=batch.currency,
            sales_minor=batch.sales,
            refunds_minor=batch.refunds,
            fees_minor=batch.fees,
            mode=batch.mode,
            entries=(batch.first_entry, batch.last_entry),
            t0_paid=batch.t0 > 0,
        )

    def _without_right(self, batch: Batch, closed: Iterable[Open]) -> list[Open]:
        """What is left once sales with the one line that is right, as nearly all are, are booked without a moment: no
        detector of fee lines has anything to say of them."""
        mdr, tariff = calculation.mdr, self._tariff
        tariffs: dict[tuple[Product, date, int], TariffVersion | None] = {}
        fees: dict[tuple[date, int], int] = {}
        right: list[tuple[Trade, FeeLine]] = []
        rest = []
        for one in closed:
            trade, lines = one.trade, one.lines
            if len(lines) != 1 or one.backs or not trade.approved_sale:
                rest.append(one)
                continue
            product, day, currency, amount = trade.product, trade.day, trade.currency, trade.amount_minor
            if (key := (product, day, currency)) not in tariffs:
                tariffs[key] = tariff(product, day, currency)
            line, version = lines[0], tariffs[key]
            minor = line.amount_minor
            if version is None or line.type is not _MDR or mdr(version, amount) != minor:
                rest.append(one)
                continue
            fees[day, currency] = fees.get((day, currency), 0) + minor
            batch.sales += amount
            right.append((trade, line))
        for (day, currency), minor in fees.items():
            batch.fees += minor
            self._charged(day, currency, minor, minor)
        self.judged.sold.add_right(right)
        return rest

    def _stated_fee(self, trade: Trade, lines: list[FeeLine]) -> FeeLine | None:
        """Where the wire told no fee, that of the statement's line; the transaction is one, whoever tells of it."""
        assert self._statement is not None
        if trade.outcome is not Outcome.APPROVED or (stated := self._statement.take(trade)) is None:
            return None
        fee = stated.line.fee_minor
        if lines or fee is None:
            return None
        return FeeLine(
            stated.seq, stated.line.line, trade.at, trade.day, FeeType.MDR, fee, trade.currency, trade.reference
        )

    def _judge(self, one: Open) -> Iterator[Moment]:
        """Once more, where it was judged before."""
        trade = one.trade
        self.judged.forget_what_it_gave(one)
        original = self._original(trade.original) if trade.original is not None else None
        settling = self._settling(trade, list(one.all_lines), original, one.undone)
        settling.before = one.last
        yield settling
        settling.before = None  # one is enough
        self.judged.keep(one, settling)


def _sales_first(one: Open) -> tuple[bool, int]:
    return one.trade.kind not in _SALES, one.trade.seq


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
