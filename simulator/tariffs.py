"""What a tariff makes of an amount, and of a refund, in integers of minor units: docs/domain.md §3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from protocol.messages import Product


class FeeReturn(StrEnum):
    """What becomes of a sale's MDR when the sale is refunded: a contract field with no default."""

    KEEP = "KEEP"
    """Nothing comes back."""
    PRO_RATA = "PRO_RATA"
    """In proportion to what was refunded so far, rounded half up once, less what came back already."""
    RECOMPUTE = "RECOMPUTE"
    """The fee of what remains is charged, and the rest comes back."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """One published rate. rate_ppm: parts per million of the amount (0.6% = 6000). Amounts in minor units.

    cap_minor: None is no cap; it holds for the percentage alone (PERCENT_ONLY). per_item_minor: added to it on every sale.
    t0_ppm, t0_fixed_minor: of a T+0 sale, a line of its own.
    In force on local dates effective_from <= d < effective_to. A promo, while it lasts, goes before the plain rate.
    fixture: ours; no source states it.
    """

    products: tuple[Product, ...]
    rate_ppm: int
    cap_minor: int | None
    effective_from: date
    effective_to: date | None
    promo: bool
    fixture: bool
    source: str
    minimum_minor: int = 0
    per_item_minor: int = 0
    t0_ppm: int = 0
    t0_fixed_minor: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """A tariff that the acquirer announces at the opening of a local date. number: its own. text: told whole."""

    number: str
    products: tuple[Product, ...]
    rate_ppm: int
    cap_minor: int | None
    published: date
    effective_from: date
    text: str


def percentage(amount_minor: int, rate_ppm: int) -> int:
    """A rate on an amount in minor units, rounded half up."""
    return (amount_minor * rate_ppm + 500_000) // 1_000_000


def discount_fee(amount_minor: int, rate_ppm: int, cap_minor: int | None, minimum_minor: int = 0) -> int:
    """The merchant discount (MDR) in minor units: the percentage, at most the cap, at least the minimum; 0 of nothing."""
    fee = percentage(amount_minor, rate_ppm)
    fee = fee if cap_minor is None else min(fee, cap_minor)
    return max(fee, minimum_minor) if amount_minor else 0


def sale_fee(tariff: Tariff, amount_minor: int) -> int:
    """The MDR line of an approved sale: the discount and what every sale costs."""
    fee = discount_fee(amount_minor, tariff.rate_ppm, tariff.cap_minor, tariff.minimum_minor)
    return fee + tariff.per_item_minor if amount_minor else 0


def t0_fee(tariff: Tariff, amount_minor: int) -> int:
    """The T+0 line of an approved sale, rounded on its own."""
    return tariff.t0_fixed_minor + percentage(amount_minor, tariff.t0_ppm) if amount_minor else 0


def returned_so_far(how: FeeReturn, tariff: Tariff, amount_minor: int, fee_minor: int, refunded_minor: int) -> int:
    """Of a sale's fee: how much has to be back once so much of the sale is refunded, all refunds together."""
    if how is FeeReturn.KEEP or not amount_minor:
        return 0
    if how is FeeReturn.PRO_RATA:
        return (2 * fee_minor * refunded_minor + amount_minor) // (2 * amount_minor)
    return fee_minor - min(fee_minor, sale_fee(tariff, amount_minor - refunded_minor))
