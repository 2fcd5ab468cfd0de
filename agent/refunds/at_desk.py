"""The desk's answers about money back, in the process that owns the record: the gate stands here, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date

from agent.actions import LaneReason
from agent.calendar import working_day_after
from agent.errors import CounterfoilError, LinkError, NotFound, RefundRefusal
from agent.following import Following
from agent.journal.drafting import to_draft
from agent.journal.reader import Head
from agent.journal.store import Journal
from agent.orders import MoneyAction, MoneyOrder, is_reference, recordable
from agent.people.at_desk import PeopleAtDesk
from agent.people.people import Operator
from agent.people.people_kinds import Role
from agent.people.people_types import Credential
from agent.reading import Reading
from agent.refunds import limits
from agent.refunds.case import ASKED_ABOUT, HAPPENED, RefundCase, RefundState
from agent.refunds.gate import Circumstances, GivenBack, arrives, judge
from agent.refunds.owed import not_owed, owed_view
from agent.refunds.record import RefundRecord
from agent.refunds.refund_kinds import NoteOf, RefundConfirmed, RefundFact, RefundNoted, RefundOwed, RefundRefused
from agent.refunds.refund_types import (
    NoteRefund,
    OweCustomer,
    OwedState,
    OwedView,
    Reason,
    RefundAsked,
    RefundDay,
    RefundQuote,
    RefundView,
    RefusedView,
)
from agent.refunds.words import no_such_sale, not_notable, refusal
from agent.settings import Settings
from agent.views import MoneyView, TransactionDetail
from protocol.dialect import dialect
from protocol.errors import IllegalEvent
from protocol.messages import Refund, Void
from protocol.money import Money

_LANE_SAID = frozenset(LaneReason) - {LaneReason.PARKED, LaneReason.NOT_RECORDED}
"""What the lane refuses a new order for and can be recorded: one put aside is known, and says nothing new."""
_WANTS_A_PERSON = ASKED_ABOUT | {RefundState.CONFLICT}
SendOrder = Callable[[MoneyOrder, tuple[RefundFact, ...], int, Future[None] | None], MoneyView]


@dataclass(frozen=True, slots=True)
class _Judged:
    quote: RefundQuote
    trace: str


class RefundsAtDesk:
    """following: of `record.FOLLOWED`. write: appends in one commit, durably. now: ms UTC."""

    def __init__(
        self,
        settings: Settings,
        following: Following,
        reading: Reading,
        people: PeopleAtDesk,
        *,
        write: Callable[[Callable[[Journal, int], Head]], Head],
        now: Callable[[], int],
    ) -> None:
        self._settings, self._rules, self._reading = settings, settings.refunds, reading
        self._people, self._write, self._now = people, write, now
        self._record = RefundRecord(following, settings.time_zone)
        self._in_hand: dict[str, RefundCase] = {}
        """Past the gate, and its intent is not seen in the journal yet. Where nobody waited for the disk it stays until it
        is seen, or the process ends: it may be recorded, and sent, at any later moment."""
        self._lock = threading.RLock()
        speaks = dialect(settings.dialect).speaks
        self._refunds, self._voids = Refund in speaks, Void in speaks

    def quote(self, asked: RefundAsked) -> RefundQuote:
        """Raises RefundRefusal where the sale is not in this record."""
        with self._lock:
            self._record.catch_up()
            return self._judge(asked).quote

    def refund(
        self,
        asked: RefundAsked,
        given: Sequence[Credential],
        send: SendOrder,
        timeout_ms: int,
        gone: Future[None] | None = None,
    ) -> RefundView:
        """Raises RefundRefusal, with the refusal in the journal, PeopleError, and what `send` raises."""
        persons = [self._people.authenticate(one) for one in given]
        with self._lock:
            self._record.catch_up()
            recorded = self._record.cases.get(asked.reference)
            known = recorded or self._in_hand.get(asked.reference)
            if known is None:
                order, confirmed = self._first(asked, persons)
                self._in_hand[asked.reference] = RefundCase(confirmed, self._now())
            else:
                order, confirmed = self._again(asked, persons, known.confirmed)
        try:
            send(order, (confirmed,) if recorded is None else (), timeout_ms, gone)
        except CounterfoilError as error:
            if known is None:
                with self._lock:
                    self._in_hand.pop(asked.reference, None)
                if isinstance(error, LinkError) and error.code in _LANE_SAID:
                    self._record_refusal(asked, confirmed.operator, confirmed.sale, [str(error.code)])
            raise
        return self.view(asked.reference)

    def _first(self, asked: RefundAsked, persons: list[Operator]) -> tuple[MoneyOrder, RefundConfirmed]:
        operator = persons[0].operator if persons else None
        if not is_reference(asked.reference) or self._record.knows(asked.reference):
            raise self._refused(asked, operator, asked.sale, [Reason.OTHER_ORDER])
        try:
            judged = self._judge(asked)
        except RefundRefusal:
            raise self._refused(asked, operator, asked.sale, [Reason.ORIGINAL_NOT_HERE]) from None
        quote = judged.quote
        reasons = list(map(Reason, quote.reasons))
        if not reasons:
            today = self._record.local_date(self._now())
            limited = self._rules.operator_day_minor or self._rules.day_minor
            spent = self._record.spent_today(operator or "", today, quote.currency) if limited else (0, 0)
            people = self._people.known()
            reasons = limits.unmet(quote, persons, people, self._rules, spent=spent, reason=asked.reason)
        if reasons:
            raise self._refused(asked, operator, quote.sale, reasons, quote)
        assert operator is not None
        action, amount = MoneyAction(quote.action), Money(quote.amount_minor, quote.currency)
        confirmed = RefundConfirmed(
            reference=asked.reference,
            action=action,
            sale=quote.sale,
            amount=amount,
            operator=operator,
            second=persons[1].operator if len(persons) > 1 else None,
            fee_back_minor=quote.fee_back_minor,
            refund_fee_minor=quote.refund_fee_minor,
            goods_returned=asked.goods_returned,
            reason=recordable(asked.reason) or None,
        )
        return self._order(confirmed, judged.trace), confirmed

    def _again(
        self, asked: RefundAsked, persons: list[Operator], held: RefundConfirmed
    ) -> tuple[MoneyOrder, RefundConfirmed]:
        """The same order under its reference: the lane tells its outcome, or waits with the first; else it is refused."""
        amount = held.amount if asked.amount is None else asked.amount
        same_sale = bool(asked.sale) and held.sale.startswith(asked.sale.lower())
        if not same_sale or amount != held.amount or asked.action not in {None, held.action}:
            operator = persons[0].operator if persons else None
            raise self._refused(asked, operator, asked.sale, [Reason.OTHER_ORDER])
        return self._order(held, self._reading.transaction(held.sale).row.trace), held

    def _not_seen(self) -> list[RefundCase]:
        self._in_hand = {name: case for name, case in self._in_hand.items() if not self._record.knows(name)}
        return list(self._in_hand.values())

    def _order(self, held: RefundConfirmed, trace: str) -> MoneyOrder:
        return MoneyOrder(
            reference=held.reference,
            action=held.action,
            amount=None if held.action is MoneyAction.VOID else held.amount,
            original_reference=held.sale,
            original_trace=trace,
            operator=held.operator,
        )

    def _judge(self, asked: RefundAsked) -> _Judged:
        detail = self._sale(asked.sale)
        sale = self._record.sale_of(detail)
        back = self._record.given_back(detail)
        for case in self._not_seen():
            if case.confirmed.sale == sale.reference:
                back = GivenBack(back.spent_minor + case.spent_minor, back.refunded_minor, back.times + 1)
        today = self._record.local_date(self._now())
        takings = 0
        if sale.at_once:
            day = self._reading.today(today.isoformat(), 1)
            takings = day.sales_minor - day.refunds_minor
        part = asked.amount is not None and asked.amount.minor != sale.amount_minor
        now = Circumstances(
            today=today,
            open_batch=None if part else self._open_batch(),
            takings_minor=takings,
            tariff=self._record.tariff(sale.product, sale.day),
            refunds=self._refunds,
            voids=self._voids,
        )
        return _Judged(judge(asked, sale, back, now, self._rules), detail.row.trace)

    def _open_batch(self) -> str | None:
        newest = self._reading.transactions(None, None, 1, 0).rows
        return newest[0].batch if newest and not self._record.is_settled(newest[0].batch) else None

    def _sale(self, reference: str) -> TransactionDetail:
        try:
            return self._reading.transaction(reference.lower())
        except NotFound:
            raise no_such_sale(reference) from None

    def _refused(
        self,
        asked: RefundAsked,
        operator: str | None,
        sale: str,
        reasons: Sequence[Reason],
        quote: RefundQuote | None = None,
    ) -> RefundRefusal:
        self._record_refusal(asked, operator, sale, [reason.value for reason in reasons])
        return refusal(reasons, quote)

    def _record_refusal(self, asked: RefundAsked, operator: str | None, sale: str, codes: Sequence[str]) -> None:
        told = RefundRefused(
            reference=_named(asked.reference),
            sale=_named(sale),
            amount=asked.amount,
            reasons=tuple(codes),
            operator=operator,
        )
        self._append(told)

    def views(self) -> tuple[RefundView, ...]:
        """Every refund and void that a person confirmed here, oldest first."""
        with self._lock:
            self._record.catch_up()
            return tuple(map(self._view, (*self._record.cases.values(), *self._not_seen())))

    def day(self, day: date | None) -> RefundDay:
        """day: a local date, None for today."""
        with self._lock:
            views, owed = self.views(), self.owed()
            wanted = day or self._record.local_date(self._now())
            refused = [(told, at) for told, at in self._record.refused if self._record.local_date(at) == wanted]
            return RefundDay(
                day=wanted,
                refunds=tuple(view for view in views if self._record.local_date(view.at) == wanted),
                refused=tuple(_refused_view(told, at) for told, at in refused),
                open=tuple(view for view in views if view.late or view.state in _WANTS_A_PERSON),
                owed=tuple(one for one in owed if one.state is not OwedState.REPAID),
            )

    def view(self, reference: str) -> RefundView:
        """By its reference, or a unique beginning. Raises NotFound."""
        found = [one for one in self.views() if reference and one.reference.startswith(reference.lower())]
        if len(found) != 1:
            raise not_notable(reference)
        return found[0]

    def note(self, asked: NoteRefund, given: Credential) -> RefundView:
        """Record what became of a refund. Raises NotFound, PeopleError, RefundRefusal for what cannot become of it now."""
        by, of = self._people.authenticate(given), self.view(asked.reference)
        with self._lock:
            case, now = self._record.cases.get(of.reference), self._now()
            if case is None:  # its intent is not in the record yet
                raise not_notable(of.reference, of.state)
            told = RefundNoted(
                reference=of.reference,
                what=asked.what,
                on=asked.on or self._record.local_date(now),
                operator=by.operator,
                delay=asked.delay,
                note=recordable(asked.note) or None,
            )
            early = told.on < self._record.local_date(case.at) or told.on > self._record.local_date(now)
            try:
                if early and told.what is not NoteOf.GOODS_RETURNED:
                    raise IllegalEvent("before it was made, or in the future")
                case.after(told, now)
            except IllegalEvent:
                raise not_notable(of.reference, of.state) from None
            self._append(told)
        return self.view(of.reference)

    def owe(self, asked: OweCustomer, given: Credential) -> OwedView:
        """Once for each sale. Raises PeopleError, RefundRefusal where that sale owes nobody so much."""
        by = self._people.authenticate(given, Role.CASHIER, Role.MANAGER)
        with self._lock:
            self._record.catch_up()
            detail = self._sale(asked.sale)
            known = self._record.owed.get(detail.row.reference)
            if known is None:
                quote = self._judge(RefundAsked("", detail.row.reference, asked.amount)).quote
                if reasons := not_owed(quote):
                    raise refusal(reasons, quote)
                self._append(
                    RefundOwed(
                        sale=quote.sale,
                        amount=Money(quote.amount_minor, quote.currency),
                        why=asked.why,
                        operator=by.operator,
                        before_minor=self._record.given_back(detail).refunded_minor,
                        finding=recordable(asked.finding)[:32] or None,
                        note=recordable(asked.note) or None,
                    )
                )
                self._record.catch_up()
            elif asked.amount not in {None, known[0].amount} or asked.why is not known[0].why:
                raise refusal([Reason.OTHER_ORDER], None)
            return self._owed_view(detail.row.reference)

    def owed(self) -> tuple[OwedView, ...]:
        """What customers are owed, or were, oldest first."""
        with self._lock:
            self._record.catch_up()
            return tuple(map(self._owed_view, self._record.owed))

    def _owed_view(self, sale: str) -> OwedView:
        told, at = self._record.owed[sale]
        return owed_view(told, at, self._record.given_back(self._reading.transaction(sale)))

    def _view(self, case: RefundCase) -> RefundView:
        held, end, now = case.confirmed, case.outcome, self._now()
        state = case.seen(now)
        due = None
        if case.state in HAPPENED:
            product = self._reading.transaction(held.sale).row.product
            due = working_day_after(self._record.local_date(case.ended), arrives(held.action, product)[1])
        waits = due is not None and state is not RefundState.ARRIVED
        delays = [note.delay for note in case.notes if note.delay is not None]
        told = end if end is not None and end.amount is not None and state not in ASKED_ABOUT else None
        view = RefundView(
            reference=held.reference,
            sale=held.sale,
            action=held.action,
            state=state,
            amount_minor=held.amount.minor,
            currency=held.amount.currency,
            at=case.at,
            operator=held.operator,
            second=held.second,
            fee_back_minor=held.fee_back_minor,
            refund_fee_minor=held.refund_fee_minor,
            goods_returned=case.goods_returned,
            reason=held.reason,
            due=due,
            late=waits and due is not None and self._record.local_date(now) > due,
            delay=delays[-1] if delays else None,
        )
        if end is None:
            return view
        view = replace(view, response_code=end.response_code, rrn=end.rrn, trace=end.trace, differs=bool(end.differs))
        if told is not None and told.amount is not None and case.state in HAPPENED:
            view = replace(view, amount_minor=told.amount.minor, currency=told.amount.currency)
        return view

    def _append(self, fact: RefundFact) -> None:
        draft = to_draft(fact, lambda _token: b"")
        self._write(lambda journal, at: journal.append([draft], at))


def _refused_view(told: RefundRefused, at: int) -> RefusedView:
    minor, currency = (None, None) if told.amount is None else (told.amount.minor, told.amount.currency)
    return RefusedView(at, told.reference, told.sale, minor, currency, told.reasons, told.operator)


def _named(reference: str) -> str:
    """A reference as it is, though digits in it may look like a card's number; anything else masked."""
    return reference if is_reference(reference) else recordable(reference)[:32]
