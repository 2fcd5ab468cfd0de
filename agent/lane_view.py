"""What a person is shown of the money lane: what it is busy with, and which outcomes are not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.money import NOBODY_KNOWS, CaseState, MoneyCase
from agent.views import LaneState, LaneView, Notice, NoticeCode

_SHOWN = 3
"""Of those put aside, one by one."""


def lane_view(holder: MoneyCase | None, still_open: Sequence[MoneyCase], *, rolled_back: bool) -> LaneView:
    """holder: the request that the lane is busy with."""
    parked = sum(case.parked for case in still_open)
    if holder is None:
        return LaneView(parked=parked, rolled_back=rolled_back)
    amount = holder.intent.amount
    state = LaneState.RECORDING
    if holder.state in NOBODY_KNOWS:
        state = LaneState.UNKNOWN
    elif holder.state is CaseState.ASKED:
        state = LaneState.ASKED
    return LaneView(
        state=state,
        reference=holder.reference,
        action=holder.intent.action.value,
        amount_minor=None if amount is None else amount.minor,
        currency=None if amount is None else amount.currency,
        since=holder.since,
        stage=holder.stage,
        parked=parked,
        rolled_back=rolled_back,
    )


def lane_notices(still_open: Sequence[MoneyCase], for_people: Callable[[MoneyCase], bool]) -> tuple[Notice, ...]:
    """What is unknown and holds the lane; then what was put aside, newest first. for_people: only a person can end it."""
    unknown = [case for case in still_open if case.state in NOBODY_KNOWS and not case.parked]
    parked = [case for case in reversed(still_open) if case.parked]
    more = max(0, len(parked) - _SHOWN)
    told = [_notice(NoticeCode.MONEY_UNKNOWN, case, 0, for_people=for_people(case)) for case in unknown[:1]]
    told += [
        _notice(NoticeCode.MONEY_PARKED, case, more if place == _SHOWN - 1 else 0)
        for place, case in enumerate(parked[:_SHOWN])
    ]
    return tuple(told)


def _notice(code: NoticeCode, case: MoneyCase, more: int, *, for_people: bool = False) -> Notice:
    facts = {"reference": case.reference, "action": case.intent.action.value}
    if (amount := case.intent.amount) is not None:
        facts |= {"amount_minor": str(amount.minor), "currency": str(amount.currency)}
    if for_people:
        facts["for_people"] = "yes"
    return Notice(code, case.since, facts, more=more)
