"""D01 under `FeeBasis.BATCH_NET`: no transaction has a fee of its own; one test of a batch's difference stands instead.

A batch is one settlement and one tariff key (docs/domain.md §3): what was charged on its transactions against the fee of its
sales less its refunds. Where nothing was charged on any, the fee is told elsewhere, and the batch is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from agent.fees import calculation
from agent.fees.audit.moments import Moment, Now, Settling
from agent.fees.contract.tariff import Basis, FeeBasis, TariffVersion
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import FeeType, Outcome, TransactionKind

_AGAIN_DAYS = 60
"""A batch's number may come again after so long."""
_ENTRIES = 1_000


@dataclass(slots=True)
class _Net:
    version: TariffVersion
    currency: int
    first: date
    last: date
    low: int
    high: int
    sales_minor: int = 0
    refunds_minor: int = 0
    charged_minor: int = 0
    entries: list[int] = field(default_factory=list)


class BatchNet:
    """Answers when asked: a batch has closed when its transactions were judged, and what comes late is counted too."""

    rule = Rule.D01

    def __init__(self) -> None:
        self._nets: dict[tuple[str, str], list[_Net]] = {}
        """By batch and version, oldest first."""

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, Settling):
            if moment.version is not None and moment.version.fee_basis is FeeBasis.BATCH_NET:
                self._count(moment, moment.version)
        elif isinstance(moment, Now):
            return self._findings()
        return ()

    def _count(self, on: Settling, version: TariffVersion) -> None:
        net = self._net(on, version)
        net.low, net.high = min(net.low, on.trade.seq), max(net.high, on.trade.seq)
        net.first, net.last = min(net.first, on.trade.day), max(net.last, on.trade.day)
        for each, by in ((on.before, -1), (on, 1)):
            if each is None:
                continue
            net.charged_minor += by * each.net.get(FeeType.MDR, 0)
            if each.trade.approved_sale and not each.undone:
                net.sales_minor += by * each.trade.amount_minor
            elif (
                each.trade.kind is TransactionKind.REFUND and each.trade.outcome is Outcome.APPROVED and not each.undone
            ):
                net.refunds_minor += by * each.trade.amount_minor
        if len(net.entries) < _ENTRIES:
            net.entries += [seq for seq in on.entries if on.before is None or seq not in on.before.entries]

    def _net(self, on: Settling, version: TariffVersion) -> _Net:
        day, seq = on.trade.day, on.trade.seq
        if on.before is not None:  # of what was judged the batch may not be known any more: its entry tells
            for (_batch, name), told in self._nets.items():
                for net in told:
                    if name == version.version and net.low <= seq <= net.high:
                        return net
        nets = self._nets.setdefault((on.trade.batch, version.version), [])
        if not nets or (day - nets[-1].last).days > _AGAIN_DAYS:
            nets.append(_Net(version, on.trade.currency, day, day, seq, seq))
        return nets[-1]

    def _findings(self) -> Iterator[Finding]:
        for (batch, name), nets in self._nets.items():
            for net in nets:
                expected = calculation.batch_net(net.version, net.sales_minor, net.refunds_minor)
                if expected is None or expected != net.charged_minor:
                    yield _difference(f"batch/{batch}/{net.first.isoformat()}/{name}", batch, net, expected)


def _difference(subject: str, batch: str, net: _Net, expected: int | None) -> Finding:
    signed = net.version.basis is Basis.SIGNED
    unknown = expected is None or not net.charged_minor
    off = 0 if expected is None or unknown else net.charged_minor - expected
    verdict = Verdict.OVER if signed else Verdict.NEEDS_EVIDENCE
    settled_by = SettledBy.NOTHING if signed and not unknown else SettledBy.CONTRACT
    if unknown and expected is not None:
        settled_by = SettledBy.STATEMENT
    return Finding(
        rule=Rule.D01,
        verdict=Verdict.UNKNOWN if unknown else Verdict.UNDER if off < 0 else verdict,
        subject=subject,
        first=net.first,
        last=net.last,
        currency=net.currency,
        version=net.version.version,
        expected_minor=expected,
        charged_minor=net.charged_minor,
        difference_minor=abs(off),
        entries=tuple(net.entries),
        confidence=Confidence.CERTAIN if signed else Confidence.LIKELY,
        settled_by=settled_by,
        facts={"basis": "batch_net", "batch": batch, "product": net.version.product.value},
    )
