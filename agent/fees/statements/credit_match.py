"""Which bank credit is which settlement's: credited is what the bank says, not the provider (docs/domain.md §4)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from agent.fees.contract.terms import BankCredit

EARLY, LATE = timedelta(days=1), timedelta(days=10)
"""Around the due date, both ends included."""
NAMED_LATE = timedelta(days=60)
"""For a credit that names its batch: batch numbers come again."""
MOST_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement says is to reach the account. day: its date; due: when, the day itself where nothing was told."""

    batch: str
    day: date
    due: date | None
    credited_minor: int
    currency: int

    @property
    def by(self) -> date:
        return self.due or self.day


@dataclass(frozen=True, slots=True)
class CreditPair:
    """One credit, its entry, and the settlement that it is, or the two to five in a row that it is the sum of."""

    settlements: tuple[Settled, ...]
    seq: int
    credit: BankCredit

    @property
    def difference_minor(self) -> int:
        """Credited less than was told: positive."""
        return sum(one.credited_minor for one in self.settlements) - self.credit.amount.minor


@dataclass(frozen=True, slots=True)
class MatchedCredits:
    """settlements: with money due and no credit; credits: of no settlement. Both in order."""

    pairs: tuple[CreditPair, ...]
    settlements: tuple[Settled, ...]
    credits: tuple[tuple[int, BankCredit], ...]


def match_credits(settlements: Sequence[Settled], credited: Sequence[tuple[int, BankCredit]]) -> MatchedCredits:
    """By batch first; then the same amount within a day before and ten after the due date; then the sum of two to five
    settlements in a row within the same days of each. Whatever the order of what is given, the answer is the same.

    Each credit and each settlement once. A settlement that has nothing to credit is none here. A credit whose batch is in
    no settlement is matched like one that names none. credited: the credits with their entries.
    """
    matcher = _Matcher(sorted((one for one in settlements if one.credited_minor > 0), key=_order))
    coming = sorted(credited, key=lambda told: (told[1].on, told[1].amount.minor, told[0]))
    pairs: list[CreditPair] = []
    # All windows are equally long, so who is due first goes first: no other choice pairs more.
    for find in (matcher.named, matcher.one, matcher.several):
        rest = []
        for seq, credit in coming:
            if places := find(credit):
                pairs.append(CreditPair(matcher.take(places), seq, credit))
            else:
                rest.append((seq, credit))
        coming = rest
    pairs.sort(key=lambda one: (_order(one.settlements[0]), one.seq))
    return MatchedCredits(tuple(pairs), tuple(one for one in matcher.left if one is not None), tuple(coming))


def _order(one: Settled) -> tuple[date, date, str, int, int]:
    return (one.by, one.day, one.batch, one.credited_minor, one.currency)


class _Matcher:
    """left: the settlements in order of their due dates; None in the place of one that is taken."""

    def __init__(self, due: list[Settled]) -> None:
        self.left: list[Settled | None] = list(due)
        self._by = [one.by for one in due]
        self._of_batch: dict[str, list[int]] = {}
        for at, one in enumerate(due):
            self._of_batch.setdefault(one.batch.lstrip("0"), []).append(at)

    def take(self, places: Sequence[int]) -> tuple[Settled, ...]:
        taken = tuple(one for at in places if (one := self.left[at]) is not None)
        for at in places:
            self.left[at] = None
        return taken

    def named(self, credit: BankCredit) -> tuple[int, ...]:
        """The settlement of the batch that a credit names; of several the one whose due date is nearest."""
        found = [
            (abs(credit.on - one.by), at)
            for at in self._of_batch.get((credit.batch or "").lstrip("0"), ())
            if credit.batch is not None
            and (one := self.left[at]) is not None
            and one.currency == credit.amount.currency
            and one.by - EARLY <= credit.on <= one.by + NAMED_LATE
        ]
        return (min(found)[1],) if found else ()

    def one(self, credit: BankCredit) -> tuple[int, ...]:
        """The one of that amount, of the several in time the first due."""
        return next(((at,) for at in self._in_time(credit) if self._minor(at, credit) == credit.amount.minor), ())

    def several(self, credit: BankCredit) -> tuple[int, ...]:
        """Two to five in a row."""
        in_time = self._in_time(credit)
        for first in in_time:
            rest = credit.amount.minor
            for at in range(first, min(first + MOST_AT_ONCE, in_time.stop)):
                if not 0 < self._minor(at, credit) <= rest:
                    break
                rest -= self._minor(at, credit)
                if not rest:
                    return tuple(range(first, at + 1))
        return ()

    def _in_time(self, credit: BankCredit) -> range:
        """None for one that names a batch that is known: it is of that, and of no other."""
        if credit.batch is not None and credit.batch.lstrip("0") in self._of_batch:
            return range(0)
        return range(bisect_left(self._by, credit.on - LATE), bisect_right(self._by, credit.on + EARLY))

    def _minor(self, at: int, credit: BankCredit) -> int:
        """0 for one that is taken, or of another currency."""
        one = self.left[at]
        return one.credited_minor if one is not None and one.currency == credit.amount.currency else 0
