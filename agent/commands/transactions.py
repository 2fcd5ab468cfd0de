"""`counterfoil transactions`: what was traded, from the views."""

from __future__ import annotations

import click

from agent.commands.options import as_json, home_of, iso, say_entries, say_json, say_nature
from agent.figures import amount, local_time, printable_yuan_sign
from agent.language import _
from agent.opening import open_desk
from agent.report import padded
from agent.search import is_short
from agent.views import TransactionRow
from agent.wording import kind_name, outcome_name, product_name


@click.group()
def transactions() -> None:
    """The day's work: list, show."""


@transactions.command("list")
@click.option("--date", help="One day, as YYYY-MM-DD [default: all].")
@click.option(
    "--search",
    help="Part of a trace, RRN, authorisation code or shop's name, the last four digits, how a reference begins, "
    "or an amount (12.00).",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0, 2**53), default=0)
@as_json
@click.pass_context
def list_(ctx: click.Context, *, date: str | None, search: str | None, limit: int, offset: int, as_json: bool) -> None:
    """Transactions, newest first.

    \b
    Example:
      counterfoil transactions list --date 2026-03-02 --search 88.00
    """
    with open_desk(home_of(ctx)) as desk:
        page = desk.transactions(date, search, limit, offset)
        simulated = desk.status().simulated
    if as_json:
        rows = [row_document(row) for row in page.rows]
        say_json({"simulated": simulated, "total": page.total, "more": page.more, "transactions": rows})
        return
    say_nature(simulated)
    zone = home_of(ctx).settings().time_zone
    for row in page.rows:
        click.echo(_line(row, zone))
    told = _("{shown} of at least {total} transactions") if page.more else _("{shown} of {total} transactions")
    click.echo(told.format(shown=len(page.rows), total=page.total), err=True)
    if page.more and is_short(search or ""):
        click.echo(_("One or two characters are looked for among the newest transactions only."), err=True)


@transactions.command()
@click.argument("reference")
@as_json
@click.pass_context
def show(ctx: click.Context, *, reference: str, as_json: bool) -> None:
    """One transaction whole: by its reference, or a unique beginning of it.

    \b
    Example:
      counterfoil transactions show 019cab12
    """
    with open_desk(home_of(ctx)) as desk:
        detail = desk.transaction(reference)
        simulated = desk.status().simulated
    if as_json:
        say_json({"simulated": simulated, **row_document(detail.row), "entries": detail.entries})
        return
    say_nature(simulated)
    click.echo(_line(detail.row, home_of(ctx).settings().time_zone))
    say_entries(detail.entries)


def row_document(row: TransactionRow) -> dict[str, object]:
    """A row as JSON shows it: times ISO 8601 UTC beside the amounts in minor units."""
    return {
        "reference": row.reference,
        "at": iso(row.at),
        "kind": row.kind,
        "outcome": row.outcome,
        "voided": row.voided,
        "product": row.product,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "fee_minor": row.fee_minor,
        "masked_pan": row.masked_pan,
        "trace": row.trace,
        "batch": row.batch,
        "rrn": row.rrn,
        "seq": row.seq,
    }


def _line(row: TransactionRow, zone: str) -> str:
    sign = printable_yuan_sign()
    fee = "" if row.fee_minor is None else amount(row.fee_minor, row.currency, sign)
    return "  ".join(
        (
            local_time(row.at, zone),
            row.reference[:13],
            padded(_kind(row), 8),
            amount(row.amount_minor, row.currency, sign).rjust(12),
            fee.rjust(9),
            row.trace,
            padded(product_name(row.product), 12),
            row.masked_pan or "",
        )
    ).rstrip()


def _kind(row: TransactionRow) -> str:
    unusual = row.voided or row.outcome != "approved"
    return outcome_name(row.outcome, voided=row.voided) if unusual else kind_name(row.kind)
