"""What one transaction was charged, line by line: D10, D05, D14, D09, D02, D03 and D08, in the order of their precedence.

Each claims from `Settling.left` and takes out what it claims, so that money is claimed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.fees import calculation
from agent.fees.audit import given_back
from agent.fees.audit.moments import FeeLine, Moment, RateLine, Settling
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import Basis, FeeBasis, FeeReturn, TariffVersion
from agent.fees.contract.terms import Per
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import FeeType, Outcome, Product, TransactionKind

_AT_LEAST_ANOTHER_CLASS = 2
"""Minor units: below, two classes of one small amount differ by rounding alone."""
_OF_ITS_OWN = frozenset({FeeType.SERVICE, FeeType.OTHER, FeeType.DEPOSIT_DEDUCTION, FeeType.REFUND_FEE})


def _finding(rule: Rule, on: Settling, expected: int | None, charged: int, **more: object) -> Finding:
    trade = on.trade
    made: dict[str, object] = {
        "rule": rule,
        "verdict": Verdict.OVER,
        "subject": trade.reference,
        "first": trade.day,
        "last": trade.day,
        "currency": trade.currency,
        "version": None if on.version is None else on.version.version,
        "expected_minor": expected,
        "charged_minor": charged,
        "difference_minor": 0 if expected is None else charged - expected,
        "entries": on.entries,
    }
    return Finding(**{**made, **more})  # type: ignore[arg-type]


def _signed(version: TariffVersion) -> dict[str, object]:
    """What rests on an advertisement needs the contract."""
    if version.basis is Basis.SIGNED:
        return {}
    return {"verdict": Verdict.NEEDS_EVIDENCE, "settled_by": SettledBy.CONTRACT, "confidence": Confidence.LIKELY}


def _skips(on: Settling) -> bool:
    return on.version is not None and on.version.fee_basis is FeeBasis.BATCH_NET


class FailedFee:
    """D10: what failed, or was taken back, costs nothing at settlement."""

    rule = Rule.D10

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, Settling) or _skips(moment):
            return ()
        trade = moment.trade
        failed = trade.outcome is Outcome.DECLINED or moment.undone
        net = sum(moment.net.values())
        if not failed:
            return ()
        moment.left.clear()
        if net <= 0:
            return ()
        moment.seen.append(self.rule)
        return (_finding(self.rule, moment, 0, net),)


class DoubleFee:
    """D05: two positive lines of one type that no negative one takes back, with event numbers of their own."""

    rule = Rule.D05

    def judge(self, moment: Moment) -> Iterator[Finding]:
        if not isinstance(moment, Settling) or len(moment.lines) < 2 or _skips(moment):
            return
        for type_ in sorted({line.type for line in moment.lines} & moment.left.keys()):
            kept = _unreversed([line for line in moment.lines if line.type is type_])
            if len(kept) < 2 or len({line.number for line in kept}) < 2:
                continue
            right = moment.expected_minor if type_ is FeeType.MDR else None
            once = next((one for one in kept if one.amount_minor == right), min(kept, key=lambda one: one.amount_minor))
            again = sum(one.amount_minor for one in kept if one is not once)
            alike = right is None or all(one.amount_minor == once.amount_minor for one in kept)
            beyond = moment.left[type_] - (once.amount_minor if alike else right or 0)
            claimed = min(again, beyond)
            if claimed <= 0:  # it has come back, or makes up a fee that was too low
                continue
            moment.left[type_] -= claimed
            moment.seen.append(self.rule)
            entries = (moment.trade.seq, *(one.seq for one in kept))
            charged = once.amount_minor + again
            yield _finding(
                self.rule, moment, charged - claimed, charged,
                subject=f"{moment.trade.reference}/{type_}", entries=entries, facts={"type": type_.value},
            )  # fmt: skip


def _unreversed(lines: list[FeeLine]) -> list[FeeLine]:
    """The positive lines that no negative one of the same amount takes back."""
    back = Counter(-line.amount_minor for line in lines if line.amount_minor < 0)
    kept = []
    for line in lines:
        if line.amount_minor > 0:
            if back[line.amount_minor] > 0:
                back[line.amount_minor] -= 1
            else:
                kept.append(line)
    return kept


class InstantFee:
    """D14: a T+0 line on a sale that is settled later, that nobody asked for, or above the contract's."""

    rule = Rule.D14

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, Settling) or (charged := moment.left.get(FeeType.T0, 0)) <= 0:
            return ()
        trade, settlement = moment.trade, self._terms.settlement(moment.trade.day)
        mode = trade.settlement_mode if settlement is None else settlement.mode
        facts = {"mode": trade.settlement_mode.value}
        if not trade.settlement_mode.endswith("0"):
            expected: int | None = 0
        elif settlement is not None and mode.endswith("0") and settlement.t0_agreed:
            expected = None if moment.version is None else calculation.t0(moment.version, trade.amount_minor)
            if expected is not None and charged <= expected:
                moment.left[FeeType.T0] = 0
                return ()
        elif settlement is None:
            expected = None
        else:
            expected = 0
        moment.left[FeeType.T0] = 0
        moment.seen.append(self.rule)
        if expected is None:
            more = {"verdict": Verdict.UNKNOWN, "settled_by": SettledBy.CONTRACT, "facts": facts}
            return (_finding(self.rule, moment, None, charged, **more),)
        return (_finding(self.rule, moment, expected, charged, facts=facts),)


class RefundCost:
    """D09: a fee on a refund above the contract's, or less of the sale's fee given back than the contract says."""

    rule = Rule.D09

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def judge(self, moment: Moment) -> Iterator[Finding]:
        if not isinstance(moment, Settling):
            return
        trade, sale = moment.trade, moment.original
        if trade.kind is not TransactionKind.REFUND or trade.outcome is not Outcome.APPROVED or moment.undone:
            return
        version = moment.version if sale is None else self._terms.tariff(sale.product, sale.day).version
        if version is not None and version.fee_basis is FeeBasis.BATCH_NET:
            return
        fee, given = moment.left.pop(FeeType.REFUND_FEE, 0), -moment.left.pop(FeeType.MDR, 0)
        if sale is None or version is None:
            kept = version is not None and version.fee_return is FeeReturn.KEEP
            if fee > 0 or given < 0 or not kept:
                missing = "sale" if sale is None else "tariff"
                yield _finding(
                    self.rule, moment, None, fee - given,
                    verdict=Verdict.UNKNOWN, settled_by=SettledBy.CONTRACT, facts={"missing": missing},
                )  # fmt: skip
            return
        named = {"version": version.version}
        allowed = (
            calculation.refund_fee(version, sale.amount_minor, trade.amount_minor, (trade.day - sale.day).days) or 0
        )
        if fee > allowed:
            moment.seen.append(self.rule)
            yield _finding(self.rule, moment, allowed, fee, **named, **_signed(version), facts={"of": "refund_fee"})
        target = given_back.target(version, sale, sale.refunded_minor + trade.amount_minor)
        if target is None:
            if sale.mdr_minor or given:
                yield _finding(
                    self.rule, moment, None, -given, subject=f"{trade.reference}/return", **named,
                    verdict=Verdict.UNKNOWN, settled_by=SettledBy.CONTRACT, facts={"missing": "fee_return"},
                )  # fmt: skip
            return
        due = max(0, target - sale.returned_minor)
        moment.expected_minor = -due  # what did not come back is claimed here, and not again with the next refund
        if due > given:
            moment.seen.append(self.rule)
            yield _finding(
                self.rule, moment, -due, -given, subject=f"{trade.reference}/return", **named, **_signed(version),
                facts={"of": "fee_return"},
            )  # fmt: skip


class AboveCap:
    """D02: more than the cap, where one is agreed. What is exactly another product's fee, and not one's own without the cap,
    is left to D03, which names the reason."""

    rule = Rule.D02

    def __init__(self, terms: Terms, *, alone: bool = False) -> None:
        """alone: whatever D03 says of it."""
        self._terms, self._alone = terms, alone

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, Settling) or not _is_rated(moment):
            return ()
        version, charged = moment.version, moment.left.get(FeeType.MDR, 0)
        assert version is not None
        most = calculation.cap_of_line(version)
        if most is None or charged <= most:
            return ()
        uncapped = calculation.mdr(replace(version, cap_minor=None), moment.trade.amount_minor)
        if not self._alone and charged != uncapped and _charged_as(self._terms, moment) is not None:
            return ()
        moment.left[FeeType.MDR] = 0
        moment.seen.append(self.rule)
        if version.cap_unclear:
            more = {
                "verdict": Verdict.NEEDS_EVIDENCE,
                "settled_by": SettledBy.SIGNED_CAP,
                "confidence": Confidence.LIKELY,
            }
            return (_finding(self.rule, moment, most, charged, **more),)
        right = moment.expected_minor  # of a band its upper end
        if right is None and (band := calculation.mdr_band(version, moment.trade.amount_minor)) is not None:
            right = band[1]
        return (_finding(self.rule, moment, right, charged, **_signed(version)),)


class WrongClass:
    """D03: exactly what another product would have cost."""

    rule = Rule.D03

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, Settling) or not _is_rated(moment) or moment.expected_minor is None:
            return ()
        product = _charged_as(self._terms, moment)
        if product is None:
            return ()
        charged, moment.left[FeeType.MDR] = moment.left[FeeType.MDR], 0
        moment.seen.append(self.rule)
        assert moment.version is not None
        facts = {"product": moment.trade.product.value, "charged_as": product.value}
        return (_finding(self.rule, moment, moment.expected_minor, charged, **_signed(moment.version), facts=facts),)


def _charged_as(terms: Terms, on: Settling) -> Product | None:
    """The other product whose fee this is, to the unit."""
    charged, trade = on.left.get(FeeType.MDR, 0), on.trade
    if on.expected_minor is None or charged - on.expected_minor < _AT_LEAST_ANOTHER_CLASS:
        return None
    for product in Product:
        other = None if product is trade.product else terms.tariff(product, trade.day).version
        if other is not None and calculation.mdr(other, trade.amount_minor) == charged:
            return product
    return None


class NotListed:
    """D08: a line of a type, or an amount, that neither the contract nor the published list names (条例 art 34)."""

    rule = Rule.D08

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def judge(self, moment: Moment) -> Iterator[Finding]:
        if not isinstance(moment, Settling):
            return
        trade = moment.trade
        judged = _OF_ITS_OWN | ({FeeType.MDR} if _takes_nothing(moment) else set())
        for type_ in sorted(judged & moment.left.keys()):
            charged = moment.left.pop(type_)
            allowed = sum(
                one.amount_minor or calculation.percentage(trade.amount_minor, one.rate_ppm or 0)
                for one in self._terms.listed(trade.day)
                if one.type is type_ and one.per is Per.TRANSACTION
            )
            if charged > allowed:
                moment.seen.append(self.rule)
                subject, facts = f"{trade.reference}/{type_}", {"type": type_.value}
                yield _finding(self.rule, moment, allowed, charged, subject=subject, facts=facts)


def _takes_nothing(on: Settling) -> bool:
    """Approved, and no money was taken that a percentage could be of."""
    return not on.trade.amount_minor or on.trade.kind is TransactionKind.PRE_AUTH


def _is_rated(on: Settling) -> bool:
    """An approved sale under a tariff that is reckoned by the transaction."""
    return on.trade.approved_sale and on.version is not None and not _skips(on)


def rate_line(on: Settling) -> RateLine | None:
    """What of a sale's MDR nobody has claimed and is not what it should be; None where all is as agreed, or unknown.

    Of one that was judged before also what is right now.
    """
    if not _is_rated(on) or FeeType.MDR not in on.left or {Rule.D02, Rule.D03} & set(on.seen):
        return None
    charged, trade, version = on.left[FeeType.MDR], on.trade, on.version
    assert version is not None
    expected = on.expected_minor
    if expected is None:
        band = calculation.mdr_band(version, trade.amount_minor)
        if band is None:
            return None
        expected = min(max(charged, band[0]), band[1])
    if charged == expected and not on.late:
        return None
    fee_seq = next((line.seq for line in on.lines if line.type is FeeType.MDR), trade.seq)
    return RateLine(
        trade.seq,
        fee_seq,
        trade.day,
        trade.product,
        trade.amount_minor,
        expected,
        charged,
        trade.currency,
        version,
        on.late,
    )
