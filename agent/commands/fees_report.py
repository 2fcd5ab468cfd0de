"""`counterfoil fees report`: a month's fees by product, against what was expected."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import closing

import click

from agent.commands.fees_compare import compare
from agent.commands.fees_costs import costs
from agent.commands.fees_months import month_told, nothing_traded, right, sums_of
from agent.commands.options import as_json, home_of, say_json, say_nature
from agent.fees.reports.month_report import Report, Span, by_type, csv_bytes, document, report_of, type_name
from agent.fees.reports.month_sums import Sums
from agent.figures import amount, printable_yuan_sign, rate
from agent.journal.keys import verifying_key
from agent.journal.reader import open_reader
from agent.language import _
from agent.report import padded
from agent.wording import product_name

__all__ = ["compare", "costs", "report"]


@click.command()
@click.option("--month", callback=month_told, help="One month, as YYYY-MM.")
@click.option("--months", type=click.IntRange(1, 1200), help="So many months, the last ones [default: 12].")
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet, on stdout: UTF-8 with a byte-order mark.")
@click.option("--plot", is_flag=True, help="The effective rate of each product over the months, drawn.")
@as_json
@click.pass_context
def report(
    ctx: click.Context, *, month: str | None, months: int | None, as_csv: bool, plot: bool, as_json: bool
) -> None:
    """Fees by month and product: what was charged, at what rate, and against what was agreed.

    What cannot be judged is shown as such, and is in no difference.

    \b
    Example:
      counterfoil fees report --month 2026-03
      counterfoil fees report --months 12 --plot
      counterfoil fees report --csv > fees.csv
    """
    if sum((as_csv, plot, as_json)) > 1 or (month is not None and months is not None):
        raise click.UsageError(_("Choose one: --json, --csv or --plot; --month or --months."))
    home = home_of(ctx)
    settings = home.settings()
    with closing(open_reader(home.journal, verifying_key(home.path))) as journal:
        sums = sums_of(home, journal)
    if month is None and months is None:
        months = 12
    told = report_of(
        sums, settings.fees.month_percent, least_minor=settings.fees.month_minor, month=month, months=months
    )
    if not told.months and not as_json:
        raise nothing_traded(month)
    if as_json:
        say_json({"simulated": settings.simulated, **document(told)})
    elif as_csv:
        sys.stdout.buffer.write(csv_bytes(told, simulated=settings.simulated))
    else:
        say_nature(settings.simulated)
        click.echo(_plot(told) if plot else "\n".join(table(told)))


# -- in words ----------------------------------------------------------------------------------------------------------

_COLUMNS = (14, 6, 14, 11, 8, 11, 10, 5)
"""Cells: product, number of sales, sales, fees, rate, expected, difference, not judged; 79 in all."""


def table(told: Report) -> list[str]:
    """Lines for a terminal of 80 columns."""
    lines: list[str] = []
    for span in told.months:
        lines += [*_block(span, span.name), *_alert(span, told.percent), ""]
    for span in told.years:
        lines += _block(span, _("Year {year}, all months in the record").format(year=span.name), products=False)
    return [*lines, *_remarks(told)]


def _block(span: Span, heading: str, *, products: bool = True) -> list[str]:
    heads = (_("Product"), _("Count"), _("Sales"), _("Fees"), _("Rate"), _("Expected"), _("Diff."), "?")
    lines = [heading, _row(heads)]
    if products:
        for product, sums in span.products:
            named = _("(no product)") if product is None else product_name(product)
            lines.append(_sums_row(named, sums, span.currency))
    lines.append(_sums_row(_("Together"), span.total, span.currency))
    return [*lines, *_details(span)]


def _sums_row(label: str, sums: Sums, currency: int) -> str:
    def money(minor: int) -> str:
        return amount(minor, currency, "")

    judged = sums.judged > 0
    return _row(
        (
            label,
            str(sums.sales),
            money(sums.sales_minor),
            money(sums.fees_minor),
            rate(sums.fees_minor, sums.sales_minor),
            money(sums.expected_minor) if judged else _("unknown"),
            money(sums.difference_minor) if judged else _("unknown"),
            str(sums.unknown or ""),
        )
    )


def _row(cells: Sequence[str]) -> str:
    first, *rest = zip(cells, _COLUMNS, strict=True)
    return (padded(*first) + "".join(right(text, width) for text, width in rest)).rstrip()


def _details(span: Span) -> list[str]:
    total, sign = span.total, printable_yuan_sign()
    parts = [
        f"{type_name(name)} {amount(minor, span.currency, sign)}" for name, minor in by_type(total).items() if minor
    ]
    lines = ["  " + _("Of the fees: {parts}").format(parts=", ".join(parts))] if len(parts) > 1 else []
    if total.refunds:
        told = _("Refunds: {count}, {amount}")
        lines.append("  " + told.format(count=total.refunds, amount=amount(total.refunds_minor, span.currency, sign)))
    if total.settled:
        told = _("Only settlements tell of: {count}, {amount}; no fee line does.")
        fees = amount(total.settled_minor, span.currency, sign)
        lines.append("  " + told.format(count=total.settled, amount=fees))
    if total.unknown:
        told = _("Not judged (?): {count}, fees {amount}; no agreed tariff says what they should be.")
        fees = amount(total.unknown_minor, span.currency, sign)
        lines.append("  " + told.format(count=total.unknown, amount=fees))
    return lines


def _alert(span: Span, percent: int) -> list[str]:
    if not span.alert:
        return []
    told = _("! {month}: {amount} more than expected ({expected}): above the {percent}% that alert.")
    sign = printable_yuan_sign()
    return [
        told.format(
            month=span.name,
            amount=amount(span.total.difference_minor, span.currency, sign),
            expected=amount(span.total.expected_minor, span.currency, sign),
            percent=percent,
        )
    ]


def _remarks(told: Report) -> list[str]:
    if any(span.alert for span in told.months):
        return ["", _("What it is made of, sale by sale: counterfoil fees audit")]
    if all(not span.total.judged for span in told.months):
        return ["", _("Tell what was agreed, and fees are compared with it: counterfoil fees tariff add --help")]
    return []


def _plot(told: Report) -> str:
    from agent.fees.reports.rate_plot import draw  # noqa: PLC0415  it draws with a library of its own

    currencies = sorted({span.currency for span in told.months})
    width = shutil.get_terminal_size().columns
    plain = os.environ.get("TERM") == "dumb"
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not plain
    drawn = []
    for currency in currencies:
        months = [span for span in told.months if span.currency == currency]
        drawn.append(draw(months, width, colour=colour, ascii_only=plain or not _draws_boxes()))
    return "\n\n".join(one for one in drawn if one) or _("Nothing was sold in these months.")


def _draws_boxes() -> bool:
    try:
        "┤⣀".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
