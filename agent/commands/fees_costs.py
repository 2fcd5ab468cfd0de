"""`counterfoil fees costs`: what taking cards costs, in four classes; fees as recorded, the rest as noted here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from agent.commands.fees_months import right, sums_of
from agent.commands.options import as_json, home_of, passphrase_file, say_json, say_nature
from agent.fees.contract.terms import Cost, CostClass
from agent.fees.contract.written import NotWritten, minor_of
from agent.fees.facts import facts
from agent.fees.noting import noted
from agent.fees.reports.cost_ledger import Ledger, NotedCost, Spent, ledgers
from agent.figures import CNY, amount, printable_yuan_sign
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.opening import open_desk, passphrase_sources
from agent.report import padded
from protocol.money import Money

METHODS = ("bank", "online", "cash", "deducted")


@click.group()
def costs() -> None:
    """What taking cards costs: hardware, service, transaction fees, other."""


def _amount(_ctx: click.Context, _option: click.Parameter, text: str) -> int:
    """Minor units; not nothing, for nothing needs no entry."""
    try:
        minor = minor_of(text)
    except NotWritten as why:
        raise click.BadParameter(str(why)) from None
    if not minor:
        raise click.BadParameter(_("an amount of nothing"))
    return minor


def _text(_ctx: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Not blank."""
    if text is not None and not text.strip():
        raise click.BadParameter(_("it is empty"))
    return None if text is None else text.strip()


@costs.command()
@click.option("--class", "cost_class", type=click.Choice([str(one) for one in CostClass]), required=True)
@click.option("--on", "on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="When it was paid, as YYYY-MM-DD.")
@click.option("--amount", "minor", callback=_amount, required=True, metavar="YUAN", help="How much, as 12.00.")
@click.option("--payee", callback=_text, help="To whom.")
@click.option("--method", type=click.Choice(METHODS), help="How it was paid; deducted: from a settlement.")
@click.option(
    "--receipt",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its file; the record keeps the file's SHA-256, and you the file.",
)
@click.option("--note", callback=_text, help="What for; it can be erased, its fingerprint stays.")
@click.option("--operator", callback=_text, required=True, help="Who notes it.")
@passphrase_file
@as_json
@click.pass_context
def add(
    ctx: click.Context,
    *,
    cost_class: str,
    on: datetime,
    minor: int,
    payee: str | None,
    method: str | None,
    receipt: Path | None,
    note: str | None,
    operator: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Note a cost that the terminal does not tell of. Fees that it tells are counted from the record: do not note them.

    \b
    Example:
      counterfoil fees costs add --class hardware --on 2026-03-02 --amount 299.00 --payee 乙支付 --method bank --operator 张
    """
    home = home_of(ctx)
    cost = Cost(
        cost_class=CostClass(cost_class),
        on=on.date(),
        amount=Money(minor, CNY),
        payee=payee,
        method=method,
        receipt_sha256=None if receipt is None else _sha256(receipt),
        operator=operator,
        note=note,
    )
    zone = ZoneInfo(home.settings().time_zone)
    with open_desk(home, record=True, sources=passphrase_sources(passphrase_file)) as desk:
        status = desk.status()
        if cost.on > datetime.fromtimestamp(status.now // 1000, zone).date():
            raise click.BadParameter(_("that day is still to come"), param_hint="--on")
        head = desk.note(noted([cost]))
    if as_json:
        say_json({"simulated": status.simulated, "size": head.size, **_cost_document(cost)})
        return
    say_nature(status.simulated)
    told = _("Noted: {amount}, {cost_class}, {date}. The record has {size} entries.")
    click.echo(
        told.format(amount=_money(minor, CNY), cost_class=class_name(cost.cost_class), date=cost.on, size=head.size)
    )


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()


@costs.command("list")
@click.option("--year", type=click.IntRange(2000, 9999), help="One year [default: all].")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, year: int | None, as_json: bool) -> None:
    """Every cost by class and month, and what it comes to for each ¥100 taken.

    \b
    Example:
      counterfoil fees costs list --year 2026
    """
    home = home_of(ctx)
    simulated = home.settings().simulated
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        by_hand = [
            NotedCost(entry.seq, fact)
            for entry, fact in facts(journal.all_of(("cost.",)))
            if isinstance(fact, Cost)
        ]  # fmt: skip
        found = ledgers(sums_of(home, journal), by_hand, year)
    if as_json:
        say_json({"simulated": simulated, "ledgers": [_document(one) for one in found]})
        return
    say_nature(simulated)
    lines = [line for one in found for line in _table(one)]
    click.echo("\n".join(lines or [_("No cost is recorded.")]))


def class_name(cost_class: CostClass) -> str:
    """In words, as docs/domain.md 3-01 has them."""
    return {
        CostClass.HARDWARE: _("Hardware"),
        CostClass.SERVICE: _("Service fees"),
        CostClass.TRANSACTION: _("Transaction fees"),
        CostClass.OTHER: _("Other costs"),
    }[cost_class]


def method_name(method: str) -> str:
    return {
        "bank": _("bank transfer"),
        "online": _("online"),
        "cash": _("cash"),
        "deducted": _("taken off a settlement"),
    }.get(method, method)


def _document(ledger: Ledger) -> dict[str, object]:
    return {
        "currency": ledger.currency,
        "months": [{"month": month, **_spent_document(spent)} for month, spent in ledger.months.items()],
        "total": _spent_document(ledger.total),
        "noted": [{"seq": one.seq, **_cost_document(one.cost)} for one in ledger.noted],
    }


def _spent_document(spent: Spent) -> dict[str, object]:
    return {
        **{f"{cost_class}_minor": spent.of(cost_class) for cost_class in CostClass},
        "total_minor": spent.total_minor,
        "sales_minor": spent.sales_minor,
        "cost_ppm": spent.cost_ppm,
    }


def _cost_document(cost: Cost) -> dict[str, object]:
    return {
        "class": cost.cost_class,
        "on": cost.on.isoformat(),
        "amount_minor": cost.amount.minor,
        "currency": cost.amount.currency,
        "payee": cost.payee,
        "method": cost.method,
        "receipt_sha256": None if cost.receipt_sha256 is None else cost.receipt_sha256.hex(),
        "operator": cost.operator,
        "note": cost.note,
    }


# -- in words ----------------------------------------------------------------------------------------------------------

_HEADS = 12
"""Cells of a column; six of them, in the order of `CostClass`."""


def _table(ledger: Ledger) -> list[str]:
    heads = (_("Hardware"), _("Service"), _("Transact."), _("Other"), _("Together"), _("per ¥100"))
    lines = [_line(_("Month"), heads)]
    lines += [_line(month, _figures(spent, ledger.currency)) for month, spent in ledger.months.items()]
    lines.append(_line(_("Total"), _figures(ledger.total, ledger.currency)))
    if ledger.noted:
        lines += ["", _("Noted by hand")]
    lines += [_noted(one) for one in ledger.noted]
    return [*lines, ""]


def _line(label: str, cells: Sequence[str]) -> str:
    return (padded(label, 8) + "".join(right(cell, _HEADS) for cell in cells)).rstrip()


def _figures(spent: Spent, currency: int) -> list[str]:
    sums = [amount(spent.of(one), currency, "") for one in CostClass]
    return [*sums, amount(spent.total_minor, currency, ""), _per_hundred(spent.cost_ppm)]


def _per_hundred(ppm: int | None) -> str:
    """Of each 100 yuan taken, in yuan to four decimals: 6300 ppm are 0.6300."""
    return "-" if ppm is None else f"{'-' if ppm < 0 else ''}{abs(ppm) // 10_000}.{abs(ppm) % 10_000:04d}"


def _noted(one: NotedCost) -> str:
    cost = one.cost
    told = [str(cost.on), padded(class_name(cost.cost_class), 16)]
    told += [right(_money(cost.amount.minor, cost.amount.currency), _HEADS)]
    told += [cost.payee or "", method_name(cost.method) if cost.method else "", cost.note or ""]
    told += [_("receipt {digits}").format(digits=cost.receipt_sha256.hex()[:12]) if cost.receipt_sha256 else ""]
    return "  " + "  ".join(part for part in told if part) + f"  #{one.seq}"


def _money(minor: int, currency: int) -> str:
    return amount(minor, currency, printable_yuan_sign())
