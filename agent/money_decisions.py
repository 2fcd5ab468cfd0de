"""What people decide of money requests, as the facts that are recorded: an order, its putting aside, its end by hand."""

from __future__ import annotations

from agent import actions as a
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked, MoneyRollbackAccepted
from agent.money import MoneyCase
from agent.money_queries import Moment, Told
from agent.orders import LearnedBy, MoneyOrder, recordable

PARK_AFTER_MS = 120_000
"""How long an outcome must have been unknown before its request may be put aside."""


def intended(terminal: str, order: MoneyOrder, session: Told, at: Moment) -> MoneyIntent:
    return MoneyIntent(
        terminal=terminal,
        reference=order.reference,
        action=order.action,
        amount=order.amount,
        original_reference=order.original_reference,
        original_trace=order.original_trace,
        operator=None if order.operator is None else recordable(order.operator),
        log_epoch=session.epoch,
        last_event=at.last_event,
        patience_ms=order.patience_ms,
    )


def may_park(case: MoneyCase, at: Moment) -> bool:
    """Nobody has known for two minutes: of this process's time; of another's request, by the date too."""
    unknown_for = 0 if case.unknown_since is None else at.now - case.unknown_since
    if not case.deadline:
        unknown_for = max(unknown_for, at.wall - case.since)
    return unknown_for >= PARK_AFTER_MS


def parked(case: MoneyCase, given: a.Park) -> MoneyParked:
    return MoneyParked(
        terminal=case.intent.terminal,
        reference=case.reference,
        operator=recordable(given.operator),
        reason=recordable(given.reason),
    )


def resolved(case: MoneyCase, given: a.Resolve) -> MoneyOutcome:
    return MoneyOutcome(
        terminal=case.intent.terminal,
        reference=case.reference,
        state=given.state,
        learned_by=LearnedBy.MANUAL,
        operator=recordable(given.operator),
        reason=recordable(given.reason),
    )


def accepted(terminal: str, given: a.AcceptRollback) -> MoneyRollbackAccepted:
    return MoneyRollbackAccepted(
        terminal=terminal, operator=recordable(given.operator), reason=recordable(given.reason)
    )
