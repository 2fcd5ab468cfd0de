"""Bugs to test the tester with where money is given back: a gate, or its memory, with one rule of docs/refunds.md broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent.orders import MoneyAction, MoneyOrder
from agent.refunds.at_desk import RefundsAtDesk
from agent.refunds.case import HAPPENED
from agent.refunds.gate import GivenBack
from agent.refunds.record import RefundRecord
from agent.refunds.refund_kinds import RefundConfirmed
from agent.refunds.refund_types import RefundAsked
from agent.views import TransactionDetail
from protocol.money import Money


class UnknownIsFree(RefundRecord):
    """What nobody knows the end of is taken for not given back."""

    def given_back(self, detail: TransactionDetail) -> GivenBack:
        back = super().given_back(detail)
        return replace(back, spent_minor=back.refunded_minor)


class SeesTheLogAlone(RefundRecord):
    """Only what the terminal has told of counts."""

    def given_back(self, detail: TransactionDetail) -> GivenBack:
        kept, self._of_sale = self._of_sale, {}
        try:
            return super().given_back(detail)
        finally:
            self._of_sale = kept


class DeclinedIsSpent(RefundRecord):
    """What came to nothing is never free again."""

    def _spent(self, reference: str, whole_minor: int) -> tuple[int, bool]:
        case = self.cases[reference]
        return case.confirmed.amount.minor, case.state in HAPPENED


class KeepsTheFirstEnd(RefundRecord):
    """A later truth is not heard."""

    def _money(self, entry: Any) -> None:
        case = self.cases.get(str(entry.body["reference"]))
        if case is None or case.outcome is None:
            super()._money(entry)


class AsksUnderAnother(RefundsAtDesk):
    """The same order again goes out as a new one."""

    def _again(self, asked: RefundAsked, *rest: Any) -> tuple[MoneyOrder, RefundConfirmed]:
        order, held = super()._again(asked, *rest)
        other = f"{int(order.reference, 16) ^ 1:032x}"
        return replace(order, reference=other), replace(held, reference=other)


class AlwaysTheWhole(RefundsAtDesk):
    """A part is sent as all of it."""

    def _order(self, held: RefundConfirmed, trace: str) -> MoneyOrder:
        order = super()._order(held, trace)
        whole = self._reading.transaction(held.sale).row.amount_minor
        return order if held.action is MoneyAction.VOID else replace(order, amount=Money(whole))


class Unconfirmed(RefundsAtDesk):
    """The intent is recorded without who confirmed it."""

    def refund(self, asked: RefundAsked, given: Any, send: Any, *rest: Any) -> Any:
        return super().refund(asked, given, lambda order, _beside, *more: send(order, (), *more), *rest)


class TakesAnyAmount(RefundsAtDesk):
    """The same reference is the same order, whatever it says."""

    def _again(self, asked: RefundAsked, persons: Any, held: RefundConfirmed) -> tuple[MoneyOrder, RefundConfirmed]:
        same = replace(asked, sale=held.sale, amount=held.amount, action=held.action)
        return super()._again(same, persons, held)
