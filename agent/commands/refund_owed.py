"""`counterfoil refund owe` and `owed`: customers who were charged what they did not owe."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commands.operator import Secrets, pin_fd
from agent.commands.options import as_json, home_of, iso, passphrase_file, say_json, say_nature
from agent.commands.refund_words import money_of
from agent.figures import amount, local_time, printable_yuan_sign
from agent.opening import open_desk, passphrase_sources
from agent.refunds.refund_kinds import OwedWhy
from agent.refunds.words import owed_words
from agent.report import padded
from agent.views import OweCustomer, OwedView


@click.command()
@click.argument("sale")
@click.option("--why", type=click.Choice([str(one) for one in OwedWhy]), required=True)
@click.option("--amount", "told", help="In yuan, as 20.00 [default: all of the sale that did not go back].")
@click.option("--finding", default="", help="The finding that shows it, as counterfoil fees audit names it.")
@click.option("--note", default="", help="In your words; it can be erased, its fingerprint stays.")
@click.option("--operator", required=True, help="Who notes it; the PIN is asked for.")
@pin_fd
@passphrase_file
@as_json
@click.pass_context
def owe(
    ctx: click.Context,
    *,
    sale: str,
    why: str,
    told: str | None,
    finding: str,
    note: str,
    operator: str,
    pin_fd: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Note that a customer was charged what he did not owe: SALE is that charge.

    The case ends once so much of that sale has gone back, by the way it came: counterfoil refund create SALE.

    \b
    Example:
      counterfoil refund owe 0192e5a0 --why refund_as_sale --operator 01
    """
    home = home_of(ctx)
    asked = OweCustomer(sale, OwedWhy(why), None if told is None else money_of(told), finding, note)
    given = Secrets(pin_fd).of(operator)
    with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
        view, simulated = desk.owe(asked, given), desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **owed_document(view)})
        return
    say_nature(simulated)
    click.echo(owed_line(view, home.settings().time_zone))


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only what did not go back yet.")
@as_json
@click.pass_context
def owed(ctx: click.Context, *, only_open: bool, as_json: bool) -> None:
    """What customers are owed, or were, oldest first."""
    home = home_of(ctx)
    with open_desk(home) as desk:
        rows, simulated = desk.owed(), desk.status().simulated
    rows = tuple(row for row in rows if not only_open or row.state != "repaid")
    if as_json:
        say_json({"simulated": simulated, "owed": [owed_document(row) for row in rows]})
        return
    say_nature(simulated)
    for row in rows:
        click.echo(owed_line(row, home.settings().time_zone))


def owed_document(view: OwedView) -> dict[str, object]:
    return {name: getattr(view, name) for name in view.__slots__} | {"at": iso(view.at)}


def owed_line(view: OwedView, zone: str) -> str:
    state, why = owed_words(view)
    told = amount(view.amount_minor, view.currency, printable_yuan_sign()).rjust(12)
    return "  ".join((local_time(view.at, zone), view.sale, told, padded(state, 10), why, view.operator))
