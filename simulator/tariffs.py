"""What a tariff makes of an amount, and of a refund, in integers of minor units: docs/domain.md §3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from protocol.messages import Product


class FeeReturn(StrEnum):
    """What becomes of a sale's MDR when the sale is refunded: a contract field with no default."""

    KEEP = "KEEP"
    """Nothing comes back."""
    PRO_RATA = "PRO_RATA"
    """In proportion to what was refunded so far, rounded half up once, less what came back already."""
    RECOMPUTE = "RECOMPUTE"
    """The fee of what remains is charged, and the rest comes back."""


class Rounding(StrEnum):
    """What becomes of a broken minor unit of the percentage."""

    HALF_UP = "HALF_UP"
    UP = "UP"
    DOWN = "DOWN"


class TierMode(StrEnum):
    """What a tier's rate holds for: a contract field with no default."""

    MARGINAL = "MARGINAL"
    """The part of the amount that lies in it."""
    SLAB = "SLAB"
    """The whole amount, if it lies in it."""


class CapScope(StrEnum):
    """What the cap is of."""

    PERCENT_ONLY = "PERCENT_ONLY"
    TOTAL = "TOTAL"
    """The percentage, the fee per item and the T+0 line together."""


@dataclass(frozen=True, slots=True)
class Tier:
    """up_to_minor: the largest amount in it, of one transaction; None: all above the one before."""

    up_to_minor: int | None
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """One published rate. rate_ppm: parts per million of the amount (0.6% = 6000). Amounts in minor units.

    cap_minor: None is no cap. per_item_minor: added to the percentage on every sale.
    t0_ppm, t0_fixed_minor: of a T+0 sale, a line of its own. tiers: in their order, the last one without an end; where
    there are any, tier_mode says what they mean, and rate_ppm is the first one's.
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
    rounding: Rounding = Rounding.HALF_UP
    tiers: tuple[Tier, ...] = ()
    tier_mode: TierMode | None = None
    cap_scope: CapScope = CapScope.PERCENT_ONLY

    def __post_init__(self) -> None:
        """ValueError for what no contract can mean."""
        if self.tiers and (self.tier_mode is None or self.tiers[0].rate_ppm != self.rate_ppm):
            raise ValueError("tiers need a tier_mode, and the first one's rate is rate_ppm")
        ends = [tier.up_to_minor for tier in self.tiers]
        known = [end for end in ends[:-1] if end is not None]
        if self.tiers and (ends[-1] is not None or known != sorted(set(known)) or len(known) != len(ends) - 1):
            raise ValueError("tiers rise, and only the last has no end")
        if self.cap_minor is not None and self.minimum_minor > self.cap_minor:
            raise ValueError("the minimum is above the cap")

    @property
    def terms(self) -> str:
        """What a fee is made of, in words."""
        said = [f"{self.rate_ppm} ppm"]
        if self.tiers:
            steps = [f"{t.rate_ppm} ppm" + (f" to {t.up_to_minor}" if t.up_to_minor else " above") for t in self.tiers]
            said = [f"{', '.join(steps)} ({self.tier_mode})"]
        said += [] if self.rounding is Rounding.HALF_UP else [f"rounded {self.rounding.lower()}"]
        said.append("no cap" if self.cap_minor is None else f"cap {self.cap_minor}")
        said += ["of the total"] if self.cap_scope is CapScope.TOTAL else []
        said += [f"at least {self.minimum_minor}"] if self.minimum_minor else []
        said += [f"{self.per_item_minor} more a sale"] if self.per_item_minor else []
        t0 = [f"{self.t0_fixed_minor}"] * bool(self.t0_fixed_minor) + [f"{self.t0_ppm} ppm"] * bool(self.t0_ppm)
        said += [f"{' and '.join(t0)} for T+0"] if t0 else []
        return ", ".join(said)


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

    def record(self) -> dict[str, Any]:
        """For the log."""
        return {
            "number": self.number,
            "products": list(self.products),
            "rate_ppm": self.rate_ppm,
            "cap_minor": self.cap_minor,
            "published": self.published.isoformat(),
            "effective_from": self.effective_from.isoformat(),
            "text": self.text,
        }


def notice_of(record: dict[str, Any]) -> Notice:
    """What `Notice.record` was made of."""
    return Notice(
        number=record["number"],
        products=tuple(Product(one) for one in record["products"]),
        rate_ppm=record["rate_ppm"],
        cap_minor=record["cap_minor"],
        published=date.fromisoformat(record["published"]),
        effective_from=date.fromisoformat(record["effective_from"]),
        text=record["text"],
    )


def percentage(amount_minor: int, rate_ppm: int) -> int:
    """A rate on an amount in minor units, rounded half up."""
    return (amount_minor * rate_ppm + 500_000) // 1_000_000


def discount(tariff: Tariff, amount_minor: int) -> int:
    """The merchant discount (MDR) in minor units: the percentage, at most the cap, at least the minimum; 0 of nothing."""
    fee = _rounded(_millionths(tariff, amount_minor), tariff.rounding)
    fee = fee if tariff.cap_minor is None else min(fee, tariff.cap_minor)
    return max(fee, tariff.minimum_minor) if amount_minor else 0


def sale_fee(tariff: Tariff, amount_minor: int) -> int:
    """The MDR line of an approved sale: the discount and what every sale costs."""
    fee = discount(tariff, amount_minor) + tariff.per_item_minor if amount_minor else 0
    return fee if tariff.cap_minor is None or tariff.cap_scope is CapScope.PERCENT_ONLY else min(fee, tariff.cap_minor)


def t0_fee(tariff: Tariff, amount_minor: int) -> int:
    """The T+0 line of an approved sale, rounded on its own; under a TOTAL cap, what the MDR line leaves of it."""
    fee = tariff.t0_fixed_minor + percentage(amount_minor, tariff.t0_ppm) if amount_minor else 0
    if tariff.cap_minor is None or tariff.cap_scope is CapScope.PERCENT_ONLY:
        return fee
    return min(fee, tariff.cap_minor - sale_fee(tariff, amount_minor))


def _millionths(tariff: Tariff, amount_minor: int) -> int:
    """The percentage before it is rounded, in millionths of a minor unit: the tiers' products first, rounded once."""
    if not tariff.tiers:
        return amount_minor * tariff.rate_ppm
    whole, below = 0, 0
    for tier in tariff.tiers:
        end = amount_minor if tier.up_to_minor is None else min(amount_minor, tier.up_to_minor)
        if tariff.tier_mode is TierMode.SLAB and end == amount_minor:
            return amount_minor * tier.rate_ppm
        whole += max(0, end - below) * tier.rate_ppm
        below = max(below, end)
    return whole


def _rounded(millionths: int, rounding: Rounding) -> int:
    match rounding:
        case Rounding.HALF_UP:
            return (millionths + 500_000) // 1_000_000
        case Rounding.UP:
            return -(-millionths // 1_000_000)
        case Rounding.DOWN:
            return millionths // 1_000_000


def returned_so_far(how: FeeReturn, tariff: Tariff, amount_minor: int, fee_minor: int, refunded_minor: int) -> int:
    """Of a sale's MDR line: how much has to be back once so much of the sale is refunded, all refunds together.

    The discount alone comes back: neither what every sale costs nor the T+0 line (docs/domain.md §3). What is refunded
    beyond the sale brings back no more.
    """
    if how is FeeReturn.KEEP or not amount_minor:
        return 0
    fee_minor, refunded_minor = max(0, fee_minor - tariff.per_item_minor), min(refunded_minor, amount_minor)
    if how is FeeReturn.PRO_RATA:
        return (2 * fee_minor * refunded_minor + amount_minor) // (2 * amount_minor)
    return fee_minor - min(fee_minor, discount(tariff, amount_minor - refunded_minor))
