"""Whether the money came: D11, a batch in no settlement, or credited late; D12, a settlement that is short; D14, T+0 that
was paid for and missed.

Money is claimed once: D12 takes what D06 has left of a settlement, and a fee of its own or a debt carried over that the
missing batch would have paid for is taken off before D11 claims it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from agent import calendar
from agent.fees import calculation
from agent.fees.audit.detectors.batch_findings import (
    Listening,
    Owed,
    dated,
    difference,
    due_of,
    finding,
    late_credit,
    with_fees_of,
)
from agent.fees.audit.detectors.batches import Batch, Credited
from agent.fees.audit.moments import BatchTraded, Moment, Now, OwnFee, SettlementTold, Settling
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import FeeType, SettlementMode

_T0_ENTRIES = 100
_AT_ONCE = (SettlementMode.T0, SettlementMode.D0)


class MissingSettlement(Listening):
    """D11: a batch that is in no settlement after the day it was due, or whose credit the bank booked after it.

    What is kept back with a reason is taken off first: fees of their own that no settlement has deducted, debts carried
    over, a SIM fee that fell due.
    """

    rule = Rule.D11

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        super().__init__(terms, settings)
        self._own, self._carried = Owed(), Owed()
        self._sim: list[date] = []
        self._began: date | None = None

    def judge(self, moment: Moment) -> Iterable[Finding]:
        match moment:
            case OwnFee(line):
                self._own.add(line.day, line.amount_minor)
                if line.type is FeeType.SIM and line.amount_minor > 0:
                    self._sim.append(line.day)
            case BatchTraded():
                self._began = min(self._began or moment.day, moment.day)
                self._batches.traded(moment)
            case SettlementTold():
                if self._told_first(moment):
                    self._own.take(moment.deductions_minor)
                    self._carried.take(-moment.carried_minor)
                    self._carried.add(moment.day, moment.adjustments_minor)
            case Now():
                return self._findings(moment.day)
        return ()

    def _findings(self, today: date) -> Iterator[Finding]:
        credited, batches = self._credited(), self._in_order()
        yield from self._missing([one for one in batches if one.told is None], credited, today)
        for batch in batches:
            if (late := late_credit(self._terms, batch, credited.get(batch.name))) is not None:
                yield finding(Rule.D11, batch, f"{batch.name}/late", 0, **late)

    def _missing(self, batches: list[Batch], credited: Mapping[str, Credited], today: date) -> Iterator[Finding]:
        ever = any(batch.told is not None for batch in self._batches)
        owed, unknown = Owed([*self._own.sums, *self._carried.sums]), False
        if (sim := self._sim_due(today)) is not None:
            owed.add(*sim)
        for batch in batches:
            mode, due = due_of(self._terms, batch)
            if batch.traded is None or today <= due:
                continue
            net = batch.traded.net(with_fees=with_fees_of(self._terms, batch.day))
            came = credited[batch.name].minor if batch.name in credited else 0
            held = owed.take(net, batch.day)
            if net - held - came <= 0 or unknown:
                continue
            if not ever:  # this terminal may tell of no settlements at all: said once
                unknown = True
                yield finding(
                    Rule.D11, batch, "settlements", 0, verdict=Verdict.UNKNOWN, settled_by=SettledBy.STATEMENT,
                    facts={"due": due.isoformat()},
                )  # fmt: skip
                continue
            known = calendar.verified(mode, batch.day, due)
            sure = known or today > due + timedelta(days=self._settings.holiday_days)
            yield finding(
                Rule.D11, batch, batch.name, net - held - came,
                expected_minor=net - held, charged_minor=came, entries=batch.traded.entries,
                verdict=Verdict.OVER if sure else Verdict.NEEDS_EVIDENCE,
                confidence=Confidence.CERTAIN if known else Confidence.LIKELY,
                settled_by=SettledBy.STATEMENT,
                facts=dated(mode, due, known) | ({"withheld_minor": str(held)} if held else {}),
            )  # fmt: skip

    def _sim_due(self, today: date) -> tuple[date, int] | None:
        """A SIM fee that fell due lately, by the contract, and that no line has charged: small sales are withheld for it."""
        sim = self._terms.sim()
        if sim is None or self._began is None:
            return None
        first = sim.activated + timedelta(days=sim.free_days)
        if today < first or sim.period_days <= 0:
            return None
        fell = first + timedelta(days=(today - first).days // sim.period_days * sim.period_days)
        lately = self._began <= fell and (today - fell).days <= self._settings.sim_withheld_days
        charged = any(on > fell - timedelta(days=sim.period_days) for on in self._sim)
        return (fell, sim.amount_minor) if lately and not charged else None


class SettlementDifference(Listening):
    """D12: a settlement's figures against themselves, against the record, and against what the bank booked.

    What D06 claims of it is left out. Without a booking nothing is said of what reached the account, unless others are
    recorded, or somebody asks (`Thresholds.ask_for_credits`): then UNKNOWN.
    """

    rule = Rule.D12

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        super().__init__(terms, settings)
        self._own, self._carried = 0, 0
        self._unfounded: dict[str, tuple[Batch, str, int]] = {}

    def judge(self, moment: Moment) -> Iterable[Finding]:
        match moment:
            case OwnFee(line):
                self._own = max(0, self._own + line.amount_minor)
            case BatchTraded():
                self._batches.traded(moment)
            case SettlementTold():
                self._told(moment)
            case Now():
                return self._findings(moment.day)
        return ()

    def _told(self, moment: SettlementTold) -> None:
        if not self._told_first(moment):
            return
        batch = self._batches.of(moment.batch, moment.day, moment.currency)
        if moment.carried_minor < 0:
            self._draw(batch, "carried", -moment.carried_minor - self._carried)
            self._carried = max(0, self._carried + moment.carried_minor)
        self._draw(batch, "adjusted", -moment.adjustments_minor)
        self._carried += max(0, moment.adjustments_minor)
        self._draw(batch, "deducted", moment.deductions_minor - self._own)
        self._own = max(0, self._own - moment.deductions_minor)

    def _draw(self, batch: Batch, what: str, beyond_minor: int) -> None:
        """Something was taken off for which the record has no reason."""
        if beyond_minor > 0:
            self._unfounded[f"{batch.name}/{what}"] = (batch, what, beyond_minor)

    def _findings(self, today: date) -> Iterator[Finding]:
        credited = self._credited()
        latest = max((credit.on for _seq, credit in self._terms.credits), default=None)
        for batch in self._in_order():
            if batch.told is not None:
                yield from self._short(batch, credited.get(batch.name), latest, today)
        for subject, (batch, what, minor) in self._unfounded.items():
            yield finding(
                Rule.D12, batch, subject, minor, verdict=Verdict.NEEDS_EVIDENCE, confidence=Confidence.LIKELY,
                settled_by=SettledBy.STATEMENT, facts={"of": what},
            )  # fmt: skip

    def _short(self, batch: Batch, came: Credited | None, latest: date | None, today: date) -> Iterator[Finding]:
        told = batch.told
        assert told is not None
        with_fees = with_fees_of(self._terms, batch.day)
        expected, charged, entries = told.adds_up_to(with_fees=with_fees), told.credited, told.entries
        if self._terms.settlement(batch.day) is None and told.adds_up_to(with_fees=False) == told.credited:
            expected = told.credited  # nobody said whether fees are taken out of it or invoiced
        if came is not None:
            charged, entries = came.minor, entries + came.entries
        if expected != charged:
            sure = came is None or came.sure
            yield difference(batch, batch.name, expected, charged, entries=entries, sure=sure)
        yield from self._against_record(batch, with_fees)
        if came is None and told.credited > 0:
            due = told.due or due_of(self._terms, batch)[1]
            missed = due + timedelta(days=self._settings.credit_days)
            if latest is not None and latest > missed and today > missed:
                verdict = Verdict.NEEDS_EVIDENCE
            elif self._settings.ask_for_credits and today > due:
                verdict = Verdict.UNKNOWN
            else:
                return
            yield finding(
                Rule.D12, batch, f"{batch.name}/credit", told.credited if verdict is not Verdict.UNKNOWN else 0,
                expected_minor=told.credited, charged_minor=None if verdict is Verdict.UNKNOWN else 0,
                verdict=verdict, confidence=Confidence.LIKELY, settled_by=SettledBy.BANK_CREDIT,
                entries=told.entries, facts={"due": due.isoformat(), "of": "credit"},
            )  # fmt: skip

    def _against_record(self, batch: Batch, with_fees: bool) -> Iterator[Finding]:
        """The settlement counts less of the batch than the record: certain where a sale of ours is not all in it."""
        told, traded = batch.told, batch.traded
        if told is None or traded is None:
            return
        omitted = traded.sales - told.gross
        again = told.refunds - told.doubled - traded.refunds
        fees = told.fees - traded.fees if with_fees else 0
        beyond = omitted + again + fees
        if beyond == 0:
            return
        sure = 0 < beyond <= omitted
        yield difference(
            batch, f"{batch.name}/record", traded.net(with_fees=with_fees), traded.net(with_fees=with_fees) - beyond,
            entries=(*told.entries, *traded.entries), sure=sure, facts={"of": "record"},
        )  # fmt: skip


class LateInstant(Listening):
    """D14, of what was agreed: T+0 was paid for, and the bank booked the money after that day."""

    rule = Rule.D14

    def judge(self, moment: Moment) -> Iterable[Finding]:
        match moment:
            case Settling():
                if FeeType.T0 in moment.net:
                    self._paid(moment)
            case BatchTraded():
                self._batches.traded(moment)
            case SettlementTold():
                self._batches.told(moment)
            case Now():
                return self._findings()
        return ()

    def _paid(self, on: Settling) -> None:
        """Of the T+0 line what was agreed: what is above it is claimed already."""
        trade, paid = on.trade, on.net[FeeType.T0]
        settlement = self._terms.settlement(trade.day)
        if on.late or on.undone or not trade.approved_sale or on.version is None or settlement is None:
            return
        agreed = calculation.t0(on.version, trade.amount_minor)
        if agreed is None or not settlement.t0_agreed or settlement.mode not in _AT_ONCE:
            return
        batch = self._batches.of(trade.batch, trade.day, trade.currency)
        batch.t0_minor += min(paid, agreed)
        if len(batch.t0_entries) < _T0_ENTRIES:
            batch.t0_entries += [line.seq for line in on.lines if line.type is FeeType.T0]

    def _findings(self) -> Iterator[Finding]:
        credited = self._credited()
        for batch in self._in_order():
            late = late_credit(self._terms, batch, credited.get(batch.name))
            if late is None or batch.t0_minor <= 0:
                continue
            entries = (*late.pop("entries"), *batch.t0_entries)  # type: ignore[misc]
            yield finding(
                Rule.D14, batch, f"{batch.name}/late", batch.t0_minor,
                expected_minor=0, charged_minor=batch.t0_minor, entries=entries, **late,
            )  # fmt: skip
