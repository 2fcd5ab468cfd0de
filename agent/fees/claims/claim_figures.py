"""What claims come to: money in each stage, how fast the provider answers and pays (docs/domain.md 4-08), how satisfied the
merchant is. Days are calendar days; averages are in tenths, half up: 35 is 3.5 days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from agent.fees.claim_kinds import Cause, ClaimEvent
from agent.fees.claims.claim import Claim
from agent.fees.claims.claim_states import ClaimState


@dataclass(frozen=True, slots=True)
class Spans:
    """Some spans in days. average_tenths: None where there is none."""

    count: int
    average_tenths: int | None
    longest: int | None

    @classmethod
    def of(cls, days: Sequence[int]) -> Spans:
        if not days:
            return cls(0, None, None)
        return cls(len(days), tenths(sum(days), len(days)), max(days))


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units of one currency. claimed_minor: of withdrawn claims only what came. outstanding_minor: of open claims."""

    currency: int
    claims: int
    claimed_minor: int
    admitted_minor: int
    credited_minor: int
    written_off_minor: int
    outstanding_minor: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All claims on one day. waiting: ages of open claims since they were put to the provider, or opened; unanswered: of
    those that it has said neither yes nor no to; overdue: names of open claims whose promise has passed."""

    sums: tuple[Sums, ...]
    states: dict[ClaimState, int]
    causes: dict[Cause, int]
    first_answer: Spans
    money: Spans
    waiting: Spans
    unanswered: Spans
    overdue: tuple[str, ...]
    satisfaction: dict[int, int]
    satisfaction_tenths: int | None


def tenths(total: int, count: int) -> int:
    """Ten times the average, half up."""
    return (20 * total + count) // (2 * count)


def days_to_answer(claim: Claim) -> int | None:
    """From the day it was put to the provider to its first yes or no."""
    raised, answered = claim.day_of(ClaimEvent.RAISED), claim.first_answer
    return None if raised is None or answered is None else (answered - raised).days


def days_to_money(claim: Claim) -> int | None:
    """From the day it was put to the provider to the first money, by the bank's date: 0 where that came before."""
    raised = claim.day_of(ClaimEvent.RAISED)
    return None if raised is None or not claim.paid else max((claim.paid[0].on - raised).days, 0)


def age(claim: Claim, today: date) -> int:
    """Days since it was put to the provider, or opened where it was not yet."""
    return max((today - (claim.day_of(ClaimEvent.RAISED) or claim.events[0].fact.on)).days, 0)


def is_overdue(claim: Claim, today: date) -> bool:
    """It is open, and what was promised for a day has not come by its end."""
    return claim.is_open and claim.due is not None and claim.due < today


def figures(claims: Iterable[Claim], today: date) -> Figures:
    told = list(claims)
    still = [claim for claim in told if claim.is_open]
    rated = Counter(claim.satisfaction for claim in told if claim.satisfaction is not None)
    return Figures(
        sums=tuple(_sums(told, currency) for currency in sorted({claim.currency for claim in told})),
        states=dict(Counter(claim.state for claim in told)),
        causes=dict(Counter(claim.cause for claim in told if claim.cause is not None)),
        first_answer=Spans.of([days for claim in told if (days := days_to_answer(claim)) is not None]),
        money=Spans.of([days for claim in told if (days := days_to_money(claim)) is not None]),
        waiting=Spans.of([age(claim, today) for claim in still]),
        unanswered=Spans.of([age(claim, today) for claim in still if claim.first_answer is None]),
        overdue=tuple(claim.name for claim in still if is_overdue(claim, today)),
        satisfaction=dict(sorted(rated.items())),
        satisfaction_tenths=tenths(sum(n * times for n, times in rated.items()), rated.total()) if rated else None,
    )


def _sums(claims: Iterable[Claim], currency: int) -> Sums:
    of = [claim for claim in claims if claim.currency == currency]
    return Sums(
        currency=currency,
        claims=len(of),
        claimed_minor=sum(minor for claim in of for _finding, minor in claim.taken()),
        admitted_minor=sum(claim.admitted_minor for claim in of),
        credited_minor=sum(claim.credited_minor for claim in of),
        written_off_minor=sum(claim.written_off_minor for claim in of),
        outstanding_minor=sum(claim.outstanding_minor for claim in of),
    )
