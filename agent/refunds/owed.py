"""A customer who was charged what he did not owe (K_OVERCHARGED): open until so much of that sale has gone back. No I/O."""

from __future__ import annotations

from agent.refunds.gate import GivenBack
from agent.refunds.refund_kinds import RefundOwed
from agent.refunds.refund_types import OwedState, OwedView, Reason, RefundQuote

_NO_DEBT = (Reason.NOT_A_SALE, Reason.NOT_APPROVED, Reason.VOIDED, Reason.NOTHING_LEFT, Reason.CURRENCY, Reason.AMOUNT)


def not_owed(quote: RefundQuote) -> list[Reason]:
    """Why so much of that sale is owed to nobody. A closed window, or a terminal without words, ends no debt."""
    found = [reason for reason in map(Reason, quote.reasons) if reason in _NO_DEBT]
    if not found and quote.amount_minor > quote.remaining_minor:
        return [Reason.OVER_REMAINING]
    return found or ([Reason.AMOUNT] if quote.amount_minor <= 0 else [])


def owed_view(told: RefundOwed, at: int, back: GivenBack) -> OwedView:
    """back: of that sale, now."""
    repaid = max(0, back.refunded_minor - told.before_minor)
    under_way = back.spent_minor > back.refunded_minor
    state = OwedState.UNDER_WAY if under_way else OwedState.OPEN
    return OwedView(
        sale=told.sale,
        state=OwedState.REPAID if repaid >= told.amount.minor else state,
        amount_minor=told.amount.minor,
        repaid_minor=repaid,
        currency=told.amount.currency,
        why=told.why,
        at=at,
        operator=told.operator,
        finding=told.finding,
        note=told.note,
    )
