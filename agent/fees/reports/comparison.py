"""What the same trade would cost elsewhere: the shop's own sales, priced at each offer (docs/domain.md 3-21)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.fees import calculation
from agent.fees.contract.tariff import TariffVersion
from agent.fees.reports.month_expected import Kept
from agent.fees.reports.offers_file import Offer, OfferKind
from protocol.messages import FeeType, Product
from protocol.money import CNY

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Volume:
    """One product's sales in a month. sales: how many; None where only their sum is known."""

    sales_minor: int
    sales: int | None = None


@dataclass(slots=True)
class Priced:
    """An offer, and by product what the fees come to, minor units; None: the offer does not say enough. no_t0: sales were
    settled at once, and the offer names no price for that."""

    offer: Offer
    fees: dict[Product, int | None] = field(default_factory=dict)
    no_t0: bool = False

    def add(self, product: Product, fee: int | None) -> None:
        before = self.fees.get(product, 0)
        self.fees[product] = None if before is None or fee is None else before + fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An offer beside what is paid now. Minor units; None: unknown, or not to be compared.

    fee_minor: fees of a month; month_minor: with SIM and service. not_offered: products that are sold and that it names no
    rate of; unclear: those whose rate needs to know how many sales there are. no_t0: as in `Priced`. saving: below zero it
    costs more.
    break_even_month: after so many months the hardware is paid for; with_deposit_month: and the deposit as well.
    """

    offer: Offer
    fee_minor: int | None
    month_minor: int | None
    not_offered: tuple[Product, ...]
    unclear: tuple[Product, ...]
    no_t0: bool
    saving_month_minor: int | None
    saving_year_minor: int | None
    break_even_month: int | None
    with_deposit_month: int | None


class Prices:
    """Sales one by one, each priced at every offer: exact, with caps and minimums. with_t0: with the T+0 line."""

    def __init__(self, offers: Sequence[Offer], month: str | None) -> None:
        self._month = month
        self._offers = offers
        self.months: dict[str, list[Priced]] = {}

    def take(self, sale: Kept) -> None:
        """An approved sale that stands."""
        month, product, currency = sale.key
        if currency != CNY or product is None or (self._month is not None and month != self._month):
            return
        if (priced := self.months.get(month)) is None:
            priced = self.months[month] = [Priced(offer) for offer in self._offers]
        instant = bool(sale.lines.get(FeeType.T0))
        for one in priced:
            if (rate := one.offer.rate(product)) is not None:
                one.add(product, _fee(rate, sale.amount, instant=instant))
                one.no_t0 |= instant and rate.t0_ppm is None and rate.t0_fixed_minor is None


def price_volume(offers: Sequence[Offer], volume: Mapping[Product, Volume]) -> list[Priced]:
    """Sums alone, priced. With a number of sales they are reckoned as equal ones; without, only a plain rate can be."""
    priced = [Priced(offer) for offer in offers]
    for one in priced:
        for product, sold in volume.items():
            if (rate := one.offer.rate(product)) is not None:
                one.add(product, _of_sum(rate, sold))
    return priced


def _of_sum(rate: TariffVersion, sold: Volume) -> int | None:
    if sold.sales is None:
        by_item = (rate.cap_minor, rate.minimum_minor, rate.per_item_minor)
        return calculation.mdr(rate, sold.sales_minor) if by_item == (None, None, None) else None
    if not sold.sales:
        return 0
    each, more = divmod(sold.sales_minor, sold.sales)
    fees = (calculation.mdr(rate, each + 1), calculation.mdr(rate, each))
    if fees[0] is None or fees[1] is None:
        return None
    return more * fees[0] + (sold.sales - more) * fees[1]


def _fee(rate: TariffVersion, amount: int, *, instant: bool) -> int | None:
    mdr = calculation.mdr(rate, amount)
    t0 = calculation.t0(rate, amount) or 0 if instant else 0  # an offer without T+0 takes nothing for it
    return None if mdr is None else mdr + t0


def compare_offers(priced: Iterable[Priced], sold: Iterable[Product], now_minor: int) -> tuple[Row, ...]:
    """sold: the products that are sold. now_minor: what a month costs now, SIM and service with it."""
    return tuple(_row(one, tuple(sold), now_minor) for one in priced)


def _row(one: Priced, sold: tuple[Product, ...], now_minor: int) -> Row:
    offer = one.offer
    missing = () if offer.kind is OfferKind.CASH else tuple(p for p in sold if offer.rate(p) is None)
    unclear = tuple(product for product in sold if product in one.fees and one.fees[product] is None)
    known = [fee for fee in one.fees.values() if fee is not None]
    fee = None if missing or unclear else sum(known)
    month = None if fee is None else fee + offer.a_month_minor
    saving = None if month is None else now_minor - month
    return Row(
        offer=offer,
        fee_minor=fee,
        month_minor=month,
        not_offered=missing,
        unclear=unclear,
        no_t0=one.no_t0,
        saving_month_minor=saving,
        saving_year_minor=None if saving is None else saving * MONTHS,
        break_even_month=_after(saving, offer.hardware_minor),
        with_deposit_month=_after(saving, offer.hardware_minor + offer.deposit_minor),
    )


def _after(saving: int | None, once: int) -> int | None:
    """How many months' saving pay what is paid once; None where nothing is saved."""
    if saving is None or saving <= 0:
        return None
    return -(-once // saving)
