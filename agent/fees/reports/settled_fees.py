"""Fees that no line of the wire tells of, and only a settlement: of a batch, and taken out of it for something else.

A settlement's `fees` are those of its batch's transactions, its `deductions` fees of their own (the SIM card's, for
service). What of them no fee line has told was charged none the less. Where the fee lines come to more, they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from agent.fees.audit.told import ToldSettlement
from protocol.messages import Product

BEFORE_DAYS, AFTER_DAYS = 31, 3
"""So long before a settlement, and after it, a fee line of its own is looked for what it deducts. Ours."""


@dataclass(slots=True)
class Batch:
    """Minor units. lines: fee lines of its transactions. nets: product -> sales and refunds that stand. by_net: its fee is
    reckoned of all of it together, and `expected` is that."""

    lines: int = 0
    nets: dict[Product, tuple[int, int]] = field(default_factory=dict)
    by_net: bool = False
    expected: int | None = None

    def traded(self, product: Product, sales: int, refunds: int) -> None:
        sold, back = self.nets.get(product, (0, 0))
        self.nets[product] = sold + sales, back + refunds


@dataclass(frozen=True, slots=True)
class Untold:
    """What a settlement of that day says beyond the lines. deducted: of `deductions`, else of a batch's fees; then expected
    is what was right, where it is known."""

    day: date
    currency: int
    minor: int
    deducted: bool
    expected: int | None = None


@dataclass(slots=True)
class _Settled:
    day: date
    currency: int
    batch: Batch
    fees: int
    deductions: int


@dataclass(slots=True)
class _Line:
    day: date
    currency: int
    minor: int


class SettledFees:
    """One pass: lines and settlements in the record's order, then `untold`. About one small row a batch is kept."""

    def __init__(self) -> None:
        self._open: dict[str, Batch] = {}
        self._settled: dict[tuple[str, str], _Settled] = {}
        self._own: list[_Line] = []
        self._strays: list[_Line] = []

    def batch(self, number: str) -> Batch:
        """The batch of that number that is not settled yet."""
        if (found := self._open.get(number)) is None:
            found = self._open[number] = Batch()
        return found

    def own(self, day: date, currency: int, minor: int) -> None:
        """A fee line of no transaction, or of the SIM card."""
        self._own.append(_Line(day, currency, minor))

    def stray(self, day: date, currency: int, minor: int) -> None:
        """A fee line of a transaction whose batch is not known."""
        self._strays.append(_Line(day, currency, minor))

    def settle(self, told: ToldSettlement, day: date) -> Batch | None:
        """A page of a settlement of that day. Answers the batch with the first page alone: all have the same sums."""
        if (told.batch, told.date) in self._settled:
            return None
        batch = self._open.pop(told.batch, None) or Batch()
        self._settled[told.batch, told.date] = _Settled(
            day, told.currency, batch, told.fees_minor, told.deductions_minor
        )
        return batch

    def untold(self) -> Iterator[Untold]:
        """What the settlements say beyond all lines."""
        for one in self._settled.values():
            batch = one.batch
            if (more := one.fees - batch.lines) > 0 and (rest := more - _told(self._strays, one, more)) > 0:
                by_net = batch.by_net and not batch.lines and rest == one.fees
                yield Untold(one.day, one.currency, rest, False, batch.expected if by_net else None)
            if one.deductions > 0 and (rest := one.deductions - _told(self._own, one, one.deductions)) > 0:
                yield Untold(one.day, one.currency, rest, True)


def _told(lines: list[_Line], settled: _Settled, most: int) -> int:
    """What of `most` these lines tell; they tell it once."""
    near = [
        line
        for line in lines
        if line.minor
        and line.currency == settled.currency
        and -AFTER_DAYS <= (settled.day - line.day).days <= BEFORE_DAYS
    ]
    taken = min(max(sum(line.minor for line in near), 0), most)
    left = taken
    for line in near:  # what was charged and taken back in one stays as it is: it told nothing
        if (used := min(max(line.minor, 0), left)) > 0:
            line.minor -= used
            left -= used
    return taken
