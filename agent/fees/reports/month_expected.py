"""What was expected of each fee, for a month's sums: by the tariff that bound, the SIM's terms, and what the lists name.

None everywhere means that what is known does not say it: UNKNOWN, never a guess (docs/domain.md §4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from agent.fees import calculation
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import FeeBasis, FeeReturn, TariffVersion
from agent.fees.contract.terms import Per
from agent.fees.reports.settled_fees import Batch
from protocol.messages import FeeType, Product, TransactionKind

Key = tuple[str, Product | None, int]
"""Month (`2026-03`), product (None: fees without a transaction, and those whose transaction is not here), currency."""

SALES = (TransactionKind.SALE, TransactionKind.PRE_AUTH_COMPLETION)
BACK = (TransactionKind.VOID, TransactionKind.REVERSAL)
_RATED = (FeeType.MDR, FeeType.T0, FeeType.REFUND_FEE)
_Span = tuple[FeeType, Per, int, int]


@dataclass(slots=True)
class Kept:
    """A transaction, and what was charged for it so far; of a sale that was taken back (`undone`), both's lines.

    amount: minor units. instant: settled at once. of: the sale that a void or reversal takes back. refunded, returned: of a
    sale, by its refunds so far. due: of a refund, what its own lines should come to.
    """

    key: Key
    day: date
    kind: TransactionKind
    approved: bool
    amount: int
    instant: bool
    of: Kept | None = None
    lines: dict[FeeType, int] = field(default_factory=dict)
    undone: bool = False
    refunded: int = 0
    returned: int = 0
    due: int | None = 0
    judged: bool = False
    batch: Batch = field(default_factory=Batch)
    stated: int | None = None
    """The fee that a provider's file says, where the wire tells none."""
    settled: int = 0
    """Of `lines` what a settlement's line says, until the wire tells it too."""

    @property
    def product(self) -> Product:
        product = self.key[1]
        assert product is not None  # it is a transaction's key
        return product


class Expected:
    """terms: None where nothing is to be compared; all is unknown then."""

    def __init__(self, terms: Terms | None) -> None:
        self._terms = terms
        self._charged: dict[_Span, int] = {}

    def of_transaction(self, kept: Kept) -> int | None:
        """What all its lines should come to.

        Of a rate that is only stated as a range, what was charged counts as right within it.
        """
        if self._terms is None:
            return None
        if not kept.approved or kept.undone or kept.kind is TransactionKind.PRE_AUTH:
            return 0
        listed = self._listed_on(kept)
        if kept.kind in BACK or listed is None or FeeType.MDR not in kept.lines:  # its sale, or its fee, is not here
            return None
        if kept.kind is TransactionKind.REFUND:
            return None if kept.due is None else kept.due + listed
        version = self._tariff(self._terms, kept)
        mdr = None if version is None else _mdr(version, kept.amount, kept.lines[FeeType.MDR])
        t0 = None if version is None else self._t0(self._terms, version, kept)
        return None if mdr is None or t0 is None else mdr + t0 + listed

    def of_refund(self, refund: Kept, sale: Kept | None) -> int | None:
        """What a refund's own lines should come to: below zero where some of the sale's fee comes back.

        It is to be asked once, in the order of the refunds: the sale's `refunded` and `returned` go on. sale: None where it
        is not here.
        """
        version = None if self._terms is None else self._tariff(self._terms, sale or refund)
        if version is None or version.fee_basis is FeeBasis.BATCH_NET:
            return None
        if sale is None:
            return 0 if version.fee_return is FeeReturn.KEEP and version.refund_fee is None else None
        cost = calculation.refund_fee(version, sale.amount, refund.amount, (refund.day - sale.day).days) or 0
        sale.refunded += refund.amount
        right = 0 if version.fee_return is FeeReturn.KEEP else calculation.mdr(version, sale.amount)
        if right is None:
            return None
        target = calculation.returned_so_far(version, sale.amount, right, min(sale.refunded, sale.amount))
        if target is None:
            return None
        back, sale.returned = target - sale.returned, target
        return cost - back

    def of_batch(self, batch: Batch, day: date, currency: int) -> bool:
        """Whether the fee of a batch, which closes on that day, is reckoned of all of it together; then it is told it."""
        if self._terms is None or not batch.nets:
            return False
        nets: dict[str, tuple[TariffVersion, int, int]] = {}
        for product, (sales, refunds) in batch.nets.items():
            version = self._terms.tariff(product, day).version
            if version is None or version.fee_basis is not FeeBasis.BATCH_NET or version.currency != currency:
                return False
            _same, sold, back = nets.get(version.version, (version, 0, 0))
            nets[version.version] = version, sold + sales, back + refunds
        right = [calculation.batch_net(version, sold, back) for version, sold, back in nets.values()]
        batch.by_net = True
        batch.expected = None if None in right else sum(one for one in right if one is not None)
        return True

    def of_line(self, type_: FeeType, day: date, minor: int) -> int | None:
        """Of a line of its own of that much: what was right to charge with it.

        A SIM fee may be taken once for every period begun; a listed fee as often as the list says; what stands on no list,
        not at all, once there is a list or the merchant says that nothing else was agreed. What was charged and taken back
        does not count against what may be charged.
        """
        if self._terms is None or type_ in (FeeType.MDR, FeeType.T0):
            return None
        if type_ is FeeType.SIM and (sim := self._terms.sim()) is not None:
            since = (day - sim.activated).days - sim.free_days
            allowed = 0 if since < 0 else (since // sim.period_days + 1) * sim.amount_minor
            return self._more((type_, Per.ONCE, 0, 0), minor, allowed)
        if not _has_list(self._terms, day):
            return None
        spans: dict[_Span, int] = {}
        for one in self._terms.listed(day):
            if one.type is type_ and one.amount_minor is not None and one.per is not Per.TRANSACTION:
                span = _span(type_, one.per, day)
                spans[span] = spans.get(span, 0) + one.amount_minor
        right = 0
        for span, allowed in spans.items():
            right += self._more(span, minor - right, allowed)
        return right

    def _listed_on(self, kept: Kept) -> int | None:
        """Of a transaction's lines that are no rate's: what was right."""
        assert self._terms is not None
        right = 0
        for type_, minor in kept.lines.items():
            if type_ in _RATED or not minor:
                continue
            if not _has_list(self._terms, kept.day):
                return None
            allowed = sum(
                one.amount_minor or calculation.percentage(kept.amount, one.rate_ppm or 0)
                for one in self._terms.listed(kept.day)
                if one.type is type_ and one.per is Per.TRANSACTION
            )
            right += min(max(minor, -allowed), allowed)
        return right

    def _tariff(self, terms: Terms, kept: Kept) -> TariffVersion | None:
        """Of its own currency alone: amounts of another one are not to be compared."""
        assert kept.key[1] is not None
        version = terms.tariff(kept.key[1], kept.day).version
        return version if version is not None and version.currency == kept.key[2] else None

    def _t0(self, terms: Terms, version: TariffVersion, kept: Kept) -> int | None:
        """0 where none is charged, where the money comes later, or where T+0 was not asked for."""
        agreed = terms.settlement(kept.day) if kept.lines.get(FeeType.T0) else None
        instant = kept.instant if agreed is None else agreed.t0_agreed and agreed.mode.endswith("0")
        return calculation.t0(version, kept.amount) if kept.lines.get(FeeType.T0) and instant else 0

    def _more(self, span: _Span, minor: int, allowed: int) -> int:
        """By how much this line moves what is right in the span: what was charged in all, within what is allowed."""
        before = self._charged.get(span, 0)
        self._charged[span] = before + minor
        return min(max(before + minor, 0), allowed) - min(max(before, 0), allowed)


def _has_list(terms: Terms, day: date) -> bool:
    return bool(terms.listed(day)) or terms.nothing_else_agreed(day)


def _span(type_: FeeType, per: Per, day: date) -> _Span:
    return type_, per, day.year if per in (Per.MONTH, Per.YEAR) else 0, day.month if per is Per.MONTH else 0


def _mdr(version: TariffVersion, amount: int, charged: int) -> int | None:
    """The MDR line; of a range what was charged, or the range's nearer end."""
    right = calculation.mdr(version, amount)
    if right is not None or version.cap_unclear:
        return right
    ends = calculation.mdr_band(version, amount)
    return None if ends is None else min(max(charged, ends[0]), ends[1])
