"""A terminal's model and the tariff its acquirer publishes: profiles/*.toml, where each value has its source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from protocol.messages import Product, SettlementMode
from simulator.errors import SimulatorError
from simulator.tariffs import CapScope, FeeReturn, Notice, Rounding, Tariff, Tier, TierMode

_FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class SimCard:
    """What the SIM card costs. activated: a local date; the first fee is due free_days later, then one every period_days."""

    activated: date
    free_days: int
    period_days: int
    amount_minor: int

    def due(self, after: date, day: date) -> bool:
        """A fee is due on one of the local dates after < d <= day."""
        first = (self.activated + timedelta(days=self.free_days)).toordinal()
        return _periods(first, self.period_days, day) > _periods(first, self.period_days, after)

    def is_free(self, day: date) -> bool:
        return day < self.activated + timedelta(days=self.free_days)


def _periods(first: int, period: int, day: date) -> int:
    """How many dues lie on or before a day."""
    return max(0, (day.toordinal() - first) // period + 1)


@dataclass(frozen=True, slots=True)
class Deposit:
    """What the merchant paid for the device. plan: how its return goes where nobody chooses (simulator/deposits.py)."""

    amount_minor: int
    plan: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A device model with its shop, and what its acquirer agreed on. fee_return: of a sale's fee on its refund.

    corrected_ppm: of the sales' fees, how many are charged, taken back and charged again. regulars: of a thousand sales,
    how many are of a card that bought for the same amount that day.
    """

    name: str
    title: str
    source: str
    model: str
    firmware: str
    merchant_name: str
    mcc: str
    settlement_mode: SettlementMode
    fee_return: FeeReturn
    sim: SimCard
    deposit: Deposit
    tariffs: tuple[Tariff, ...]
    notices: tuple[Notice, ...] = ()
    corrected_ppm: int = 0
    regulars: int = 0

    @property
    def products(self) -> frozenset[Product]:
        """What the acquirer takes at all."""
        return frozenset(product for tariff in self.tariffs for product in tariff.products)

    def tariff(self, product: Product, day: date) -> Tariff:
        """The tariff that is in force for a product on a local date. SimulatorError if none is, or several are."""
        inside = [
            t
            for t in self.tariffs
            if product in t.products and t.effective_from <= day and (t.effective_to is None or day < t.effective_to)
        ]
        chosen = [t for t in inside if t.promo] or inside
        if len(chosen) != 1:
            raise SimulatorError(
                f"Profile {self.name} has {len(chosen)} tariffs for {product} on {day}.",
                "Choose a date and a profile with exactly one.",
            )
        return chosen[0]


def profile_names() -> list[str]:
    """The profiles there are, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """The profile of that name. SimulatorError if there is none, or it is not what it should be."""
    if name not in profile_names():
        raise SimulatorError(f"There is no profile {name!r}.", f"Choose one of: {', '.join(profile_names())}.")
    try:
        return _profile(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise SimulatorError(f"The profile {name} cannot be read: {error}.", "Install counterfoil again.") from error


def _profile(table: dict[str, Any]) -> Profile:
    return Profile(
        name=table["name"],
        title=table["title"],
        source=table["source"],
        model=table["device"]["model"],
        firmware=table["device"]["firmware"],
        merchant_name=table["merchant"]["name"],
        mcc=table["merchant"]["mcc"],
        settlement_mode=SettlementMode(table["settlement_mode"]),
        fee_return=FeeReturn(table["fee_return"]),
        sim=SimCard(**table["sim"]),
        deposit=Deposit(**table["deposit"]),
        tariffs=tuple(
            Tariff(
                products=tuple(Product(p) for p in entry["products"]),
                rate_ppm=entry["rate_ppm"],
                cap_minor=entry.get("cap_minor"),
                effective_from=entry["effective_from"],
                effective_to=entry.get("effective_to"),
                promo=entry.get("promo", False),
                fixture=entry.get("fixture", False),
                source=entry["source"],
                minimum_minor=entry.get("minimum_minor", 0),
                per_item_minor=entry.get("per_item_minor", 0),
                t0_ppm=entry.get("t0_ppm", 0),
                t0_fixed_minor=entry.get("t0_fixed_minor", 0),
                rounding=Rounding(entry.get("rounding", Rounding.HALF_UP)),
                tiers=tuple(Tier(tier.get("up_to_minor"), tier["rate_ppm"]) for tier in entry.get("tiers", ())),
                tier_mode=TierMode(entry["tier_mode"]) if "tier_mode" in entry else None,
                cap_scope=CapScope(entry.get("cap_scope", CapScope.PERCENT_ONLY)),
            )
            for entry in table["tariffs"]
        ),
        notices=tuple(
            Notice(
                number=entry["number"],
                products=tuple(Product(p) for p in entry["products"]),
                rate_ppm=entry["rate_ppm"],
                cap_minor=entry.get("cap_minor"),
                published=entry["published"],
                effective_from=entry["effective_from"],
                text=entry["text"],
            )
            for entry in table.get("notices", ())
        ),
        **table.get("habits", {}),
    )
