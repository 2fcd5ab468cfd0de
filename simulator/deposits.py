"""A deposit's return as the provider handles it: a ticket, and a word at each step, by the simulated clock in working days.

The plan is chosen when the application comes, and stands in the log with it; everything after follows from the two. A word
comes at 10:00. While papers are asked for the provider's clock stands, and another application of the same amount is the
answer. Once a return is decided against the merchant, another application is an appeal: a ticket of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any

from protocol.messages import Deduction, DeductionCause, DepositState, DepositStatus, DepositUpdate
from protocol.money import Money
from simulator.clock import SHANGHAI, iso, local_date
from simulator.errors import SimulatorError
from simulator.lies import Lie, Lies, joined
from simulator.profile import Deposit
from simulator.settlement import Row
from simulator.working_days import working_day_after

TOLD_AT = time(10, 0)
REFUSED = (DepositState.REJECTED, DepositState.FORFEITED, DepositState.CONVERTED)
ANEW = (*REFUSED, DepositState.WITHDRAWN)
"""After these another application may be made."""
CHECKLIST = ("营业执照", "押金缴纳凭证", "设备归还快递单号")
"""Papers of the first request. FIXTURE, of docs/domain.md 3-08 and 3-10."""

_S = DepositState


@dataclass(frozen=True, slots=True)
class Step:
    """A state that comes so many working days after the one before. paid: per cent of what is owed, by then."""

    state: DepositState
    after: int
    documents: tuple[str, ...] = ()
    deducted: int = 0
    """Per cent of the deposit, for damage, with item, reason and clause."""
    kept: int = 0
    """Minor units of it, for nothing worth the name."""
    note: str | None = None
    paid: int = 0
    due: int = 0
    """What should have been paid by then, where that is more."""
    owing: int = 0
    """Per cent of the deposit, for fees outstanding, with item, reason and clause."""


_REVIEW = (Step(_S.ACKNOWLEDGED, 1), Step(_S.REVIEW_1, 1), Step(_S.REVIEW_2, 2))
_PAY = (Step(_S.APPROVED, 2), Step(_S.PAYING, 1))
_PAID = Step(_S.PAID, 3, paid=100)
PLANS: dict[str, tuple[Step, ...]] = {
    "paid": (*_REVIEW, *_PAY, _PAID),
    "need_more": (
        *_REVIEW[:2],
        Step(_S.NEED_MORE, 1, documents=CHECKLIST),
        Step(_S.REVIEW_1, 1),
        _REVIEW[2],
        *_PAY,
        _PAID,
    ),
    "deducted": (*_REVIEW, Step(_S.APPROVED, 2, deducted=20), Step(_S.PAYING, 1), _PAID),
    "pay_failed": (*_REVIEW, *_PAY, Step(_S.PAY_FAILED, 2, note="退汇：收款户名不符"), Step(_S.PAYING, 2), _PAID),
    "partly_paid": (*_REVIEW, *_PAY, Step(_S.PARTLY_PAID, 3, paid=50), replace(_PAID, after=5)),
    "settled_net": (
        *_REVIEW,
        *_PAY,
        Step(_S.PARTLY_PAID, 3, paid=50),
        Step(_S.PAID, 5, owing=20, paid=100),
    ),
    "withdrawn": (*_REVIEW[:2], Step(_S.WITHDRAWN, 2, note="商户来电撤回申请")),
    "rejected": (*_REVIEW, Step(_S.REJECTED, 2, note="交易量未达标")),
    "forfeited": (*_REVIEW, Step(_S.FORFEITED, 2, note="提前终止合作，保证金不予退还")),
    "converted": (*_REVIEW, Step(_S.CONVERTED, 2, note="交易量未达标，押金转为设备款")),
}
"""How a return may go, FIXTURE within the terms of docs/domain.md §5 (2 / 7 / 15 working days)."""


def plan_named(name: str) -> str:
    """That name. Raises SimulatorError if it is none of PLANS."""
    if name not in PLANS:
        raise SimulatorError(f"There is no plan {name!r} for a deposit.", f"Choose one of: {', '.join(PLANS)}.")
    return name


@dataclass(slots=True)
class _Case:
    ticket: str
    reference: str
    amount: int
    steps: list[Step]
    next_at: int | None
    state: DepositState = _S.SUBMITTED
    deductions: tuple[Deduction, ...] = ()
    documents: tuple[str, ...] = ()
    note: str | None = None
    should: int = 0
    paid: int = 0
    paid_should: int = 0
    lie: str | None = None

    @property
    def owed(self) -> int:
        """What is to be paid back, as the provider has it."""
        return 0 if self.state in REFUSED else self.amount - sum(d.amount.minor for d in self.deductions)


class Deposits:
    """The returns of one terminal's deposit. currency: ISO 4217. A record comes from `application` or the log, once."""

    def __init__(self, *, terminal: str, deposit: Deposit, currency: int, lies: Lies) -> None:
        self._terminal = terminal
        self._deposit = deposit
        self._currency = currency
        self._lies = lies
        self._records: dict[str, dict[str, Any]] = {}
        self._cases: list[_Case] = []
        self.plan = deposit.plan
        """How the next return goes: a name of PLANS."""

    # -- what is asked -------------------------------------------------------------------------------------------------

    def status(self, ticket: str | None, request_id: int) -> DepositStatus | None:
        """Of a ticket, or of the latest; before any application: ACTIVE, under a ticket of its own. None: no such ticket."""
        found = [c for c in self._cases if ticket in {None, c.ticket}]
        active = self._ticket(0)
        if not found and ticket in {None, active}:
            amount = Money(self._deposit.amount_minor, self._currency)
            return DepositStatus(ticket=active, state=_S.ACTIVE, amount=amount, request_id=request_id)
        return self._status(found[-1], request_id) if found else None

    def known(self, reference: str, amount: Money, application: str, request_id: int) -> DepositStatus | None:
        """The status of an application made before; None if it was not. ValueError where it was another one."""
        record = self._records.get(reference)
        if record is None:
            return None
        if (record["amount"], record["currency"], record["sha256"]) != (*_of(amount), _hash(application)):
            raise ValueError("another application under one reference")
        case = next(c for c in self._cases if c.ticket == record["ticket"])
        return self._status(case, request_id)

    def application(self, reference: str, amount: Money, application: str, at: int) -> dict[str, Any] | None:
        """The record of a new application, for the log and then for `take`; None while a return is under way or done.

        ValueError for more than the deposit, nothing, or another currency. at: ms UTC. The text itself is not kept.
        """
        if amount.currency != self._currency or not 0 < amount.minor <= self._deposit.amount_minor:
            raise ValueError("not the deposit's amount")
        last = self._cases[-1] if self._cases else None
        ticket = self._ticket(len(self._cases) + 1)
        if last is not None and last.state is _S.NEED_MORE:
            if amount.minor != last.amount:
                raise ValueError("another amount than the application's")
            ticket = last.ticket
        elif last is not None and last.state not in ANEW:
            return None
        return {
            "reference": reference,
            "ticket": ticket,
            "amount": amount.minor,
            "currency": amount.currency,
            "sha256": _hash(application),
            "plan": self.plan,
            "at": at,
        }

    # -- what is done --------------------------------------------------------------------------------------------------

    def take(self, record: dict[str, Any]) -> Row:
        """An application is in the log; its ledger line."""
        self._records[record["reference"]] = record
        day = local_date(record["at"])
        case = self._cases[-1] if self._cases and self._cases[-1].ticket == record["ticket"] else None
        if case is None:
            case = _Case(
                ticket=record["ticket"],
                reference=record["reference"],
                amount=record["amount"],
                steps=list(PLANS[record["plan"]]),
                next_at=None,
                should=record["amount"],
            )
            self._cases.append(case)
            self._lie(case, day)
            case.next_at = self._next(case, day)
        else:  # the papers came
            case.state, case.documents, case.note = _S.SUBMITTED, (), None
            case.next_at = self._next(case, day)
        return self._row(case, record["at"])

    @property
    def next_at(self) -> int | None:
        """When the provider's next word comes, ms UTC."""
        return min((c.next_at for c in self._cases if c.next_at is not None), default=None)

    def word(self, not_before: int) -> tuple[DepositUpdate, list[Row]]:
        """The word that comes next, its number still 0, and its ledger lines. At not_before, where that is later."""
        case = min((c for c in self._cases if c.next_at is not None), key=lambda c: c.next_at or 0)
        assert case.next_at is not None  # the caller asked `next_at`
        planned = case.next_at
        step = case.steps.pop(0)
        case.state, case.documents, case.note = step.state, step.documents, step.note
        if step.deducted:
            self._deduct(
                case, step.deducted, DeductionCause.DAMAGE, "屏幕破损，更换屏幕总成一件，见检测单及照片", "7.2"
            )
        if step.owing:
            self._deduct(case, step.owing, DeductionCause.OUTSTANDING_FEE, "欠缴流量费，见账单", "7.4")
        if step.kept:
            other = Money(min(step.kept, case.owed), self._currency)
            case.deductions += (Deduction(cause=DeductionCause.OTHER, amount=other, reason="按规定扣除"),)
        if step.state in REFUSED:
            case.should = 0
        case.next_at = None if step.state is _S.NEED_MORE else self._next(case, local_date(planned))
        at = max(planned, not_before)
        rows = [self._row(case, at)]
        if step.paid:
            paid = case.owed * step.paid // 100
            should = case.should * (step.due or step.paid) // 100
            rows.append(self._credit(case, at, paid - case.paid, should - case.paid_should))
            case.paid, case.paid_should = paid, should
        update = DepositUpdate(
            number=0,
            at=at,
            ticket=case.ticket,
            state=case.state,
            amount=Money(case.owed, self._currency),
            deductions=case.deductions,
            documents=case.documents,
            note=case.note,
        )
        return update, rows

    def _next(self, case: _Case, after: date) -> int | None:
        if not case.steps:
            return None
        day = working_day_after(after, case.steps[0].after)
        return int(datetime.combine(day, TOLD_AT, SHANGHAI).timestamp()) * 1000

    def _deduct(self, case: _Case, percent: int, cause: DeductionCause, reason: str, clause: str) -> None:
        amount = Money(case.amount * percent // 100, self._currency)
        case.deductions += (Deduction(cause=cause, amount=amount, reason=reason, clause=clause),)
        case.should -= amount.minor

    def _lie(self, case: _Case, day: date) -> None:
        """What the provider will do otherwise than planned: decided when the application comes. No change is no lie."""
        for lie, change in _TURNS.items():
            for one in self._lies.now(case.reference, day, lie):
                if (steps := change(case.steps, one.minor)) != case.steps:
                    self._lies.told(one)
                    case.steps, case.lie = steps, joined(case.lie, lie)

    # -- as others see it ----------------------------------------------------------------------------------------------

    def _status(self, case: _Case, request_id: int) -> DepositStatus:
        return DepositStatus(
            ticket=case.ticket,
            state=case.state,
            amount=Money(case.owed, self._currency),
            deductions=case.deductions,
            documents=case.documents,
            note=case.note,
            request_id=request_id,
        )

    def _row(self, case: _Case, at: int) -> Row:
        return {
            "kind": "deposit",
            "ticket": case.ticket,
            "reference": case.reference,
            "state": case.state,
            "at": iso(at),
            "amount_minor": case.owed,
            "should_minor": case.should,
            "documents": list(case.documents),
            **({} if case.lie is None else {"lie": case.lie}),
        }

    def _credit(self, case: _Case, at: int, credited: int, should: int) -> Row:
        return {
            "kind": "credit",
            "ticket": case.ticket,
            "date": local_date(at).isoformat(),
            "at": iso(at),
            "credited_minor": credited,
            "should_minor": should,
            **({} if credited == should or case.lie is None else {"lie": case.lie}),
        }

    def _ticket(self, place: int) -> str:
        digest = sha256(f"{self._terminal}/deposit".encode()).digest()
        return f"DEP{int.from_bytes(digest[:4]) % 100_000:05d}-{place}"


Turn = Callable[[list[Step], int], list[Step]]
"""The steps as planned, and the lie's minor units -> as they come."""


def _silent(steps: list[Step], minor: int) -> list[Step]:
    return []


def _unreasoned(steps: list[Step], minor: int) -> list[Step]:
    """With the approval."""
    return [replace(step, kept=minor) if step.state is _S.APPROVED else step for step in steps]


def _late_documents(steps: list[Step], minor: int) -> list[Step]:
    """After the second review, and then the second review again."""
    place = next((n for n, step in enumerate(steps) if step.state is _S.REVIEW_2), None)
    if place is None:
        return steps
    more = Step(_S.NEED_MORE, 1, documents=("开户许可证原件", "近六个月银行流水"), note="请补充材料")
    return [*steps[: place + 1], more, steps[place], *steps[place + 1 :]]


def _rest_kept(steps: list[Step], minor: int) -> list[Step]:
    """Half of what is owed at the first payment, and no more words."""
    place = next((n for n, step in enumerate(steps) if step.paid), None)
    if place is None:
        return steps
    return [*steps[:place], replace(steps[place], state=_S.PARTLY_PAID, paid=50, due=100)]


_TURNS: dict[Lie, Turn] = {
    Lie.LATE_DOCUMENTS: _late_documents,
    Lie.UNREASONED_DEDUCTION: _unreasoned,
    Lie.REST_KEPT: _rest_kept,
    Lie.SILENT_DEPOSIT: _silent,
}


def _of(amount: Money) -> tuple[int, int]:
    return amount.minor, amount.currency


def _hash(application: str) -> str:
    return sha256(application.encode()).hexdigest()
