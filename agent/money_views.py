"""Money requests as a screen is shown them, from the journal's entries and the lane's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.errors import NotFound
from agent.journal.entries import Entry
from agent.journal.kinds import Fact
from agent.journal.money_kinds import MoneyIntent, MoneyOutcome, MoneyParked
from agent.language import _
from agent.views import IntentDetail, IntentView, MoneyOrder, MoneyState, MoneyView

UNKNOWN, PARKED = "unknown", "parked"


def money_view(order: MoneyOrder, outcome: MoneyOutcome | None) -> MoneyView:
    """outcome: None while nobody knows."""
    asked = order.amount
    view = MoneyView(
        reference=order.reference,
        action=order.action.value,
        state=UNKNOWN,
        amount_minor=None if asked is None else asked.minor,
        currency=None if asked is None else asked.currency,
    )
    if outcome is None:
        return view
    if outcome.state is MoneyState.APPROVED and outcome.amount is not None:
        view = replace(view, amount_minor=outcome.amount.minor, currency=outcome.amount.currency)
    return replace(
        view,
        state=outcome.state.value,
        differs=bool(outcome.differs),
        learned_by=outcome.learned_by.value,
        response_code=outcome.response_code,
        trace=outcome.trace,
        batch=outcome.batch,
        rrn=outcome.rrn,
        auth_code=outcome.auth_code,
        contradicts=None if outcome.contradicts is None else outcome.contradicts.value,
        operator=outcome.operator,
    )


def intent_views(entries: Sequence[tuple[Entry, Fact]]) -> tuple[IntentView, ...]:
    """Oldest first; one recorded twice is one."""
    rows: dict[str, IntentView] = {}
    for entry, fact in entries:
        match fact:
            case MoneyIntent(reference=reference, amount=amount):
                rows[reference] = IntentView(
                    seq=entry.seq,
                    at=entry.at,
                    reference=reference,
                    action=fact.action.value,
                    state=UNKNOWN,
                    amount_minor=None if amount is None else amount.minor,
                    currency=None if amount is None else amount.currency,
                    original_reference=fact.original_reference,
                    operator=fact.operator,
                )
            case MoneyParked(reference=reference) if reference in rows and rows[reference].state == UNKNOWN:
                rows[reference] = replace(rows[reference], state=PARKED)
            case MoneyOutcome(reference=reference) if reference in rows:
                rows[reference] = replace(rows[reference], state=fact.state.value)
    return tuple(rows.values())


def intent_detail(entries: Sequence[tuple[Entry, Fact]], beginning: str) -> IntentDetail:
    """By its reference, or a beginning of one that is unique. Raises NotFound."""
    found = [row for row in intent_views(entries) if beginning and row.reference.startswith(beginning)]
    if len(found) != 1:
        raise NotFound(
            _("Not exactly one money request has a reference that begins with {reference}.").format(
                reference=beginning
            ),
            _("Find its reference with: counterfoil intent list"),
        )
    told = tuple(
        {"seq": entry.seq, "at": entry.at, "kind": entry.kind, "body": entry.body, "private": dict(entry.private)}
        for entry, fact in entries
        if isinstance(fact, MoneyIntent | MoneyOutcome | MoneyParked) and fact.reference == found[0].reference
    )
    return IntentDetail(found[0], told)
