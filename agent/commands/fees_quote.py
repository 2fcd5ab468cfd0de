"""`counterfoil fees quote`: what a sale should cost, by the tariff that binds on a day or by a shipped example."""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime
from zoneinfo import ZoneInfo

import click

from agent.commands.options import as_json, home_of, say_json, say_nature
from agent.errors import CounterfoilError
from agent.fees import calculation
from agent.fees.audit.auditor import terms_of
from agent.fees.calculation import Quote
from agent.fees.contract.binding import Terms
from agent.fees.contract.chains import Unknown
from agent.fees.contract.tariff import TariffVersion
from agent.fees.contract.tariff_file import example, example_names
from agent.fees.contract.tariff_words import basis_words, terms_words, unknown_words
from agent.fees.contract.written import NotWritten, minor_of
from agent.fees.quote_words import explain
from agent.figures import CNY, amount, printable_yuan_sign
from agent.home import Home
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.opening import open_desk
from agent.wording import product_name
from protocol.messages import Product

ZONE = "Asia/Shanghai"
"""Whose today it is, where no home says."""
_FEES = ("fee_minor", "fee_min_minor", "fee_max_minor", "mdr_minor", "t0_minor")


@click.command()
@click.option("--product", type=click.Choice(list(Product), case_sensitive=False), required=True)
@click.option("--amount", "told", required=True, help="The sale in yuan, as 4001.00.")
@click.option("--at", "at", metavar="DATE", help="The day of the sale, as YYYY-MM-DD [default: today].")
@click.option("--t0", is_flag=True, help="Settled the same day (T+0).")
@click.option(
    "--model",
    type=click.Choice(example_names()),
    help="By what is stated of that device, instead of this home's tariff.",
)
@click.option("--explain", "in_steps", is_flag=True, help="Line by line.")
@as_json
@click.pass_context
def quote(
    ctx: click.Context,
    *,
    product: str,
    told: str,
    at: str | None,
    t0: bool,
    model: str | None,
    in_steps: bool,
    as_json: bool,
) -> None:
    """What a sale should cost: by the tariff that binds in this home, or by what is stated of a device (--model).

    Exit 1 where that is not known: no tariff binds, or it does not say enough. A rate that is only stated as a range
    gives the lowest and the highest fee.

    \b
    Examples:
      counterfoil fees quote --product debit --amount 4001.00 --explain
      counterfoil fees quote --product debit --amount 4001.00 --model smart --json
    """
    home, of = home_of(ctx), Product(product)
    minor, day = _amount_told(told), _day_told(at)
    version, day, unknown = _stated(model, of, day) if model is not None else _binding(home, of, day)
    simulated = model is None and home.settings().simulated
    found = None if version is None or unknown is not None else calculation.quote(version, minor, t0=t0)
    if as_json:
        asked = {"simulated": simulated, "product": of, "amount_minor": minor, "date": day.isoformat()}
        say_json(asked | _document(found, version, unknown))
    else:
        say_nature(simulated)
        _tell(found, version, unknown, in_steps=in_steps)
    ctx.exit(0 if found is not None and found.fee_min_minor is not None else 1)


def standing(home: Home) -> Terms:
    """What the home's journal says of its contract, read-only. Raises HomeError, JournalError, JournalDamaged."""
    zone = home.settings().time_zone
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        return terms_of(journal, zone)


def today(home: Home) -> date:
    """The local date of the home's clock: of a simulated one its terminal's."""
    with open_desk(home) as desk:
        return date.fromisoformat(desk.today(None, 0).date)


def _amount_told(text: str) -> int:
    try:
        return minor_of(text)
    except NotWritten as why:
        raise click.BadParameter(str(why), param_hint="--amount") from None


def _day_told(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(_("no date: write it as 2026-03-02"), param_hint="--at") from None


def _stated(model: str, product: Product, day: date | None) -> tuple[TariffVersion | None, date, Unknown | None]:
    day = day or datetime.now(ZoneInfo(ZONE)).date()
    stated = (v for v in example(model).versions if v.product is product and v.effective_from <= day)
    version = next(stated, None)
    return version, day, None if version is not None else Unknown.NO_TARIFF


def _binding(home: Home, product: Product, day: date | None) -> tuple[TariffVersion | None, date, Unknown | None]:
    if not home.exists:
        raise CounterfoilError(
            _("There is no tariff to reckon with: no counterfoil home in {home}.").format(home=home.path),
            _("Name a device with --model ({models}), or a home with --home.").format(
                models=", ".join(example_names())
            ),
        )
    day = day or today(home)
    decision = standing(home).tariff(product, day)
    return decision.version, day, decision.unknown


def _document(found: Quote | None, version: TariffVersion | None, unknown: Unknown | None) -> dict[str, object]:
    steps = () if found is None else found.steps
    currency = CNY if found is None else found.currency
    return {
        "currency": currency,
        **{name: None if found is None else getattr(found, name) for name in _FEES},
        **{name: None if version is None else getattr(version, name) for name in ("version", "basis", "source")},
        "unknown": unknown,
        "steps": [{"code": step.code, **step.values, "words": explain(step, currency)} for step in steps],
    }


def _tell(found: Quote | None, version: TariffVersion | None, unknown: Unknown | None, *, in_steps: bool) -> None:
    if found is None or version is None:
        click.echo(_("Not known: {reason}.").format(reason=unknown_words(unknown or Unknown.NO_TARIFF)))
        click.echo(_("Add the contract with: counterfoil fees tariff add FILE"), err=True)
        return
    sign, currency = printable_yuan_sign(), found.currency
    what = {"product": product_name(found.product), "amount": amount(found.amount_minor, currency, sign)}
    if found.fee_minor is not None:
        click.echo(
            _("{product}, {amount}: the fee is {fee}").format(**what, fee=amount(found.fee_minor, currency, sign))
        )
    elif found.fee_min_minor is not None and found.fee_max_minor is not None:
        low, high = (amount(end, currency, sign) for end in (found.fee_min_minor, found.fee_max_minor))
        click.echo(_("{product}, {amount}: the fee is between {low} and {high}").format(**what, low=low, high=high))
    else:
        click.echo(_("{product}, {amount}: the tariff does not say enough").format(**what))
    if in_steps:
        for step in found.steps:
            click.echo(f"  {explain(step, currency)}")
    click.echo(
        _("Tariff {version}: {terms} ({basis}; {source})").format(
            version=version.version,
            terms=terms_words(version, sign),
            basis=basis_words(version.basis),
            source=version.source,
        )
    )
