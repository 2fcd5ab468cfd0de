"""A day as text: what a merchant reads on a screen or a strip of paper. Amounts by integer arithmetic, never floats."""

from __future__ import annotations

from agent.figures import amount, printable_yuan_sign, rate
from agent.language import _
from agent.views import Head, Today
from agent.wording import product_name


def day_report(days: tuple[Today, ...], head: Head, terminal: str) -> str:
    """One or more days, one after the other, under one heading and over one journal head."""
    lines = [_("Day report"), _("Terminal {terminal}").format(terminal=terminal)]
    if days and days[0].simulated:
        lines.append(_("DEMO: simulated, not a record of real money"))
    for day in days:
        lines += ["", *_day(day)]
    lines += [
        "",
        _("Journal: {size} entries, signed").format(size=head.size),
        f"  {head.origin}",
        f"  {head.root}",
    ]
    return "\n".join(lines)


def _day(day: Today) -> list[str]:
    sign = printable_yuan_sign()

    def row(label: str, count: int | None, minor: int) -> str:
        return _columns(label, "" if count is None else str(count), amount(minor, day.currency, sign))

    lines = [
        day.date,
        row(_("Sales"), day.sales_count, day.sales_minor),
        row(_("Refunds"), day.refunds_count, day.refunds_minor),
        row(_("Voids"), day.voids_count, day.voids_minor),
        row(_("Fees"), None, day.fees_minor),
        row(_("Net"), None, day.net_minor),
        _columns(_("Declined"), str(day.declined), ""),
    ]
    if day.products:
        lines += ["", _columns(_("By product"), "", _("Fees"), _("Rate"))]
    for product in day.products:
        fees = amount(product.fees_minor, day.currency, sign)
        share = rate(product.fees_minor, product.sales_minor)
        lines.append(_columns(product_name(product.product), str(product.count), fees, share))
    return lines


def _columns(label: str, count: str, *values: str) -> str:
    text = "  " + padded(label, 16) + count.rjust(6)
    return (text + "".join(_right(value, 15 if i == 0 else 9) for i, value in enumerate(values))).rstrip()


def _cells(text: str) -> int:
    from unicodedata import east_asian_width  # noqa: PLC0415

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, cells: int) -> str:
    """Filled up to so many cells of a terminal: a Chinese character takes two."""
    return text + " " * max(0, cells - _cells(text))


def _right(text: str, cells: int) -> str:
    return " " * max(1, cells - _cells(text)) + text
