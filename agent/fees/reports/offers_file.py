"""Other providers' offers as a TOML file, as the merchant writes down what was said; every trouble with line and field.

An offer names its provider, where it stands and when it was said, and a rate for each product (`[offer.rates.credit]`)
or for all (`[offer.rates.all]`). comparison_offers.toml is an example.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.errors import ContractRefused
from agent.fees.contract import contract_fields as fields
from agent.fees.contract.contract_fields import Broken, Field, Fields
from agent.fees.contract.tariff import Rounding, TariffVersion
from agent.fees.contract.written import NotWritten
from agent.language import _
from protocol.messages import Product
from protocol.money import CNY
from protocol.toml_lines import Path as Place
from protocol.toml_lines import line_of, lines_of

LARGEST = 256 * 1024
"""Bytes of a file."""
EXAMPLE = Path(__file__).with_name("comparison_offers.toml")
ALL = "all"


class OfferKind(StrEnum):
    PROVIDER = "provider"
    CASH = "cash"
    LIGHT = "light"
    """A printed code (静态收款码): no terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Amounts in minor units of the renminbi. rates: product, or None for all that are not named. a_month_minor: SIM and
    service. deposit_minor: comes back, if the contract is kept. hardware_minor: paid once. licence_checked: the merchant
    looked the provider's licence up. lacks: what it cannot do, in the merchant's words."""

    provider: str
    kind: OfferKind = OfferKind.PROVIDER
    source: str = ""
    on: date | None = None
    rates: Mapping[Product | None, TariffVersion] = field(default_factory=dict)
    a_month_minor: int = 0
    deposit_minor: int = 0
    hardware_minor: int = 0
    licence_checked: bool = False
    lacks: tuple[str, ...] = ()

    def rate(self, product: Product) -> TariffVersion | None:
        return self.rates.get(product, self.rates.get(None))


def _lacks(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise NotWritten(_('expected a list of texts, like ["no cards"]'))
    return tuple(fields.text(one) for one in value)


def _kind(value: object) -> OfferKind:
    if value not in tuple(OfferKind):
        raise NotWritten(_("expected one of {listed}").format(listed=", ".join(f'"{kind}"' for kind in OfferKind)))
    return OfferKind(str(value))


_OFFER: Fields = {
    "provider": Field("provider", fields.text),
    "kind": Field("kind", _kind),
    "source": Field("source", fields.text),
    "date": Field("on", fields.CONTRACT["valid_from"].read),
    "sim_a_month": Field("sim", fields.yuan),
    "service_a_month": Field("service", fields.yuan),
    "deposit": Field("deposit_minor", fields.yuan),
    "hardware": Field("hardware_minor", fields.yuan),
    "licence_checked": Field("licence_checked", fields.TARIFF["promo"].read),
    "lacks": Field("lacks", _lacks),
}
_RATE: Fields = {
    name: fields.TARIFF[name]
    for name in (
        *("rate", "rate_ppm", "cap", "cap_minor", "minimum", "minimum_minor", "per_item", "per_item_minor"),
        *("t0", "t0_ppm", "t0_fixed", "t0_fixed_minor", "rounding", "confirmed_high_rate"),
    )
}


def read_offers(path: Path) -> tuple[Offer, ...]:
    """Raises OSError, ContractRefused."""
    with path.open("rb") as file:
        return offers_of(file.read(LARGEST + 1), path.name)


def offers_of(data: bytes, name: str) -> tuple[Offer, ...]:
    """name: the file's. Raises ContractRefused with all troubles at once."""
    if len(data) > LARGEST:
        raise _refused(name, [(1, "", _("it has more than {most} bytes").format(most=LARGEST))])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(name, [(line, "", _("this is not UTF-8: save it as UTF-8"))]) from None
    try:
        raw = tomllib.loads(text, parse_float=Broken)
    except (ValueError, RecursionError) as error:
        raise _refused(name, [(1, "", _("this is no TOML: {reason}").format(reason=error))]) from None
    tables = _Tables(lines_of(text))
    offers = tuple(tables.offers(raw))
    if tables.troubles:
        raise _refused(name, tables.troubles)
    return offers


class _Tables:
    def __init__(self, lines: Mapping[Place, int]) -> None:
        self.troubles: list[tuple[int, str, str]] = []
        self._lines = lines

    def offers(self, raw: Mapping[str, Any]) -> Iterator[Offer]:
        listed = raw.get("offer", [])
        for key in raw:
            if key != "offer":
                self._trouble((key,), _("there is no such field here"))
        if not isinstance(listed, list) or not listed:
            self._trouble(("offer",), _("write its heading with two brackets: [[{name}]]").format(name="offer"))
            return
        for at, table in enumerate(listed):
            yield from self._offer(("offer", at), table)

    def _offer(self, place: Place, raw: object) -> Iterator[Offer]:
        if not isinstance(raw, dict):
            self._trouble(place, _("expected a table"))
            return
        values = self._read(place, raw, _OFFER, ("provider", "source", "date"), apart=("rates",))
        told = raw.get("rates", {})
        rates = dict(self._rates((*place, "rates"), told))
        if told == {} and raw.get("kind") != OfferKind.CASH:
            self._trouble((*place, "rates"), _("it names no rate: add [offer.rates.credit], or [offer.rates.all]"))
        elif values is not None:
            a_month = values.pop("sim", 0) + values.pop("service", 0)
            versions = {product: _version(product or Product.CREDIT, one, values) for product, one in rates.items()}
            yield Offer(**values, rates=versions, a_month_minor=a_month)

    def _rates(self, place: Place, raw: object) -> Iterator[tuple[Product | None, dict[str, Any]]]:
        if not isinstance(raw, dict):
            self._trouble(place, _("expected a table"))
            return
        for name, table in raw.items():
            at = (*place, name)
            if name != ALL and name not in tuple(Product):
                known = ", ".join((*(product.value for product in Product), ALL))
                self._trouble(at, _("expected one of {listed}").format(listed=known))
                continue
            values = self._read(at, table, _RATE, ("rate",))
            if values is None:
                continue
            confirmed = values.pop("confirmed_high_rate", False)
            if not confirmed and (said := fields.too_high(values["rate_ppm"])) is not None:
                self._trouble((*at, "rate"), said)
                continue
            if "cap_minor" in values and values.get("minimum_minor", 0) > values["cap_minor"]:
                self._trouble((*at, "minimum"), _("it is above the cap"))
                continue
            yield None if name == ALL else Product(name), values

    def _read(
        self, place: Place, raw: object, known: Fields, needed: tuple[str, ...], apart: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """What a table says; None where something is wrong with it."""
        if not isinstance(raw, dict):
            self._trouble(place, _("expected a table"))
            return None
        before, values = len(self.troubles), {}
        for key, value in raw.items():
            if key in apart:
                continue
            if key not in known:
                self._trouble((*place, key), _("there is no such field here"))
            elif known[key].to in values:
                self._trouble((*place, key), _("it stands here twice: once in words, once as an integer"))
            else:
                try:
                    values[known[key].to] = known[key].read(value)
                except NotWritten as why:
                    self._trouble((*place, key), str(why))
        for key in needed:
            if not {key, f"{key}_ppm"} & raw.keys():
                self._trouble((*place, key), _("it is missing"))
        return values if len(self.troubles) == before else None

    def _trouble(self, place: Place, what: str) -> None:
        named = ".".join(fields.printable(str(part)) for part in place if isinstance(part, str))
        self.troubles.append((line_of(self._lines, place), named, what))


def _version(product: Product, terms: Mapping[str, Any], offer: Mapping[str, Any]) -> TariffVersion:
    blank = TariffVersion(
        version="",
        product=product,
        effective_from=offer["on"],
        provider=offer["provider"],
        rounding=Rounding.UNKNOWN,
        currency=CNY,
        source=offer["source"],
    )
    return replace(blank, **terms)


def _refused(name: str, troubles: list[tuple[int, str, str]]) -> ContractRefused:
    ordered = tuple(sorted(troubles))
    said = (f"{name}:{line}: {field}: {what}" if field else f"{name}:{line}: {what}" for line, field, what in ordered)
    return ContractRefused(
        "\n".join(said), _("Correct the file; `fees compare --example` prints one that is right."), ordered
    )
