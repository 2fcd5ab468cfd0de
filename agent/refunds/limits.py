"""Who may confirm money back, and how much of it: the rows of docs/people.md and `[refunds]`. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from agent.people.people import Operator, People
from agent.people.people_kinds import Role
from agent.refunds.refund_types import Reason, RefundQuote
from agent.refunds.rules import RefundSettings


def unmet(
    quote: RefundQuote,
    given: Sequence[Operator],
    people: People,
    rules: RefundSettings,
    *,
    spent: tuple[int, int],
    reason: str,
) -> list[Reason]:
    """What is missing. given: who proved who they are, the one at the counter first. spent: minor units confirmed today by
    that operator, and by all. reason: why, in his words; needed where one person stands for two."""
    if not people.at_work():
        return [Reason.NO_PEOPLE]
    if not given:
        return [Reason.NO_PERSON]
    if any(one.role is Role.TECHNICIAN for one in given):
        return [Reason.ROLE]
    found = []
    managers = [one for one in given if one.role is Role.MANAGER]
    if quote.manager and not managers:
        found.append(Reason.SECOND_PERSON)
    elif quote.persons > len({one.operator for one in given}):
        alone = len([one for one in people.at_work() if one.role is not Role.TECHNICIAN]) == 1
        if not alone or len(given) < quote.persons:
            found.append(Reason.SECOND_PERSON)
        elif not reason.strip():
            found.append(Reason.SECOND_REASON)
    by_him, by_all = (already + quote.amount_minor for already in spent)
    if rules.operator_day_minor and by_him > rules.operator_day_minor and not managers:
        found.append(Reason.OPERATOR_DAY)
    if rules.day_minor and by_all > rules.day_minor:
        found.append(Reason.DAY)
    return found
