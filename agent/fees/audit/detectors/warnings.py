"""What a merchant should hear of in time: D18, an offer ends; D19, a deposit is cut; D21, an instalment without a reason;
D22, a month far above what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from agent.fees.audit.moments import DepositTold, DeviceTold, FeeLine, Moment, Now, OwnFee
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.terms import ListedFee, TicketAbout
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import DeductionCause, DeviceEventKind, FeeType, Severity

_INSTALMENT = ("支持", "押金", "保证金", "deposit", "support")
"""What a list calls an instalment for support; other fees of the type OTHER are no business of D21."""
_INSTALMENT_TYPES = (FeeType.OTHER, FeeType.DEPOSIT_DEDUCTION)


class PromoEnd:
    """D18: an agreed offer ends, and the plain rate is back. A warning and no complaint: the verdict is OK."""

    rule = Rule.D18

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._terms = terms
        self._before = timedelta(days=settings.promo_before_days)
        self._after = timedelta(days=settings.promo_after_days)

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if not isinstance(moment, Now):
            return ()
        return [
            _ends(promo, end)
            for promo in self._terms.promos
            if (end := promo.effective_to) is not None
            and end - self._before <= moment.day <= end + self._after
            and not any(_goes_on(promo, other) for other in self._terms.promos)
        ]


def _goes_on(promo: TariffVersion, other: TariffVersion) -> bool:
    """Another offer of the same key takes over on the day it ends."""
    if promo.effective_to is None or _key(promo) != _key(other):
        return False
    later = other.effective_to is None or promo.effective_to < other.effective_to
    return later and other.effective_from <= promo.effective_to


def _key(version: TariffVersion) -> tuple[object, ...]:
    return (
        version.product, version.contract_ref, version.device_model, version.signup_channel,
        version.mcc_class, version.size, version.region,
    )  # fmt: skip


def _ends(promo: TariffVersion, end: date) -> Finding:
    return Finding(
        rule=Rule.D18,
        verdict=Verdict.OK,
        subject=promo.version,
        first=end,
        last=end,
        currency=promo.currency,
        version=promo.version,
        facts={"product": promo.product.value, "ends": end.isoformat()},
    )


class DepositDeduction:
    """D19: what is kept of a deposit needs a clause and a cause that it names, and a reason beside it.

    Of a deposit's updates the last one holds. Whether the contract allows what has all three, cannot be said here.
    """

    rule = Rule.D19

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._told: dict[str, tuple[DepositTold, tuple[int, ...]]] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, DepositTold):
            if moment.deductions:
                before = self._told.get(moment.ticket)
                same = before is not None and before[0].deductions == moment.deductions
                entries = before[1] if before is not None and same else ()
                self._told[moment.ticket] = (moment, (*entries, moment.seq))
            else:
                self._told.pop(moment.ticket, None)
        elif isinstance(moment, Now):
            return [cut for told, entries in self._told.values() if (cut := _unreasoned(told, entries)) is not None]
        return ()


def _unreasoned(told: DepositTold, entries: tuple[int, ...]) -> Finding | None:
    kept = sum(minor for _cause, minor, _clause, _reason in told.deductions)
    allowed = sum(
        minor
        for cause, minor, clause, reason in told.deductions
        if clause and reason and cause != DeductionCause.OTHER.value
    )
    if kept <= allowed:
        return None
    return Finding(
        rule=Rule.D19,
        verdict=Verdict.OVER,
        subject=told.ticket,
        first=told.day,
        last=told.day,
        currency=told.currency,
        expected_minor=allowed,
        charged_minor=kept,
        difference_minor=kept - allowed,
        entries=entries,
        settled_by=SettledBy.DEPOSIT_CONTRACT,
        facts={"ticket": told.ticket},
    )


class SupportInstalment:
    """D21: an instalment for support, and nothing was open that it could be for; or the device was out of use.

    A fee that the contract lists under a name that speaks of neither deposit nor support is none. A line that takes one back
    settles it.
    """

    rule = Rule.D21

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._terms, self._lately = terms, timedelta(days=settings.fault_days)
        self._faults: dict[date, int] = {}
        self._charged: list[FeeLine] = []

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if isinstance(moment, DeviceTold):
            if moment.kind == DeviceEventKind.FAULT and moment.severity == Severity.MAJOR:
                self._faults[moment.day] = moment.seq
        elif isinstance(moment, OwnFee) and moment.line.type in _INSTALMENT_TYPES:
            self._take(moment.line)
        elif isinstance(moment, Now):
            return [
                self._finding(line, stopped)
                for line in self._charged
                if (stopped := self._stopped(line.day)) or not self._has_reason(line.day)
            ]
        return ()

    def _take(self, line: FeeLine) -> None:
        if line.amount_minor > 0 and self._is_instalment(line):
            self._charged.append(line)
        elif line.amount_minor < 0:
            for place, one in enumerate(self._charged):
                if (one.type, one.currency, one.amount_minor) == (line.type, line.currency, -line.amount_minor):
                    del self._charged[place]
                    break

    def _is_instalment(self, line: FeeLine) -> bool:
        listed = [one for one in self._terms.listed(line.day) if one.type is line.type]
        return (
            not listed
            or any(_speaks_of_support(one) for one in listed)
            or not any(_covers(one, line) for one in listed)
        )

    def _stopped(self, day: date) -> bool:
        return any(
            one.opened <= day and (one.closed is None or day < one.closed)
            for one in self._terms.tickets(TicketAbout.STOPPED_USE)
        )

    def _has_reason(self, day: date) -> bool:
        if any(day - self._lately <= fault <= day for fault in self._faults):
            return True
        return any(
            one.opened <= day and (one.closed is None or day - self._lately <= one.closed)
            for about in (TicketAbout.FAULT, TicketAbout.SUPPORT)
            for one in self._terms.tickets(about)
        )

    def _finding(self, line: FeeLine, stopped: bool) -> Finding:
        return Finding(
            rule=self.rule,
            verdict=Verdict.OVER,
            subject=str(line.seq),
            first=line.day,
            last=line.day,
            currency=line.currency,
            expected_minor=0,
            charged_minor=line.amount_minor,
            difference_minor=line.amount_minor,
            entries=(line.seq,),
            settled_by=SettledBy.TICKET,
            facts={"type": line.type.value, "why": "stopped_use" if stopped else "no_ticket"},
        )


def _speaks_of_support(listed: ListedFee) -> bool:
    return any(word in listed.name.lower() for word in _INSTALMENT)


def _covers(listed: ListedFee, line: FeeLine) -> bool:
    return listed.amount_minor is None or line.amount_minor <= listed.amount_minor


class MonthTotal:
    """D22: a month's fees exceed what was expected by more than a percentage, and by an amount worth a look.

    An alert: whose money it is the other detectors say. Fed by whoever judges the fees.
    """

    rule = Rule.D22

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._settings = settings
        self._days: dict[tuple[date, int], list[int]] = {}

    def add(self, day: date, currency: int, expected_minor: int | None, charged_minor: int) -> None:
        """A transaction's fees, or a fee of its own, on a local date; None: nobody can say, and it is left out."""
        if expected_minor is None:
            return
        if (sums := self._days.get((day, currency))) is None:
            sums = self._days[day, currency] = [0, 0]
        sums[0] += expected_minor
        sums[1] += charged_minor

    def judge(self, moment: Moment) -> Iterable[Finding]:
        return self._alerts() if isinstance(moment, Now) else ()

    def _alerts(self) -> Iterator[Finding]:
        months: dict[tuple[int, int, int], list[tuple[date, int, int]]] = {}
        for (day, currency), (expected, charged) in self._days.items():
            months.setdefault((day.year, day.month, currency), []).append((day, expected, charged))
        percent, least = self._settings.month_percent, self._settings.month_minor
        for (year, month, currency), days in sorted(months.items()):
            expected, charged = sum(one[1] for one in days), sum(one[2] for one in days)
            if charged - expected < least or charged * 100 <= expected * (100 + percent):
                continue
            yield Finding(
                rule=self.rule,
                verdict=Verdict.NEEDS_EVIDENCE,
                subject=f"{year}-{month:02d}/{currency}",
                first=min(days)[0],
                last=max(days)[0],
                currency=currency,
                expected_minor=expected,
                charged_minor=charged,
                difference_minor=charged - expected,
                confidence=Confidence.LIKELY,
                settled_by=SettledBy.STATEMENT,
                facts={"month": f"{year}-{month:02d}", "percent": str(percent)},
            )
