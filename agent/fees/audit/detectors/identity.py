"""Whose terminal it is, and when it sells: D16, another merchant on the slips; D17, a sale while the shop was shut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.fees.audit.moments import DeviceTold, Moment, Now, Seen, Trade
from agent.fees.audit.thresholds import Thresholds
from agent.fees.contract.binding import Terms
from agent.fees.contract.terms import TicketAbout
from agent.fees.findings import Confidence, Finding, Rule, SettledBy, Verdict
from protocol.messages import DeviceEventKind, Outcome

_CHANGES = frozenset({DeviceEventKind.MERCHANT_CHANGED, DeviceEventKind.SERIAL_CHANGED})
_FIELDS = ("mid", "tid", "mcc")
_ENTRIES = 1_000
_MINUTE_MS = 60_000
_DAY = timedelta(days=1)
_NO_CURRENCY = 0


@dataclass(slots=True)
class _Other:
    """Transactions under one other name. registered: what stands in the contract of the fields that differ, if it says."""

    differs: dict[str, str]
    right: dict[str, str]
    registered: bool
    first: date
    last: date
    currency: int
    count: int = 0
    minor: int = 0
    entries: list[int] = field(default_factory=list)


class AnotherMerchant:
    """D16: MID, TID or MCC are not those that the contract registers; where it says none, not those that were seen first.

    One finding for each other name, not for each sale. Silent while a replacement ticket is open. What the device itself
    told of a change stands with the first transaction that shows it, and alone until there is one, or a registration from
    that day on that says what it was changed to.
    """

    rule = Rule.D16

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._terms = terms
        self._seen_first: dict[str, str] = {}
        self._day: date | None = None
        self._right: tuple[str | None, ...] = ()
        self._others: dict[str, _Other] = {}
        self._told: list[DeviceTold] = []

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if type(moment) is Seen:
            trade = moment.trade
            if trade.day != self._day:
                self._day, self._right = trade.day, self._registered(trade.day)
            mid, tid, mcc = self._right
            if trade.mid != mid or trade.tid != tid or (trade.mcc != mcc and trade.mcc is not None):
                self._differs(trade)
        elif isinstance(moment, DeviceTold):
            if moment.kind in _CHANGES and not self._replaced(moment.day):
                self._told.append(moment)
        elif isinstance(moment, Now):
            return self._findings(moment.day)
        return ()

    def _registered(self, day: date) -> tuple[str | None, ...]:
        known = self._terms.registration(day)
        return tuple(
            (None if known is None else getattr(known, name)) or self._seen_first.get(name) for name in _FIELDS
        )

    def _differs(self, trade: Trade) -> None:
        values = {name: value for name in _FIELDS if (value := getattr(trade, name)) is not None}
        known = self._terms.registration(trade.day)
        if not any(getattr(known, name, None) not in {None, value} for name, value in values.items()):
            for (
                name,
                value,
            ) in values.items():  # of a sale that is another's by what the contract says, nothing is learned
                self._seen_first.setdefault(name, value)
        right = dict(zip(_FIELDS, self._registered(trade.day), strict=True))
        self._right = tuple(right[name] for name in _FIELDS)
        differs = {name: value for name, value in values.items() if right[name] not in {None, value}}
        if not differs or self._replaced(trade.day):
            return
        subject = "/".join(f"{name}={value}" for name, value in differs.items())
        if (other := self._others.get(subject)) is None:
            registered = known is not None and any(getattr(known, name) for name in differs)
            other = self._others[subject] = _Other(
                differs, {name: right[name] or "" for name in differs}, registered, trade.day, trade.day, trade.currency
            )
        other.entries += [one.seq for one in self._told]
        self._told.clear()
        other.last = max(other.last, trade.day)
        other.count += 1
        other.minor += trade.amount_minor
        if len(other.entries) < _ENTRIES:
            other.entries.append(trade.seq)

    def _replaced(self, day: date) -> bool:
        return any(
            ticket.opened <= day and (ticket.closed is None or day <= ticket.closed)
            for ticket in self._terms.tickets(TicketAbout.REPLACEMENT)
        )

    def _findings(self, today: date) -> Iterator[Finding]:
        for subject, other in self._others.items():
            yield Finding(
                rule=self.rule,
                verdict=Verdict.NEEDS_EVIDENCE,
                subject=subject,
                first=other.first,
                last=other.last,
                currency=other.currency,
                entries=tuple(other.entries),
                confidence=Confidence.CERTAIN if other.registered else Confidence.LIKELY,
                settled_by=SettledBy.REGISTRATION,
                facts={
                    **other.differs,
                    **{f"right_{name}": value for name, value in other.right.items()},
                    "count": str(other.count),
                    "amount_minor": str(other.minor),
                },
            )
        known = self._terms.registration(today)
        for told in self._told:
            if known is None or known.valid_from < told.day:
                yield Finding(
                    rule=self.rule,
                    verdict=Verdict.NEEDS_EVIDENCE,
                    subject=f"{told.kind}/{told.seq}",
                    first=told.day,
                    last=told.day,
                    currency=_NO_CURRENCY,
                    entries=(told.seq,),
                    settled_by=SettledBy.REGISTRATION,
                    facts={"told": told.kind},
                )


class OutsideHours:
    """D17: an approved sale while the shop was shut, by the terminal's time. No hours known: nothing to hold it against.

    The minute of opening and that of closing belong to the hours.
    """

    rule = Rule.D17

    def __init__(self, terms: Terms, settings: Thresholds) -> None:
        self._terms, self._zone = terms, ZoneInfo(settings.time_zone)
        self._day: date | None = None
        self._open: tuple[tuple[int, int], ...] | None = None

    def judge(self, moment: Moment) -> Iterable[Finding]:
        if type(moment) is not Seen:
            return ()
        trade = moment.trade
        if trade.day != self._day:
            self._day, self._open = trade.day, self._spans(trade.day)
        if self._open is None or trade.outcome is not Outcome.APPROVED:
            return ()
        at = trade.at
        for start, end in self._open:
            if start <= at < end:
                return ()
        return (self._outside(trade),) if trade.approved_sale else ()

    def _spans(self, day: date) -> tuple[tuple[int, int], ...] | None:
        """When the shop is open on a local date, ms UTC, half-open; what began the evening before too. None: not known."""
        spans = [self._hours(day - _DAY), self._hours(day)]
        return None if spans[1] is None else tuple(span for one in spans if one is not None for span in one)

    def _hours(self, day: date) -> tuple[tuple[int, int], ...] | None:
        hours = self._terms.hours(day)
        if hours is None:
            return None
        text = hours.days[day.weekday()]
        if text == "closed":
            return ()
        start, end = (self._at(day, clock) for clock in text.split("-"))
        if end <= start:
            end = self._at(day + _DAY, text.split("-")[1])
        return ((start, end + _MINUTE_MS),)

    def _at(self, day: date, clock: str) -> int:
        hour, minute = map(int, clock.split(":"))
        midnight = day if hour < 24 else day + _DAY
        local = datetime.combine(midnight, time(hour % 24, minute), self._zone)
        return int(local.timestamp()) * 1000

    def _outside(self, trade: Trade) -> Finding:
        local = datetime.fromtimestamp(trade.at // 1000, self._zone)
        hours = self._terms.hours(trade.day)
        assert hours is not None
        return Finding(
            rule=self.rule,
            verdict=Verdict.NEEDS_EVIDENCE,
            subject=trade.reference,
            first=trade.day,
            last=trade.day,
            currency=trade.currency,
            charged_minor=trade.amount_minor,
            difference_minor=trade.amount_minor,
            entries=(trade.seq,),
            confidence=Confidence.SUSPECT,
            settled_by=SettledBy.OWN_STAFF,
            facts={"at": f"{local:%H:%M}", "hours": hours.days[trade.day.weekday()]},
        )
