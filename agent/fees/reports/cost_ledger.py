"""What taking cards costs, in the four classes of docs/domain.md 3-01: what the terminal tells, and what was noted by hand.

Transaction fees and SIM fees come from the journal's fee lines; hardware, service and the rest from `cost.noted` entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from agent.fees.contract.terms import Cost, CostClass
from agent.fees.reports.month_expected import Key
from agent.fees.reports.month_sums import Sums, ppm_of
from protocol.messages import FeeType

_CLASSES = {
    FeeType.SIM: CostClass.SERVICE,
    FeeType.SERVICE: CostClass.SERVICE,
    FeeType.DEPOSIT_DEDUCTION: CostClass.OTHER,
    FeeType.OTHER: CostClass.OTHER,
}
"""Of fee lines; all others are fees of transactions."""


@dataclass(frozen=True, slots=True)
class NotedCost:
    """A cost as a person noted it. seq: its entry."""

    seq: int
    cost: Cost


@dataclass(slots=True)
class Spent:
    """Minor units, by class: fees, as the terminal told them; noted, as people did. sales: what was taken."""

    fees: dict[CostClass, int] = field(default_factory=dict)
    noted: dict[CostClass, int] = field(default_factory=dict)
    sales_minor: int = 0

    def of(self, cost_class: CostClass) -> int:
        return self.fees.get(cost_class, 0) + self.noted.get(cost_class, 0)

    @property
    def total_minor(self) -> int:
        return sum(map(self.of, CostClass))

    @property
    def cost_ppm(self) -> int | None:
        """All of it over what was taken, half up; None where nothing was taken."""
        return ppm_of(self.total_minor, self.sales_minor)

    def add(self, other: Spent) -> None:
        for mine, more in ((self.fees, other.fees), (self.noted, other.noted)):
            for cost_class, minor in more.items():
                mine[cost_class] = mine.get(cost_class, 0) + minor
        self.sales_minor += other.sales_minor


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of one currency. months: `2026-03` -> what was spent in it, oldest first. noted: in the order of their dates."""

    currency: int
    months: Mapping[str, Spent]
    total: Spent
    noted: tuple[NotedCost, ...]


def ledgers(sums: Mapping[Key, Sums], noted: Iterable[NotedCost], year: int | None = None) -> tuple[Ledger, ...]:
    """One for each currency, by its number. year: that one alone."""
    months: dict[int, dict[str, Spent]] = {}
    listed: dict[int, list[NotedCost]] = {}
    for (month, _product, currency), one in sums.items():
        if year is None or month[:4] == f"{year:04d}":
            spent = months.setdefault(currency, {}).setdefault(month, Spent())
            spent.sales_minor += one.sales_minor
            for type_, minor in one.fees.items():
                cost_class = _CLASSES.get(type_, CostClass.TRANSACTION)
                spent.fees[cost_class] = spent.fees.get(cost_class, 0) + minor
    for each in noted:
        on, paid = each.cost.on, each.cost.amount
        if year is None or on.year == year:
            spent = months.setdefault(paid.currency, {}).setdefault(_month(on), Spent())
            spent.noted[each.cost.cost_class] = spent.noted.get(each.cost.cost_class, 0) + paid.minor
            listed.setdefault(paid.currency, []).append(each)
    return tuple(
        Ledger(
            currency,
            dict(sorted(months[currency].items())),
            _total(months[currency].values()),
            tuple(sorted(listed.get(currency, []), key=lambda one: (one.cost.on, one.seq))),
        )
        for currency in sorted(months)
    )


def _total(months: Iterable[Spent]) -> Spent:
    total = Spent()
    for spent in months:
        total.add(spent)
    return total


def _month(on: date) -> str:
    return f"{on.year:04d}-{on.month:02d}"
