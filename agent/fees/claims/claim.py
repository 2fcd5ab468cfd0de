"""One claim: what its events make of it. Amounts are minor units of its one currency, dates the merchant's calendar.

Whoever notes an event says what happened; what it means is reckoned here, and what cannot be is a ClaimError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from agent.errors import ClaimError
from agent.fees.claim_kinds import Cause, ClaimEvent, ClaimNoted, FindingRecorded
from agent.fees.claims.claim_states import ENDS, STATELESS, TABLE, ClaimState, may_be_rated, may_follow, step_of
from agent.fees.claims.claim_words import state_words
from agent.figures import amount, printable_yuan_sign
from agent.language import _
from protocol.errors import IllegalEvent

CHANNELS = ("phone", "chat", "app", "letter", "visit")
OUTCOMES = ("refund", "adjust")
_ADMISSIONS = frozenset({ClaimEvent.ADMITTED, ClaimEvent.PART_ADMITTED})
_ANSWERS = _ADMISSIONS | {ClaimEvent.DENIED}
_WITH_AMOUNT = _ADMISSIONS | {ClaimEvent.CREDITED}
_WITH_ENTRY = frozenset({ClaimEvent.CREDITED, ClaimEvent.ADJUSTED, ClaimEvent.RETRACT})


@dataclass(frozen=True, slots=True)
class Part:
    """What a claim claims of one finding. found: as it was recorded when the claim was opened, in the entry `seq`."""

    found: FindingRecorded
    seq: int
    minor: int


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a claim and the entry that holds it; at: ms UTC."""

    seq: int
    at: int
    fact: ClaimNoted


@dataclass(frozen=True, slots=True)
class Paid:
    """What a bank's credit (the entry `credit`, booked on `on`) brought of a claim; event: the entry that says so."""

    credit: int
    on: date
    minor: int
    event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim after its events so far. admitted_minor: all that the provider has admitted, what it paid included.

    events: those that count. taken_back: those that were taken back, and what took them back, which changes nothing else.
    """

    name: str
    currency: int
    parts: tuple[Part, ...]
    events: tuple[Happened, ...]
    taken_back: tuple[Happened, ...] = ()
    state: ClaimState = ClaimState.OPEN
    admitted_minor: int = 0
    written_off_minor: int = 0
    paid: tuple[Paid, ...] = ()
    outcome: str | None = None
    cause: Cause | None = None
    ticket: str | None = None
    due: date | None = None
    satisfaction: int | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in ENDS

    @property
    def claimed_minor(self) -> int:
        return sum(part.minor for part in self.parts)

    @property
    def credited_minor(self) -> int:
        return sum(paid.minor for paid in self.paid)

    @property
    def outstanding_minor(self) -> int:
        """What is still claimed: neither credited nor given up."""
        return 0 if self.state in _GIVEN_UP else self.claimed_minor - self.credited_minor - self.written_off_minor

    @property
    def last_on(self) -> date:
        """The date of its newest event."""
        return self.events[-1].fact.on

    @property
    def history(self) -> tuple[tuple[Happened, int | None], ...]:
        """Everything noted of it, in order; with what was taken back, the entry that did so."""
        by = {e.fact.entry: e.seq for e in self.taken_back if e.fact.event is ClaimEvent.RETRACT}
        whole = sorted((*self.events, *self.taken_back), key=lambda e: e.seq)
        return tuple((e, by.get(e.seq)) for e in whole)

    def day_of(self, *events: ClaimEvent) -> date | None:
        """The date of the first of these events, None where there was none."""
        return next((e.fact.on for e in self.events if e.fact.event in events), None)

    @property
    def first_answer(self) -> date | None:
        """When the provider first said yes or no; that it said nothing is no answer."""
        return self.day_of(*_ANSWERS)

    @property
    def admitted_on(self) -> date | None:
        """When the provider last admitted it, or a part of it."""
        return next((e.fact.on for e in reversed(self.events) if e.fact.event in _ADMISSIONS), None)

    @property
    def next_events(self) -> tuple[ClaimEvent, ...]:
        """What may be noted of it next."""
        without_money = {ClaimEvent.CREDITED, ClaimEvent.WRITTEN_OFF, *_ANSWERS, ClaimEvent.NO_ANSWER}
        owing = self.outstanding_minor > 0
        return tuple(event for event in may_follow(self.state) if owing or event not in without_money)

    def taken(self) -> Iterator[tuple[str, int]]:
        """(finding, minor units) that no other claim may ask for: of a withdrawn one, what was credited to it."""
        left = self.credited_minor if self.state is ClaimState.WITHDRAWN else self.claimed_minor
        for part in self.parts:
            yield part.found.finding, min(part.minor, left)
            left -= min(part.minor, left)

    def after(self, happened: Happened, credit_on: date | None = None) -> Claim:
        """The claim once this has happened to it. credit_on: at CREDITED, when the bank booked it. Raises ClaimError."""
        fact = happened.fact
        self._check_fields(fact)
        amount = self._check_amount(fact)
        now = replace(self, events=(*self.events, happened))
        if fact.event in STATELESS:
            if fact.event is ClaimEvent.RATED and not may_be_rated(self.state):
                raise self.cannot(fact.event)
            return replace(now, satisfaction=fact.satisfaction or self.satisfaction, due=fact.due or self.due)
        step = step_of(
            fact.event, self.state, all_of_it=amount == self.outstanding_minor, some_came=self.credited_minor > 0
        )
        try:
            state = TABLE.advance(self.state, step)
        except IllegalEvent:
            raise self.cannot(fact.event) from None
        now = replace(
            now,
            state=state,
            cause=fact.cause or self.cause,
            ticket=fact.ticket or self.ticket,
            due=fact.due,
        )
        match fact.event:
            case ClaimEvent.ADMITTED | ClaimEvent.PART_ADMITTED:
                return replace(now, outcome=fact.outcome, admitted_minor=self.credited_minor + amount)
            case ClaimEvent.CREDITED:
                paid = Paid(fact.entry or 0, credit_on or fact.on, amount, happened.seq)
                admitted = max(self.admitted_minor, self.credited_minor + amount)
                # What was promised by then may still be on its way.
                return replace(
                    now, paid=(*self.paid, paid), admitted_minor=admitted, due=fact.due or self._still_due(amount)
                )
            case ClaimEvent.WRITTEN_OFF:
                return replace(now, written_off_minor=self.written_off_minor + self.outstanding_minor)
        return now

    def without(self, happened: Happened) -> Claim:
        """The claim as if the event in the entry that `happened` names had not been. Raises ClaimError where there is none
        to take back, or what came after it rests on it."""
        self._check_fields(happened.fact)
        rest = self.events[1:]
        wrong = next((e for e in rest if e.seq == happened.fact.entry), None)
        if wrong is None:
            raise refused(
                _("Entry {seq} is no event of claim {claim} that could be taken back.").format(
                    seq=happened.fact.entry, claim=self.name
                ),
                _("See its events with: counterfoil fees claims show {claim}").format(claim=self.name),
            )
        booked = {paid.event: paid.on for paid in self.paid}
        now = replace(self._as_opened(), taken_back=(*self.taken_back, wrong, happened))
        for event in rest:
            if event is not wrong:
                try:
                    now = now.after(event, booked.get(event.seq))
                except ClaimError as error:
                    raise refused(
                        _("What came later rests on entry {seq}: {event} in entry {later}.").format(
                            seq=wrong.seq, event=event.fact.event, later=event.seq
                        ),
                        _("Take back the later one first."),
                    ) from error
        return now

    def _as_opened(self) -> Claim:
        first = self.events[0]
        told = first.fact
        return Claim(
            name=self.name,
            currency=self.currency,
            parts=self.parts,
            events=(first,),
            cause=told.cause,
            ticket=told.ticket,
            due=told.due,
        )

    def cannot(self, event: ClaimEvent) -> ClaimError:
        """The event does not follow the claim's state; the words name what does."""
        return ClaimError(
            _("Claim {claim} is in the state {state}: {event} cannot follow.").format(
                claim=self.name, state=state_words(self.state), event=event
            ),
            _("What may follow: {events}.").format(events=", ".join(self.next_events)),
        )

    def _still_due(self, amount: int) -> date | None:
        return self.due if self.credited_minor + amount < self.admitted_minor else None

    def _check_fields(self, fact: ClaimNoted) -> None:
        """What is told beside the event: of the right event, and of a known word."""
        told = {
            "findings": bool(fact.findings),
            "amount": fact.amount is not None and fact.event not in _WITH_AMOUNT,
            "entry": fact.entry is not None and fact.event not in _WITH_ENTRY,
            "outcome": fact.outcome is not None and fact.event not in _ADMISSIONS,
            "satisfaction": fact.satisfaction is not None and fact.event is not ClaimEvent.RATED,
        }
        for name, misplaced in told.items():
            if misplaced:
                raise refused(
                    _("{event} says nothing of this: {field}.").format(event=fact.event, field=name),
                    _("Leave it out, or note another event."),
                )
        missing = {
            "entry": fact.entry is None and fact.event in _WITH_ENTRY,
            "amount": fact.amount is None and fact.event in {ClaimEvent.PART_ADMITTED, ClaimEvent.CREDITED},
            "satisfaction": fact.event is ClaimEvent.RATED and fact.satisfaction not in range(1, 6),
            "outcome": fact.outcome not in {None, *OUTCOMES},
            "channel": fact.channel not in {None, *CHANNELS},
        }
        for name, wrong in missing.items():
            if wrong:
                raise refused(
                    _("{event} lacks this, or it is no such word or number: {field}.").format(
                        event=fact.event, field=name
                    ),
                    _("See: counterfoil fees claims event --help"),
                )
        if fact.on < self.last_on and fact.event is not ClaimEvent.RETRACT:  # the date may be what was wrong
            raise refused(
                _("{day} is before the last event of claim {claim}, which is of {last}.").format(
                    day=fact.on, claim=self.name, last=self.last_on
                ),
                _("Note the events in the order in which they happened."),
            )
        if fact.due is not None and fact.due < fact.on:
            raise refused(
                _("What is promised for {due} was promised on {day}: after it.").format(due=fact.due, day=fact.on),
                _("Correct one of the two dates."),
            )

    def _check_amount(self, fact: ClaimNoted) -> int:
        """What the event is about, minor units: of an admission without a figure, all that is outstanding."""
        owing = self.outstanding_minor
        if fact.event is ClaimEvent.WRITTEN_OFF and self.is_open and not owing:
            raise refused(
                _("Nothing of claim {claim} is left to write off.").format(claim=self.name), _("Note closed instead.")
            )
        if fact.event is ClaimEvent.CLOSED and self.state is ClaimState.ADJUSTED and owing and self.outcome == "refund":
            raise refused(
                _("The provider promised a refund, and of claim {claim} money is outstanding.").format(claim=self.name),
                _("Note credited when it comes, or written_off for what you give up, or escalated."),
            )
        if fact.amount is None:
            return owing
        if fact.amount.currency != self.currency or not 0 < fact.amount.minor <= owing:
            raise refused(
                _("The amount is not above zero and within what is outstanding of claim {claim}: {owing}.").format(
                    claim=self.name, owing=_money(owing, self.currency)
                ),
                _("Correct the amount."),
            )
        if (fact.event is ClaimEvent.PART_ADMITTED) == (fact.amount.minor == owing) and fact.event in _ADMISSIONS:
            raise refused(
                _("admitted is of all that is outstanding of claim {claim} ({owing}), part_admitted of less.").format(
                    claim=self.name, owing=_money(owing, self.currency)
                ),
                _("Note the other of the two."),
            )
        return fact.amount.minor


_GIVEN_UP = frozenset({ClaimState.WITHDRAWN, ClaimState.CLOSED, ClaimState.WRITTEN_OFF})


def refused(what: str, todo: str) -> ClaimError:
    return ClaimError(what, todo)


def _money(minor: int, currency: int) -> str:
    return amount(minor, currency, printable_yuan_sign())
