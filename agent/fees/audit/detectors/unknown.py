"""What could not be judged: never OK. One finding for each product, reason and month, with how much was charged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from agent.fees import calculation
from agent.fees.audit.moments import FeeLine, Moment, Now, Settling
from agent.fees.contract.tariff import FeeBasis
from agent.fees.findings import Finding, Rule, SettledBy, Verdict
from protocol.messages import FeeType

_ENTRIES = 100
_NO_FEE = "no_fee_line"


@dataclass(slots=True)
class _Kept:
    first: date
    last: date
    currency: int
    version: str | None
    count: int = 0
    charged_minor: int = 0
    entries: list[int] = field(default_factory=list)


class Unjudged:
    """D01, UNKNOWN: approved sales without a tariff, with one that does not say enough, or without any fee line."""

    rule = Rule.D01

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str, int], _Kept] = {}
        self.count = 0

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, Settling):
            if moment.before is not None:
                self._count(moment.before, -1)
            self._count(moment, 1)
        elif isinstance(moment, Now):
            return self._findings()
        return ()

    def _count(self, on: Settling, by: int) -> None:
        """by: -1 for what is judged again."""
        trade, why = on.trade, _why(on)
        if why is None:
            return
        key = (trade.product.value, why, trade.day.isoformat()[:7], trade.currency)
        version = None if on.version is None else on.version.version
        kept = self._kept.setdefault(key, _Kept(trade.day, trade.day, trade.currency, version))
        kept.first, kept.last = min(kept.first, trade.day), max(kept.last, trade.day)
        kept.count += by
        self.count += by
        kept.charged_minor += by * on.net.get(FeeType.MDR, 0)
        if by < 0:
            gone = set(on.entries)
            kept.entries = [seq for seq in kept.entries if seq not in gone]
        elif len(kept.entries) < _ENTRIES:
            kept.entries += on.entries
        if not kept.count:
            del self._kept[key]

    def _findings(self) -> Iterator[Finding]:
        for (product, why, month, currency), kept in self._kept.items():
            yield Finding(
                rule=self.rule,
                verdict=Verdict.UNKNOWN,
                subject=f"unknown/{product}/{why}/{month}/{currency}",
                first=kept.first,
                last=kept.last,
                currency=currency,
                version=kept.version,
                charged_minor=kept.charged_minor,
                entries=tuple(kept.entries),
                settled_by=SettledBy.STATEMENT if why == _NO_FEE else SettledBy.CONTRACT,
                facts={"product": product, "why": why, "count": str(kept.count)},
            )


def _why(on: Settling) -> str | None:
    if not on.trade.approved_sale or on.undone:
        return None
    if on.version is None:
        return on.unknown or "no_tariff"
    if on.version.fee_basis is FeeBasis.BATCH_NET:
        return None
    if FeeType.MDR not in on.net:
        return _NO_FEE
    band = calculation.mdr_band(on.version, on.trade.amount_minor)
    return "no_fee_field" if on.expected_minor is None and band is None and not on.seen else None


def stray(line: FeeLine) -> Finding:
    """D08, UNKNOWN: a fee line of a transaction that the record does not hold."""
    return Finding(
        rule=Rule.D08,
        verdict=Verdict.UNKNOWN,
        subject=f"stray/{line.seq}",
        first=line.day,
        last=line.day,
        currency=line.currency,
        charged_minor=line.amount_minor,
        entries=(line.seq,),
        settled_by=SettledBy.STATEMENT,
        facts={"type": line.type.value, "missing": "sale"},
    )
