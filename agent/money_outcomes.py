"""A money request as a message, and the terminal's words on it as an outcome (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Iterable

from agent.journal.money_kinds import MoneyIntent, MoneyOutcome
from agent.orders import LearnedBy, MoneyAction, MoneyState
from protocol.messages import (
    MoneyRequest,
    Outcome,
    Refund,
    RequestState,
    Result,
    Sale,
    StatusReply,
    Transaction,
    TransactionKind,
    Void,
)
from protocol.money import Money
from protocol.tickets import ticket_in, ticket_of

_SHORTEST_TICKET = 6
"""Of those that vendors' wires carry; a shorter one may be any request's."""


def request_of(intent: MoneyIntent, deadline: int) -> MoneyRequest:
    """The message. deadline: ms on the terminal's clock."""
    reference, operator = intent.reference, intent.operator
    original, trace = intent.original_reference or "", intent.original_trace
    match intent.action, intent.amount:
        case MoneyAction.SALE, Money() as amount:
            return Sale(reference=reference, amount=amount, deadline=deadline, operator=operator)
        case MoneyAction.REFUND, Money() as amount:
            return Refund(
                reference=reference,
                original_reference=original,
                amount=amount,
                deadline=deadline,
                original_trace=trace,
                operator=operator,
            )
        case MoneyAction.VOID, amount:
            return Void(
                reference=reference,
                original_reference=original,
                deadline=deadline,
                amount=amount,
                original_trace=trace,
                operator=operator,
            )
    raise ValueError("only a void goes without an amount")


_ENDS = {
    RequestState.APPROVED: MoneyState.APPROVED,
    RequestState.DECLINED: MoneyState.DECLINED,
    RequestState.VOIDED: MoneyState.VOIDED,
}
_KINDS = {
    MoneyAction.SALE: TransactionKind.SALE,
    MoneyAction.REFUND: TransactionKind.REFUND,
    MoneyAction.VOID: TransactionKind.VOID,
}


def by_answer(intent: MoneyIntent, told: Result | StatusReply) -> MoneyOutcome | None:
    """What a Result or a StatusReply of our reference says; None where it says no end."""
    state = _ENDS.get(told.state)
    if state is None:
        return None
    return MoneyOutcome(
        terminal=intent.terminal,
        reference=intent.reference,
        state=state,
        learned_by=LearnedBy.RESULT if isinstance(told, Result) else LearnedBy.STATUS,
        amount=told.amount,
        differs=_differs(intent, state, told.amount),
        response_code=told.response_code,
        trace=told.trace,
        batch=told.batch if isinstance(told, Result) else None,
        rrn=told.rrn,
        auth_code=told.auth_code,
        event_number=told.event,
    )


def ticketed(told: str, references: Iterable[str]) -> str | None:
    """Which of these references the ticket in a made-up reference (`protocol.tickets`) names; None for none, or for two."""
    ticket = ticket_in(told)
    if ticket is None or len(ticket) < _SHORTEST_TICKET:
        return None
    named = [each for each in references if ticket_of(each, len(ticket)) == ticket]
    return named[0] if len(named) == 1 else None


def by_log(intent: MoneyIntent, told: Transaction) -> MoneyOutcome | None:
    """What an event of the terminal's log says of our request: its own, or its reversal (冲正). None for any other."""
    is_reversal = told.kind is TransactionKind.REVERSAL
    if is_reversal and told.original_reference == intent.reference and told.outcome is Outcome.APPROVED:
        state = MoneyState.VOIDED
    elif not is_reversal and told.reference == intent.reference:
        state = MoneyState.APPROVED if told.outcome is Outcome.APPROVED else MoneyState.DECLINED
    else:
        return None
    differs = _differs(intent, state, told.amount)
    if state is MoneyState.APPROVED and told.kind is not _KINDS[intent.action]:
        differs = True
    return MoneyOutcome(
        terminal=intent.terminal,
        reference=intent.reference,
        state=state,
        learned_by=LearnedBy.TRANSACTION,
        amount=told.amount,
        differs=differs,
        response_code=told.response_code,
        trace=told.trace,
        batch=told.batch,
        rrn=told.rrn,
        auth_code=told.auth_code,
        event_number=told.number,
    )


def without_answer(intent: MoneyIntent, state: MoneyState, learned_by: LearnedBy) -> MoneyOutcome:
    """An end that has no transaction: refused, never begun, or a person's word."""
    return MoneyOutcome(terminal=intent.terminal, reference=intent.reference, state=state, learned_by=learned_by)


def _differs(intent: MoneyIntent, state: MoneyState, told: Money | None) -> bool | None:
    if state is not MoneyState.APPROVED or told is None or intent.amount is None:
        return None
    return told != intent.amount
