"""The audit: every entry once, in its order, through the book to the detectors; what they find, by name.

The same object, fed the same entries at once or as they arrive, says the same: no detector knows when it is asked.
What the contract says is known before the first entry (`Terms`); where that changes, a new audit begins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from agent.fees import calculation
from agent.fees.audit import given_back
from agent.fees.audit.also_seen import AlsoSeen
from agent.fees.audit.book import Book
from agent.fees.audit.detectors.batch_net import BatchNet
from agent.fees.audit.detectors.doubles import DoubleRefund, DoubleSale
from agent.fees.audit.detectors.fee_lines import (
    AboveCap,
    DoubleFee,
    FailedFee,
    InstantFee,
    NotListed,
    RefundCost,
    WrongClass,
    rate_line,
)
from agent.fees.audit.detectors.identity import AnotherMerchant, OutsideHours
from agent.fees.audit.detectors.own_fees import OwnNotListed, SimFee
from agent.fees.audit.detectors.rates import Rates
from agent.fees.audit.detectors.refunds import OverRefund, RefundAsSale
from agent.fees.audit.detectors.settlements import LateInstant, MissingSettlement, SettlementDifference
from agent.fees.audit.detectors.unknown import Unjudged, stray
from agent.fees.audit.detectors.warnings import DepositDeduction, MonthTotal, PromoEnd, SupportInstalment
from agent.fees.audit.moments import (
    FeeLine,
    Moment,
    Now,
    OwnFee,
    RateLine,
    Seen,
    Settling,
    Sold,
    Trade,
)
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import FeeBasis, TariffVersion
from agent.fees.findings import Finding, Verdict
from agent.fees.statements.statement_match import statement_index
from agent.journal.entries import Entry
from protocol.messages import FeeType, Outcome, Product, TransactionKind


class Detector(Protocol):
    """What every detector is: one method."""

    def judge(self, moment: Moment) -> Iterable[Finding]: ...


class Audit:
    """terms: what the whole journal says of contract, consent, tickets and the bank."""

    def __init__(self, terms: Terms, thresholds: Thresholds) -> None:
        self._terms = terms
        stated = statement_index(terms.statement_pages) if terms.statement_pages else None
        self._tariffs: dict[tuple[Product, date], tuple[TariffVersion | None, str | None]] = {}
        self._found: dict[str | int, dict[str, Finding]] = defaultdict(dict)
        """Those of a transaction by its entry, others by their own names."""
        self._back: dict[int, int] = {}
        """By a sale's entry: what its refunds have given back of its MDR beyond what was due."""
        self._also = AlsoSeen(terms)
        self._month, self._unjudged = MonthTotal(terms, thresholds), Unjudged()
        self._book = Book(
            thresholds.time_zone,
            tariff=self._of_one_line,
            charged=self._month.add,
            settling=self._settling,
            statement=stated,
        )
        self._rates, self._nets = Rates(terms, thresholds), BatchNet()
        late, over_refund = LateInstant(terms, thresholds), OverRefund(terms, thresholds)
        self._of_trades: Sequence[Detector] = (
            DoubleSale(terms, thresholds),
            DoubleRefund(terms, thresholds),
            over_refund,
            RefundAsSale(terms, thresholds),
            AnotherMerchant(terms, thresholds),
            OutsideHours(terms, thresholds),
        )
        self._of_backs = tuple(one.judge for one in self._of_trades)
        self._of_any = tuple(one.judge for one in self._of_trades if not isinstance(one, DoubleRefund | OverRefund))
        """Of a transaction that is of no other the two say nothing."""
        self._of_lines: Sequence[
            Detector
        ] = (  # in the order of their precedence (docs/domain.md §4): who comes first claims
            FailedFee(),
            DoubleFee(),
            InstantFee(terms),
            RefundCost(terms),
            AboveCap(terms),
            WrongClass(terms),
            NotListed(terms),
            self._unjudged,
            self._nets,
            over_refund,
            late,
        )
        self._all: Sequence[Detector] = (
            *self._of_trades,
            SimFee(terms),
            OwnNotListed(terms),
            SupportInstalment(terms, thresholds),
            MissingSettlement(terms, thresholds),
            SettlementDifference(terms, thresholds),
            late,
            PromoEnd(terms, thresholds),
            DepositDeduction(terms, thresholds),
            self._rates,
            self._nets,
            self._unjudged,
            self._month,
        )

    @property
    def transactions(self) -> int:
        """How many were read."""
        return self._book.transactions

    @property
    def unjudged(self) -> int:
        """Approved sales of which nobody knows what they should cost."""
        return self._unjudged.count

    def take(self, entry: Entry) -> None:
        """The journal's next entry."""
        self._hear(self._book.take(entry))

    def take_bytes(self, raw: bytes) -> None:
        """The journal's next entry, as its bytes."""
        if moments := self._book.take_bytes(raw):
            self._hear(moments)

    def findings(self, at: int) -> list[Finding]:
        """All that stands at ms UTC, in the order of its dates. Batches of days before are over; nothing else changes."""
        self._hear(self._book.until(self._book.day_of(at)))
        now = Now(self._book.day_of(at), at, dict(self._back))
        found: dict[str, Finding] = {}
        for key, kept in self._found.items():
            if type(key) is int and (back := self._back.get(key)):
                less, now.back[key] = given_back.lessened(kept.values(), back)
                found |= less
            else:
                found |= kept
        for detector in self._all:
            found |= {one.name: one for one in detector.judge(now)}
        found |= {one.name: one for one in map(stray, self._book.strays(now.day))}
        return sorted(found.values(), key=lambda one: (one.first, one.rule, one.name))

    def _hear(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            if type(moment) is Seen:
                for judge in self._of_any if moment.trade.original is None else self._of_backs:
                    for one in judge(moment):
                        self._found[one.name][one.name] = one
            elif type(moment) is Settling:
                self._judge(moment)
            else:
                self._rest(moment)

    def _rest(self, moment: Moment) -> None:
        found = [one for detector in self._all for one in detector.judge(moment)]
        for one in found:
            if one.verdict is Verdict.OK:  # a later line took it back
                self._found.pop(one.name, None)
            else:
                self._found[one.name][one.name] = one
        if isinstance(moment, OwnFee):
            off, line = sum(one.difference_minor for one in found), moment.line
            self._month.add(line.day, line.currency, line.amount_minor - off, line.amount_minor)

    def _judge(self, moment: Settling) -> None:
        """A transaction judged again, for what came late, is judged anew whole."""
        seq, before = moment.trade.seq, moment.before
        if before is not None:
            said = self._found.pop(seq, {}).values()
            before.seen = [*before.seen, *(one.rule for one in said)]
            line = rate_line(before)
            self._add_up(before, sum(one.difference_minor for one in said), line, -1)
            if line is not None:  # what was said of its rate is said no more
                self._rates.judge(replace(line, charged_minor=line.expected_minor, late=True))
        found = {one.name: one for detector in self._of_lines for one in detector.judge(moment)}
        if found:
            self._found[seq] = self._also.named(found, moment)
        if moment.original is not None:
            self._came_back(moment, moment.original)
        if (line := rate_line(moment)) is not None:
            self._rates.judge(line)
        self._add_up(moment, sum(one.difference_minor for one in found.values()), line, 1)

    def _came_back(self, refund: Settling, sale: Sold) -> None:
        """What a refund, now judged, gave back of its sale's MDR; the month expects no more to come back than is claimed."""
        version, refunded, returned = self._tariff(sale.product, sale.day)[0], sale.refunded_minor, sale.returned_minor
        if version is None or refund.trade.kind is not TransactionKind.REFUND:
            return
        if refund.trade.outcome is Outcome.APPROVED and not refund.undone:
            refunded += refund.trade.amount_minor
            returned += max(-refund.net.get(FeeType.MDR, 0), -(refund.expected_minor or 0))
        before, back = self._back.pop(sale.seq, 0), given_back.too_much(version, sale, refunded, returned)
        if back:
            self._back[sale.seq] = back
        over = max(0, sale.mdr_minor - given_back.right_mdr(version, sale))
        self._month.add(sale.day, sale.currency, min(back, over) - min(before, over), 0)

    def _add_up(self, on: Settling, off: int, line: RateLine | None, sign: int) -> None:
        """Into the month's total, or (-1) out of it. off: what findings of the transaction come to; line: of its rate."""
        charged = sum(on.net.values())
        off += 0 if line is None else line.charged_minor - line.expected_minor
        if on.version is not None or not charged:
            self._month.add(on.trade.day, on.trade.currency, sign * (charged - off), sign * charged)

    # -- what the book asks ------------------------------------------------------------------------------------------------

    def _tariff(self, product: Product, day: date) -> tuple[TariffVersion | None, str | None]:
        if (known := self._tariffs.get((product, day))) is None:
            decision = self._terms.tariff(product, day)
            why = None if decision.unknown is None else decision.unknown.value
            known = self._tariffs[product, day] = (decision.version, why)
        return known

    def _of_one_line(self, product: Product, day: date, currency: int) -> TariffVersion | None:
        version, _why = self._tariff(product, day)
        if version is None or version.fee_basis is FeeBasis.BATCH_NET or version.currency != currency:
            return None
        return version

    def _settling(self, trade: Trade, lines: list[FeeLine], original: Sold | None, undone: bool) -> Settling:
        version, why = self._tariff(trade.product, trade.day)
        if version is not None and version.currency != trade.currency:
            version, why = None, "currency"
        net: dict[FeeType, int] = {}
        for line in lines:
            net[line.type] = net.get(line.type, 0) + line.amount_minor
        expected = calculation.mdr(version, trade.amount_minor) if version is not None and trade.approved_sale else None
        if trade.outcome is Outcome.DECLINED or undone:
            expected = 0
        return Settling(trade, lines, net, version, why, expected, original, undone, left=dict(net))
