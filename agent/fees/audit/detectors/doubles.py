"""What stands twice: D04, a sale; D06, a refund.

Both are answered at `Now`: a void or reversal that comes later takes the finding away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from agent.fees.audit.detectors.windows import Days
from agent.fees.audit.moments import Moment, Now, Seen, SettlementTold, Sold, Trade
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import Outcome, TransactionKind

_APPROVED = Outcome.APPROVED
_SALE, _COMPLETION, _REFUND = TransactionKind.SALE, TransactionKind.PRE_AUTH_COMPLETION, TransactionKind.REFUND
_BACK = (TransactionKind.VOID, TransactionKind.REVERSAL)
_ENTRIES = 1_000

Line = tuple[str, str | None, str, str | None, int, int]
"""A line of `SettlementTold`."""


@dataclass(slots=True)
class _Again:
    """A pair. again: what came second; first: its reference, whose undoing settles a suspicion too."""

    finding: Finding
    first: str
    again: str


@dataclass(slots=True)
class _Once:
    at: int
    seq: int
    trace: str
    reference: str


class _Pairs:
    """What stands twice and was not taken back. Bounded by what is wrong."""

    def __init__(self) -> None:
        self._by_subject: dict[str, _Again] = {}
        self._of: dict[str, set[str]] = {}
        self._undone: Days[str, bool] = Days()

    def add(self, again: _Again) -> None:
        subject = again.finding.subject
        self._by_subject[subject] = again
        for reference in (again.first, again.again):
            self._of.setdefault(reference, set()).add(subject)

    def has(self, reference: str) -> bool:
        return reference in self._of

    def was_undone(self, reference: str) -> bool:
        """Lately: what comes after it is no double."""
        return any(self._undone.found(reference))

    def undo(self, reference: str, day: date) -> None:
        """A transaction was taken back whole. Of what is certain only the undoing of the second one settles it."""
        self._undone.of(day)[reference] = True
        for subject in self._of.pop(reference, set()):
            pair = self._by_subject.get(subject)
            suspect = pair is not None and pair.finding.confidence is Confidence.SUSPECT
            if pair is not None and (suspect or pair.again == reference):
                del self._by_subject[subject]

    def __iter__(self) -> Iterator[Finding]:
        return (pair.finding for pair in self._by_subject.values())


class DoubleSale:
    """D04. Certain: one RRN, terminal, date and amount under two traces. Suspect: one card and amount too soon after.

    The money is the customer's (`facts["of"]`). The wire alone is looked at: a statement's line is no second sale.
    """

    rule = Rule.D04

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._within = settings.same_sale_ms
        self._by_rrn: Days[str, Trade] = Days()
        self._by_card: Days[tuple[str, int], Trade] = Days()
        self._day: date | None = None
        self._rrns: dict[str, Trade] = {}
        self._cards: dict[tuple[str, int], Trade] = {}
        self._pairs = _Pairs()

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if type(moment) is Seen:
            trade = moment.trade
            if trade.outcome is _APPROVED:
                if (kind := trade.kind) is _SALE or kind is _COMPLETION:
                    self._sold(trade)
                elif trade.original is not None and (kind in _BACK or _whole(trade, moment.original)):
                    self._pairs.undo(trade.original, trade.day)
        elif type(moment) is Now:
            return self._pairs
        return ()

    def _sold(self, trade: Trade) -> None:
        if (day := trade.day) != self._day:
            self._day, self._rrns, self._cards = day, self._by_rrn.of(day), self._by_card.of(day)
        certain = False
        if (rrn := trade.rrn) is not None and (first := self._rrns.setdefault(rrn, trade)) is not trade:
            certain = self._same_rrn(trade, first)
        if (token := trade.card_token) is not None:
            card = (token, trade.amount_minor)
            for table in self._by_card.tables.values():
                if card in table and not certain and self._suspect(trade, table[card]):
                    self._pairs.add(_pair(self.rule, trade, _once(table[card]), certain=False))
                    break
            self._cards[card] = trade

    def _same_rrn(self, trade: Trade, first: Trade) -> bool:
        """Where only the RRN is the same, it is compared with others of all that has to be."""
        key = _all_of(trade)
        if _all_of(first) != key:
            first = self._rrns.setdefault(key, trade)
        if first is trade or first.trace == trade.trace:
            return False
        self._pairs.add(_pair(self.rule, trade, _once(first), certain=True))
        return True

    def _suspect(self, trade: Trade, lately: Trade) -> bool:
        if (trade.tid, trade.mid) != (lately.tid, lately.mid) or trade.reference == lately.reference:
            return False
        return abs(trade.at - lately.at) <= self._within and not self._pairs.was_undone(lately.reference)


def _all_of(trade: Trade) -> str:
    return f"{trade.rrn}/{trade.amount_minor}/{trade.kind}/{trade.tid}/{trade.mid}"


def _once(trade: Trade) -> _Once:
    return _Once(trade.at, trade.seq, trade.trace, trade.reference)


class DoubleRefund:
    """D06. Certain: two of the acquirer's records of one refund, in the terminal's log, in a settlement, or in two of them.
    Suspect: one sale and amount twice too soon. The declared parts of a partial refund differ in amount, or come later.
    """

    rule = Rule.D06

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._within, self._remembered = settings.same_refund_ms, settings.refund_again_days
        self._by_reference: Days[str, _Once] = Days()
        self._by_sale: Days[tuple[str, int], _Once] = Days()
        self._settled: dict[tuple[str, int], tuple[str, date]] = {}
        self._swept: date | None = None
        self._pairs = _Pairs()
        self._told: dict[str, Finding] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, Seen):
            trade = moment.trade
            if trade.outcome is _APPROVED and trade.original is not None:
                if trade.kind is _REFUND:
                    self._refunded(trade, trade.original)
                elif trade.kind in _BACK:
                    self._pairs.undo(trade.original, trade.day)
        elif isinstance(moment, SettlementTold):
            self._settlement(moment)
        elif isinstance(moment, Now):
            return (*self._pairs, *self._told.values())
        return ()

    def _refunded(self, trade: Trade, sale: str) -> None:
        table = self._by_reference.of(trade.day)
        once = next(self._by_reference.found(trade.reference), None)
        if once is not None and once.trace != trade.trace:
            self._pairs.add(_pair(self.rule, trade, once, certain=True))
            return
        last = _Once(trade.at, trade.seq, trade.trace, trade.reference)
        table[trade.reference] = last
        of_day = self._by_sale.of(trade.day)
        for before in self._by_sale.found((sale, trade.amount_minor)):
            soon = before.reference != trade.reference and abs(trade.at - before.at) <= self._within
            if soon and not self._pairs.was_undone(before.reference):
                self._pairs.add(_pair(self.rule, trade, before, certain=False))
                break
        of_day[sale, trade.amount_minor] = last

    def _settlement(self, told: SettlementTold) -> None:
        again = doubled_refunds(told.lines)
        for kind, reference, trace, rrn, amount, _fee in told.lines:
            named = _named(reference, trace, rrn)
            if kind != _REFUND or named is None:
                continue
            batch, _day = self._settled.setdefault((named, amount), (told.batch, told.day))
            if batch != told.batch:
                again[named] = again.get(named, 0) + amount
        for named, minor in again.items():
            if not self._pairs.has(named):
                self._told[f"{named}/{told.batch}"] = _settled_again(named, minor, told)
        if self._swept is None or (told.day - self._swept).days > self._remembered:
            self._swept = told.day
            self._settled = {k: v for k, v in self._settled.items() if (told.day - v[1]).days <= self._remembered}


def doubled_refunds(lines: Sequence[Line]) -> dict[str, int]:
    """What a settlement takes off for refunds that stand in it before, in minor units, by the refund's name."""
    counted = Counter(
        (named, line[4])
        for line in lines
        if line[0] == _REFUND and (named := _named(line[1], line[2], line[3])) is not None
    )
    again: dict[str, int] = {}
    for (named, minor), times in counted.items():
        if times > 1:
            again[named] = again.get(named, 0) + minor * (times - 1)
    return again


def _named(reference: str | None, trace: str, rrn: str | None) -> str | None:
    """What a refund's line is the same by: never by something that is not there."""
    return reference if reference is not None or rrn is None else f"{rrn}/{trace}"


def _whole(trade: Trade, sale: Sold | None) -> bool:
    return trade.kind is _REFUND and sale is not None and trade.amount_minor >= sale.amount_minor


def _pair(rule: Rule, trade: Trade, first: _Once, *, certain: bool) -> _Again:
    customers = rule is Rule.D04
    finding = Finding(
        rule=rule,
        verdict=Verdict.OVER if certain else Verdict.NEEDS_EVIDENCE,
        subject=trade.reference if trade.reference != first.reference else f"{trade.reference}/{trade.trace}",
        first=trade.day,
        last=trade.day,
        currency=trade.currency,
        expected_minor=trade.amount_minor,
        charged_minor=2 * trade.amount_minor,
        difference_minor=trade.amount_minor,
        entries=(first.seq, trade.seq),
        confidence=Confidence.CERTAIN if certain else Confidence.SUSPECT,
        settled_by=SettledBy.NOTHING if certain else SettledBy.OWN_STAFF,
        facts={"traces": f"{first.trace} {trade.trace}", **({"of": "customer"} if customers else {})},
    )
    return _Again(finding, first.reference, trade.reference)


def _settled_again(named: str, minor: int, told: SettlementTold) -> Finding:
    amount = next(line[4] for line in told.lines if _named(line[1], line[2], line[3]) == named)
    return Finding(
        rule=Rule.D06,
        verdict=Verdict.OVER,
        subject=f"{named}/{told.batch}",
        first=told.day,
        last=told.day,
        currency=told.currency,
        expected_minor=amount,
        charged_minor=amount + minor,
        difference_minor=minor,
        entries=told.entries[:_ENTRIES],
        facts={"batch": told.batch},
    )
