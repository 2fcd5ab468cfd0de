"""The honest acquirer: what it charges for each transaction, by the tariff of its profile (docs/domain.md §3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from protocol.messages import Outcome, Product, TransactionKind
from simulator.profile import Profile, Tariff


def percentage(amount_minor: int, rate_ppm: int) -> int:
    """A rate on an amount in minor units, rounded half up, in integers: docs/domain.md §3, "Sum"."""
    return (amount_minor * rate_ppm + 500_000) // 1_000_000


def discount_fee(amount_minor: int, rate_ppm: int, cap_minor: int | None) -> int:
    """The merchant discount (MDR) in minor units: the percentage, at most the cap."""
    fee = percentage(amount_minor, rate_ppm)
    return fee if cap_minor is None else min(fee, cap_minor)


@dataclass(frozen=True, slots=True)
class Charge:
    """One fee line: its amount (minor units; negative takes a charge back) and the rule that the acquirer names."""

    amount_minor: int
    rule: str


class Acquirer:
    """Charges in the order of the transactions, and remembers what it charged: a void takes back its sale's own fee."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._charged: dict[str, int] = {}

    def remember(self, reference: str, amount_minor: int) -> None:
        """A sale's fee line that was charged before this process began."""
        self._charged[reference] = amount_minor

    def charge(
        self,
        *,
        reference: str,
        kind: TransactionKind,
        outcome: Outcome,
        product: Product,
        amount_minor: int,
        day: date,
        original_reference: str | None = None,
    ) -> Charge:
        """The MDR line of a transaction on a local date.

        Declined: 0. Refund: 0, the sale's fee is kept (the profile's fee_return). Void: minus the voided sale's fee.
        KeyError if the voided sale was never charged; SimulatorError where no tariff is in force.
        """
        if outcome is not Outcome.APPROVED:
            return Charge(0, f"{self._profile.name}: not approved, no fee")
        if kind is TransactionKind.REFUND:
            return Charge(0, f"{self._profile.name}: refund, fee kept")
        if kind is TransactionKind.VOID:
            return Charge(-self._charged[original_reference or ""], f"{self._profile.name}: void, fee returned")
        tariff = self._profile.tariff(product, day)
        fee = discount_fee(amount_minor, tariff.rate_ppm, tariff.cap_minor)
        self._charged[reference] = fee
        return Charge(fee, _rule(self._profile.name, product, tariff))


def _rule(profile: str, product: Product, tariff: Tariff) -> str:
    cap = "" if tariff.cap_minor is None else f" cap {tariff.cap_minor}"
    return f"{profile}: {product} {tariff.rate_ppm} ppm{cap}{' promo' if tariff.promo else ''}"
