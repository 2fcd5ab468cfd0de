"""`counterfoil fees compare`: the shop's own trade, priced at other providers' offers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from agent.commands.fees_months import month_told, nothing_traded, right, sums_of
from agent.commands.options import as_json, home_of, say_json, say_nature
from agent.fees.calculation import percentage
from agent.fees.contract.checklists import Point, cash_lacks, licence_points, light_lacks, security_points
from agent.fees.contract.written import NotWritten, minor_of
from agent.fees.quote_words import percent
from agent.fees.reports.comparison import Priced, Prices, Row, Volume, compare_offers, price_volume
from agent.fees.reports.month_sums import Sums, ppm_of
from agent.fees.reports.offers_file import EXAMPLE, Offer, OfferKind, read_offers
from agent.figures import CNY, amount, printable_yuan_sign
from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.report import padded
from agent.wording import product_name
from protocol.messages import Product


@dataclass(frozen=True, slots=True)
class _Trade:
    """What is compared. month: None where the figures were given; now_minor: what a month costs now."""

    month: str | None
    volume: dict[Product, Volume]
    now_minor: int
    priced: list[Priced]
    simulated: bool


@click.command()
@click.option(
    "--offers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file of offers; see --example.",
)
@click.option("--example", is_flag=True, help="Print an example of such a file, and do nothing else.")
@click.option(
    "--month", callback=month_told, help="Which month of the record, as YYYY-MM [default: the last whole one]."
)
@click.option("--volume", metavar="YUAN", help="Instead of the record: sales of a month, as 80000.00.")
@click.option("--product", type=click.Choice([str(one) for one in Product]), help="With --volume: of which product.")
@click.option("--now-ppm", type=click.IntRange(0, 1_000_000), help="With --volume: the rate now, ppm (1% is 10000).")
@click.option(
    "--count", type=click.IntRange(1, 10**9), help="With --volume: how many sales; caps and minimums need it."
)
@as_json
@click.pass_context
def compare(
    ctx: click.Context,
    *,
    offers: Path | None,
    example: bool,
    month: str | None,
    volume: str | None,
    product: str | None,
    now_ppm: int | None,
    count: int | None,
    as_json: bool,
) -> None:
    """What a month's trade would cost elsewhere, beside what it costs now; with cash, and a code without a terminal.

    \b
    Example:
      counterfoil fees compare --example > offers.toml
      counterfoil fees compare --offers offers.toml --month 2026-03
      counterfoil fees compare --offers offers.toml --volume 80000.00 --product credit --now-ppm 10000
    """
    if example:
        click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
        return
    told = () if offers is None else read_offers(offers)
    candidates = [*told, *_fallbacks(told)]
    if volume is not None:
        if product is None or now_ppm is None or month is not None:
            raise click.UsageError(_("--volume needs --product and --now-ppm, and no --month."))
        trade = _given(candidates, volume, Product(product), now_ppm, count)
    elif product is not None or now_ppm is not None or count is not None:
        raise click.UsageError(_("--product, --now-ppm and --count describe a --volume."))
    else:
        trade = _recorded(home_of(ctx), candidates, month)
    rows = compare_offers(trade.priced, trade.volume, trade.now_minor)
    if as_json:
        say_json(_document(trade, rows))
        return
    if trade.month is not None:
        say_nature(trade.simulated)
    click.echo("\n".join(_table(trade, rows, with_offers=bool(told))))


def _fallbacks(told: Sequence[Offer]) -> list[Offer]:
    """Cash, and a printed code, unless the file has its own."""
    kinds = {offer.kind for offer in told}
    cash = Offer(provider=_("Cash"), kind=OfferKind.CASH, lacks=cash_lacks())
    light = Offer(provider=_("A printed code"), kind=OfferKind.LIGHT, lacks=light_lacks())
    return [each for each in (cash, light) if each.kind not in kinds]


def _given(offers: Sequence[Offer], volume: str, product: Product, now_ppm: int, count: int | None) -> _Trade:
    try:
        minor = minor_of(volume)
    except NotWritten as why:
        raise click.BadParameter(str(why), param_hint="--volume") from None
    sold = {product: Volume(minor, count)}
    now = percentage(minor, now_ppm)
    return _Trade(None, sold, now, price_volume(offers, sold), simulated=False)


def _recorded(home: Home, offers: Sequence[Offer], month: str | None) -> _Trade:
    """Of the record, in renminbi; every sale priced by itself."""
    prices = Prices(offers, month)
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        sums = sums_of(home, journal, prices.take)
    if month is None:
        months = sorted(prices.months)
        month = months[-2] if len(months) > 1 else months[-1] if months else None
    if month is None or month not in prices.months:
        raise nothing_traded(month)
    of_month: dict[Product | None, Sums] = {
        product: one for (name, product, currency), one in sums.items() if name == month and currency == CNY
    }
    volume = {
        product: Volume(of_month[product].sales_minor, of_month[product].sales)
        for product in Product
        if product in of_month and of_month[product].sales
    }
    now = sum(one.fees_minor for one in of_month.values())
    return _Trade(month, volume, now, prices.months[month], home.settings().simulated)


def _document(trade: _Trade, rows: Sequence[Row]) -> dict[str, object]:
    sales = sum(one.sales_minor for one in trade.volume.values())
    return {
        "simulated": trade.simulated,
        "month": trade.month,
        "currency": CNY,
        "volume": [
            {"product": product, "count": one.sales, "sales_minor": one.sales_minor}
            for product, one in trade.volume.items()
        ],
        "now": {"fees_minor": trade.now_minor, "effective_ppm": ppm_of(trade.now_minor, sales)},
        "offers": [_row_document(row) for row in rows],
        "licence_check": [_point_document(point) for point in licence_points()],
        "security_check": [_point_document(point) for point in security_points()],
    }


def _row_document(row: Row) -> dict[str, object]:
    offer = row.offer
    return {
        "provider": offer.provider,
        "kind": offer.kind,
        "source": offer.source or None,
        "date": None if offer.on is None else offer.on.isoformat(),
        "licence_checked": offer.licence_checked,
        "fees_minor": row.fee_minor,
        "month_minor": row.month_minor,
        "saving_month_minor": row.saving_month_minor,
        "saving_year_minor": row.saving_year_minor,
        "hardware_minor": offer.hardware_minor,
        "deposit_minor": offer.deposit_minor,
        "break_even_month": row.break_even_month,
        "with_deposit_month": row.with_deposit_month,
        "not_offered": row.not_offered,
        "unclear": row.unclear,
        "no_t0": row.no_t0,
        "lacks": offer.lacks,
    }


def _point_document(point: Point) -> dict[str, str]:
    return {"code": point.code, "what": point.what, "where": point.where}


# -- in words ----------------------------------------------------------------------------------------------------------


def _table(trade: _Trade, rows: Sequence[Row], *, with_offers: bool) -> list[str]:
    sales = sum(one.sales_minor for one in trade.volume.values())
    named = _("Month {month}").format(month=trade.month) if trade.month else _("A month, as given")
    lines = [named + ": " + _("sales {sales}").format(sales=_money(sales))]
    for product, one in trade.volume.items():
        many = "" if one.sales is None else str(one.sales)
        lines.append(f"  {padded(product_name(product), 16)}{right(many, 7)}{right(_money(one.sales_minor), 15)}")
    rate = ppm_of(trade.now_minor, sales)
    told = _("Now: {fees} a month ({rate} of sales)")
    lines += [told.format(fees=_money(trade.now_minor), rate="-" if rate is None else percent(rate)), ""]
    heads = (_("a month"), _("saved a month"), _("saved a year"))
    lines.append(padded("", 26) + "".join(right(head, 17) for head in heads))
    for row in rows:
        lines += _row(row)
    if not with_offers:
        lines += ["", _("Write down other offers: counterfoil fees compare --example > offers.toml")]
    return [*lines, *_checklist(_("Before you sign: look up"), licence_points()),
            *_checklist(_("At the terminal and in the shop"), security_points())]  # fmt: skip


def _row(row: Row) -> list[str]:
    offer = row.offer
    figures = (row.month_minor, row.saving_month_minor, row.saving_year_minor)
    lines = [padded(offer.provider, 26) + "".join(right(_money(one), 17) for one in figures)]
    if row.not_offered and not offer.rates:
        lines.append("    " + _("its rate is not known here: ask, and write it down as an offer"))
    elif row.not_offered:
        missing = ", ".join(product_name(product) for product in row.not_offered)
        lines.append("    " + _("names no rate for: {products}").format(products=missing))
    if row.unclear:
        lines.append("    " + _("its cap or minimum needs the number of sales: --count"))
    if row.no_t0:
        lines.append("    " + _("names no price for instant settlement (T+0), which you use"))
    if offer.hardware_minor or offer.deposit_minor:
        lines += ["    " + one for one in _once(row)]
    lines += ["    " + _("lacks: {what}").format(what=what) for what in offer.lacks]
    if offer.kind is OfferKind.PROVIDER and not offer.licence_checked:
        lines.append("    " + _("licence not looked up yet"))
    if offer.source:
        lines.append("    " + _("source: {source}, {date}").format(source=offer.source, date=offer.on))
    return lines


def _once(row: Row) -> list[str]:
    offer = row.offer
    told = _("once: hardware {hardware}, deposit {deposit} (comes back, if the contract is kept)").format(
        hardware=_money(offer.hardware_minor), deposit=_money(offer.deposit_minor)
    )
    if row.with_deposit_month is None:
        return [told]
    after = _("paid for after {months} months; with the deposit after {more}")
    return [told, after.format(months=row.break_even_month, more=row.with_deposit_month)]


def _checklist(heading: str, points: Sequence[Point]) -> list[str]:
    lines = ["", heading]
    for point in points:
        lines += [f"  [ ] {point.what}", "      " + _("where: {where}").format(where=point.where)]
    return lines


def _money(minor: int | None) -> str:
    return _("unknown") if minor is None else amount(minor, CNY, printable_yuan_sign())
