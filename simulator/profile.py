"""A terminal's model and the tariff its acquirer publishes: profiles/*.toml, where each value has its source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from protocol.messages import Product, SettlementMode
from simulator.errors import SimulatorError

_FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Tariff:
    """One published rate. rate_ppm: parts per million of the amount (0.6% = 6000). cap_minor: fen, None is no cap.

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


@dataclass(frozen=True, slots=True)
class Profile:
    """A device model with its shop. fee_return: a sale's fee on its refund; KEEP: the acquirer keeps it."""

    name: str
    title: str
    source: str
    model: str
    firmware: str
    merchant_name: str
    mcc: str
    settlement_mode: SettlementMode
    fee_return: str
    tariffs: tuple[Tariff, ...]

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
    if table["fee_return"] != "KEEP":
        raise ValueError(f"fee_return {table['fee_return']!r} is not known")
    return Profile(
        name=table["name"],
        title=table["title"],
        source=table["source"],
        model=table["device"]["model"],
        firmware=table["device"]["firmware"],
        merchant_name=table["merchant"]["name"],
        mcc=table["merchant"]["mcc"],
        settlement_mode=SettlementMode(table["settlement_mode"]),
        fee_return=table["fee_return"],
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
            )
            for entry in table["tariffs"]
        ),
    )
