"""Who else would have found something on a fee line that one rule claims: the losers of the precedence (docs/domain.md §4).

Asked only of what was found. D01, D15 and the rest of D08 judge what the others leave, over many sales: never named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.fees import calculation
from agent.fees.audit.detectors.fee_lines import (
    AboveCap,
    DoubleFee,
    InstantFee,
    NotListed,
    RefundCost,
    WrongClass,
)
from agent.fees.audit.moments import Settling
from agent.fees.contract.binding import Terms
from agent.fees.findings import Finding, Rule, Verdict
from protocol.messages import FeeType, TransactionKind

_SAYS = frozenset({Verdict.OVER, Verdict.NEEDS_EVIDENCE})
_TYPES = {Rule.D02: FeeType.MDR, Rule.D03: FeeType.MDR, Rule.D14: FeeType.T0}


class AlsoSeen:
    """Every rule of fee lines but D10, which loses to none, each by itself."""

    def __init__(self, terms: Terms) -> None:
        self._alone = (
            DoubleFee(),
            InstantFee(terms),
            RefundCost(terms),
            AboveCap(terms, alone=True),
            WrongClass(terms),
            NotListed(terms),
        )

    def named(self, found: Mapping[str, Finding], on: Settling) -> dict[str, Finding]:
        """The findings of one transaction, those that claim a line with the rules that lost it to them."""
        lost: dict[FeeType, set[Rule]] = defaultdict(set)
        for one in self._by_themselves(on):
            for type_ in _lines(one, on):
                lost[type_].add(one.rule)
        for one in found.values():
            for type_ in _lines(one, on):
                lost[type_].discard(one.rule)
        return {name: replace(one, also_seen=_of(one, on, lost)) for name, one in found.items()}

    def _by_themselves(self, on: Settling) -> Iterable[Finding]:
        expected = None
        if on.version is not None and on.trade.approved_sale:
            expected = calculation.mdr(on.version, on.trade.amount_minor)
        for detector in self._alone:
            yield from detector.judge(replace(on, left=dict(on.net), seen=[], before=None, expected_minor=expected))


def _of(one: Finding, on: Settling, lost: Mapping[FeeType, set[Rule]]) -> tuple[Rule, ...]:
    return tuple(sorted({rule for type_ in _lines(one, on) for rule in lost.get(type_, ())}))


def _lines(one: Finding, on: Settling) -> frozenset[FeeType]:
    """Of which types of fee line a finding is."""
    if one.verdict not in _SAYS:
        return frozenset()
    if one.rule is Rule.D10:
        return frozenset(on.net)
    if one.rule is Rule.D09:
        return frozenset({FeeType.REFUND_FEE if one.facts.get("of") == "refund_fee" else FeeType.MDR})
    if one.rule in {Rule.D05, Rule.D08} and "type" in one.facts:
        type_ = FeeType(one.facts["type"])
        judged_by_refund = one.rule is Rule.D08 and on.trade.kind is TransactionKind.REFUND
        return frozenset() if judged_by_refund and type_ is FeeType.REFUND_FEE else frozenset({type_})
    return frozenset({_TYPES[one.rule]}) if one.rule in _TYPES else frozenset()
