"""What went wrong with money given back: D07, more than was paid; D20, taken once more instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from agent.fees.audit.detectors.windows import Days
from agent.fees.audit.moments import Moment, Now, Seen, Settling, Sold, Trade
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import Outcome, TransactionKind

_APPROVED = Outcome.APPROVED
_SALE, _REFUND = TransactionKind.SALE, TransactionKind.REFUND
_BACK = (TransactionKind.VOID, TransactionKind.REVERSAL)


@dataclass(slots=True)
class _Over:
    """A sale of which more was given back than it brought. parts: refunds by reference, the last ones that were seen."""

    sale: Sold
    before_minor: int
    first: date
    last: date
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def excess_minor(self) -> int:
        return self.before_minor + sum(minor for minor, _seq in self.parts.values()) - self.sale.amount_minor


class OverRefund:
    """D07: the successful refunds of a sale are above it. What was asked for does not matter: what was done does."""

    rule = Rule.D07

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._open: dict[str, int] = {}
        """Refunded in batches that are not judged yet, by sale: the book adds it to the sale when they are."""
        self._over: dict[str, _Over] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if type(moment) is Seen:
            trade = moment.trade
            if trade.original is not None and trade.outcome is _APPROVED:
                if trade.kind is _REFUND:
                    if moment.original is not None:
                        self._refunded(trade, trade.original, moment.original)
                elif trade.kind in _BACK:
                    self._taken_back(trade.original)
        elif isinstance(moment, Settling):
            trade = moment.trade
            if trade.kind is _REFUND and trade.original in self._open and trade.outcome is _APPROVED:
                self._open[trade.original] -= trade.amount_minor
                if self._open[trade.original] <= 0:
                    del self._open[trade.original]
        elif isinstance(moment, Now):
            return [_above(sale, over) for sale, over in self._over.items() if over.excess_minor > 0]
        return ()

    def _refunded(self, trade: Trade, reference: str, sale: Sold) -> None:
        before = sale.refunded_minor + self._open.get(reference, 0)
        self._open[reference] = self._open.get(reference, 0) + trade.amount_minor
        over = self._over.get(reference)
        if over is None:
            if before + trade.amount_minor <= sale.amount_minor:
                return
            over = self._over[reference] = _Over(sale, before, trade.day, trade.day)
        over.last = max(over.last, trade.day)
        over.parts[trade.reference] = (over.parts.get(trade.reference, (0, 0))[0] + trade.amount_minor, trade.seq)

    def _taken_back(self, reference: str) -> None:
        for over in self._over.values():
            over.parts.pop(reference, None)


def _above(reference: str, over: _Over) -> Finding:
    return Finding(
        rule=Rule.D07,
        verdict=Verdict.OVER,
        subject=reference,
        first=over.first,
        last=over.last,
        currency=over.sale.currency,
        expected_minor=over.sale.amount_minor,
        charged_minor=over.sale.amount_minor + over.excess_minor,
        difference_minor=over.excess_minor,
        entries=(over.sale.seq, *(seq for _minor, seq in over.parts.values())),
        facts={"owes": "customer"},
    )


class RefundAsSale:
    """D20: a refund fails, and the same card is charged that amount. The money is the customer's (`facts["of"]`), and whose
    hand it was the record cannot say. A sale after a refund that went through is an exchange of goods.
    """

    rule = Rule.D20

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._within = settings.refund_as_sale_ms
        self._failed: Days[tuple[str, int], Trade] = Days()
        self._some = False
        self._found: dict[str, Finding] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if type(moment) is Seen:
            trade = moment.trade
            if trade.kind is _SALE:
                if self._some and trade.card_token is not None and trade.outcome is _APPROVED:
                    self._sold(trade, (trade.card_token, trade.amount_minor))
            elif trade.kind is _REFUND:
                if trade.outcome is not _APPROVED and trade.card_token is not None:
                    self._failed.of(trade.day)[trade.card_token, trade.amount_minor] = trade
                    self._some = True
            elif trade.kind in _BACK and trade.original is not None and trade.outcome is _APPROVED:
                self._found.pop(trade.original, None)
        elif isinstance(moment, Now):
            return list(self._found.values())
        return ()

    def _sold(self, trade: Trade, key: tuple[str, int]) -> None:
        for table in self._failed.tables.values():
            failed = table.get(key)
            if failed is not None and 0 <= trade.at - failed.at <= self._within:
                del table[key]
                self._found[trade.reference] = _charged_instead(trade, failed)
                return


def _charged_instead(trade: Trade, failed: Trade) -> Finding:
    return Finding(
        rule=Rule.D20,
        verdict=Verdict.NEEDS_EVIDENCE,
        subject=trade.reference,
        first=trade.day,
        last=trade.day,
        currency=trade.currency,
        expected_minor=0,
        charged_minor=trade.amount_minor,
        difference_minor=trade.amount_minor,
        entries=(failed.seq, trade.seq),
        confidence=Confidence.LIKELY,
        settled_by=SettledBy.CUSTOMER,
        facts={"of": "customer"},
    )
