"""What the record, the acquirer and the bank say of each batch, side by side: about one small row a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from agent.fees.audit.detectors.doubles import doubled_refunds
from agent.fees.audit.moments import BatchTraded, SettlementTold
from agent.fees.contract.terms import BankCredit
from agent.fees.statements.credit_match import Settled, match_credits
from protocol.messages import SettlementMode

_ENTRIES = 1_000
_AGAIN_DAYS = 60
"""A batch's number may come again after so long."""


@dataclass(slots=True)
class Told:
    """A settlement's own figures, minor units. doubled: what D06 finds in it."""

    day: date
    due: date | None
    gross: int
    refunds: int
    fees: int
    deductions: int
    adjustments: int
    carried: int
    credited: int
    doubled: int
    lines: bool
    entries: tuple[int, ...]

    def adds_up_to(self, *, with_fees: bool) -> int:
        """What its own figures give."""
        fees = self.fees if with_fees else 0
        return self.gross - self.refunds - fees - self.deductions + self.adjustments + self.carried


@dataclass(slots=True)
class Traded:
    """What the record holds of it."""

    day: date
    mode: SettlementMode
    sales: int
    refunds: int
    fees: int
    entries: tuple[int, ...]

    def net(self, *, with_fees: bool) -> int:
        return self.sales - self.refunds - (self.fees if with_fees else 0)


@dataclass(slots=True)
class Credited:
    """What the bank booked for it; on: the last of its bookings."""

    minor: int
    on: date
    entries: tuple[int, ...]
    sure: bool = True
    """False: only the day says that it is for this batch."""


@dataclass(slots=True)
class Batch:
    """number: the terminal's. first: the first local date known of it, which makes its name with the number.

    t0_minor, t0_entries: what was paid for T+0 on its sales, as agreed.
    """

    number: str
    first: date
    currency: int
    traded: Traded | None = None
    told: Told | None = None
    t0_minor: int = 0
    t0_entries: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.number}/{self.first.isoformat()}"

    @property
    def day(self) -> date:
        """The record's date of it, else the acquirer's."""
        return self.traded.day if self.traded is not None else self.told.day if self.told is not None else self.first


class Batches:
    """All of them, by number; a number that comes again after sixty days is another batch."""

    def __init__(self) -> None:
        self._of: dict[str, Batch] = {}
        self._past: list[Batch] = []

    def __iter__(self) -> Iterator[Batch]:
        yield from self._past
        yield from self._of.values()

    def of(self, number: str, day: date, currency: int) -> Batch:
        """The batch of that number on a local date; made where it is not known."""
        batch = self._of.get(number)
        if batch is not None and abs((day - batch.day).days) > _AGAIN_DAYS:
            self._past.append(self._of.pop(number))
            batch = None
        if batch is None:
            batch = self._of[number] = Batch(number, day, currency)
        return batch

    def traded(self, moment: BatchTraded) -> Batch:
        """The book tells it at each of its closings, each time the whole of it."""
        batch = self.of(moment.batch, moment.day, moment.currency)
        batch.traded = Traded(
            moment.day,
            moment.mode,
            moment.sales_minor,
            moment.refunds_minor,
            moment.fees_minor,
            moment.entries[:_ENTRIES],
        )
        return batch

    def told(self, moment: SettlementTold) -> Batch:
        """A settlement that is told again stands for the one before."""
        batch = self.of(moment.batch, moment.day, moment.currency)
        batch.told = Told(
            moment.day, moment.due, moment.gross_minor, moment.refunds_minor, moment.fees_minor, moment.deductions_minor,
            moment.adjustments_minor, moment.carried_minor, moment.credited_minor,
            sum(doubled_refunds(moment.lines).values()), bool(moment.lines), moment.entries[:_ENTRIES],
        )  # fmt: skip
        return batch

    def credited(self, booked: Sequence[tuple[int, BankCredit]]) -> dict[str, Credited]:
        """The bank's bookings by the name of the batch they are for: as `match_credits` finds them; then those that name a
        batch, paid in parts or in no settlement; then what is alone on the day that a settlement is alone due on.
        """
        of = {_settled(batch): batch for batch in self if batch.told is not None}
        matched = match_credits(tuple(of), booked)
        found: dict[str, Credited] = {}
        for pair in matched.pairs:
            alone = len(pair.settlements) == 1
            for one in pair.settlements:
                minor = pair.credit.amount.minor if alone else one.credited_minor
                found[of[one].name] = Credited(minor, pair.credit.on, (pair.seq,))
        free = []
        for seq, credit in matched.credits:
            if (batch := self._named(credit)) is None:
                free.append((seq, credit))
                continue
            before = found.get(batch.name, Credited(0, credit.on, ()))
            on = max(before.on, credit.on)
            found[batch.name] = Credited(before.minor + credit.amount.minor, on, (*before.entries, seq))
        waiting = [one for one in matched.settlements if of[one].name not in found]
        for one in waiting:
            alone = sum(other.by == one.by for other in waiting) == 1
            same = [(seq, c) for seq, c in free if c.on == one.by and c.amount.currency == one.currency]
            if alone and len(same) == 1:
                ((seq, credit),) = same
                found[of[one].name] = Credited(credit.amount.minor, credit.on, (seq,), sure=False)
        return found

    def _named(self, credit: BankCredit) -> Batch | None:
        """The latest batch of that number that the money can be for."""
        if credit.batch is None:
            return None
        number, currency = credit.batch.lstrip("0"), credit.amount.currency
        named = [b for b in self if b.number.lstrip("0") == number and b.currency == currency and b.first <= credit.on]
        return max(named, key=lambda batch: batch.first, default=None)


def _settled(batch: Batch) -> Settled:
    assert batch.told is not None
    return Settled(batch.number, batch.told.day, batch.told.due, batch.told.credited, batch.currency)
