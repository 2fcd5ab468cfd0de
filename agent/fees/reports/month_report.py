"""The fees of each month and year: by product, in all, and against what was expected (docs/domain.md 4-12)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.fees.audit.thresholds import FeeSettings
from agent.fees.reports.month_expected import Key
from agent.fees.reports.month_sums import Sums
from agent.figures import CNY, rate
from agent.language import _
from agent.wording import product_name
from protocol.messages import FeeType, Product

LEAST_ALERT_MINOR = FeeSettings().month_minor
"""A month's excess below it is no alert, however many per cent: D22's threshold, where the settings have no other."""
FEE_TYPES = (FeeType.MDR, FeeType.T0, FeeType.SIM, FeeType.SERVICE, FeeType.REFUND_FEE)
"""Those with a column of their own; the rest is "other"."""
_ORDER = {product: place for place, product in enumerate((*Product, None))}
_STEERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With these a spreadsheet begins a formula (OWASP, CSV injection); it reads full-width signs as the plain ones."""


@dataclass(frozen=True, slots=True)
class Span:
    """One month (`2026-03`) or year (`2026`) of one currency. products: code of a product, None for fees without one.

    alert: the fees are above what was expected by more than so many per cent; None where nothing could be judged.
    """

    name: str
    currency: int
    products: tuple[tuple[Product | None, Sums], ...]
    total: Sums
    alert: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """months: oldest first. years: those of these months, with all that the record holds of them."""

    percent: int
    months: tuple[Span, ...]
    years: tuple[Span, ...]


def report_of(
    sums: Mapping[Key, Sums],
    percent: int,
    *,
    least_minor: int = LEAST_ALERT_MINOR,
    month: str | None = None,
    months: int | None = None,
) -> Report:
    """percent, least_minor: above what was expected by more per cent, and by so much, is an alert. month: that one alone;
    months: so many, the last ones that have entries."""
    every = sorted({key[0] for key in sums})
    shown = [month] if month is not None else every[-months:] if months is not None else every
    years = sorted({name[:4] for name in shown})
    return Report(
        percent,
        tuple(span for name in shown for span in _spans(sums, name, percent, least_minor)),
        tuple(span for name in years for span in _spans(sums, name, percent, least_minor)),
    )


def _spans(sums: Mapping[Key, Sums], name: str, percent: int, least_minor: int) -> Iterator[Span]:
    """One for each currency. name: how a month begins."""
    found: dict[int, dict[Product | None, Sums]] = {}
    for (month, product, currency), one in sums.items():
        if month.startswith(name):
            found.setdefault(currency, {}).setdefault(product, Sums()).add(one)
    for currency, products in sorted(found.items()):
        total = Sums()
        for one in products.values():
            total.add(one)
        ordered = sorted(products.items(), key=lambda each: _ORDER[each[0]])
        yield Span(name, currency, tuple(ordered), total, is_alarming(total, percent, least_minor))


def is_alarming(total: Sums, percent: int, least_minor: int = LEAST_ALERT_MINOR) -> bool | None:
    """More than so many per cent above what was expected, and at least so much. None: nothing was judged."""
    if not total.judged:
        return None
    above = total.difference_minor
    return above >= least_minor and above * 100 > percent * total.expected_minor


# -- as JSON and CSV ---------------------------------------------------------------------------------------------------


def document(told: Report) -> dict[str, object]:
    """For `--json`: amounts in minor units, rates in ppm. What could not be judged at all has null, not 0."""
    return {
        "alert_percent": told.percent,
        "months": [_span_document("month", span) for span in told.months],
        "years": [_span_document("year", span) for span in told.years],
    }


def _span_document(what: str, span: Span) -> dict[str, object]:
    return {
        what: span.name,
        "currency": span.currency,
        "products": [{"product": product, **_sums_document(sums)} for product, sums in span.products],
        "total": _sums_document(span.total),
        "alert": span.alert,
    }


def _sums_document(sums: Sums) -> dict[str, object]:
    return {
        "count": sums.sales,
        "sales_minor": sums.sales_minor,
        "refunds_count": sums.refunds,
        "refunds_minor": sums.refunds_minor,
        "fees_minor": sums.fees_minor,
        "fees": {f"{name}_minor": minor for name, minor in by_type(sums).items()},
        "effective_ppm": sums.effective_ppm,
        "judged": sums.judged,
        "judged_minor": sums.judged_minor,
        "expected_minor": sums.expected_minor if sums.judged else None,
        "difference_minor": sums.difference_minor if sums.judged else None,
        "unknown": sums.unknown,
        "unknown_minor": sums.unknown_minor,
        "settled": sums.settled,
        "settled_minor": sums.settled_minor,
    }


def by_type(sums: Sums) -> dict[str, int]:
    """Minor units of fees by type, `other` last."""
    listed = {type_.value: sums.fees.get(type_, 0) for type_ in FEE_TYPES}
    return {**listed, "other": sums.fees_minor - sum(listed.values())}


def csv_bytes(told: Report, *, simulated: bool) -> bytes:
    """For a spreadsheet: UTF-8 with a byte-order mark, CRLF, amounts as decimals of the currency, texts no formulas.

    A line for each product of each month, then one for the month in all (product empty), then the years'.
    """
    out = io.StringIO()
    write = csv.writer(out).writerow
    write([cell(heading) for heading in _headings()])
    for span in (*told.months, *told.years):
        for product, sums in (*span.products, ("", span.total)):
            write(_csv_row(span, product, sums, simulated=simulated))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _headings() -> tuple[str, ...]:
    return (
        _("Month"),
        _("Product"),
        _("Currency"),
        _("Sales, number"),
        _("Sales"),
        _("Refunds, number"),
        _("Refunds"),
        _("Fees"),
        *(type_name(name) for name in (*(type_.value for type_ in FEE_TYPES), "other")),
        _("Effective rate"),
        _("Expected"),
        _("Difference"),
        _("Not judged, number"),
        _("Not judged, fees"),
        _("Alert"),
        _("Nature"),
    )


def _csv_row(span: Span, product: str | None, sums: Sums, *, simulated: bool) -> list[str]:
    def money(minor: int) -> str:
        return decimal(minor, span.currency)

    named = _("All products") if product == "" else _("Without a product") if product is None else product_name(product)
    alert = "" if product != "" else {True: _("yes"), False: _("no"), None: _("unknown")}[span.alert]
    return [
        cell(span.name),
        cell(named),
        str(span.currency),
        str(sums.sales),
        money(sums.sales_minor),
        str(sums.refunds),
        money(sums.refunds_minor),
        money(sums.fees_minor),
        *(money(minor) for minor in by_type(sums).values()),
        "" if sums.effective_ppm is None else rate(sums.fees_minor, sums.sales_minor),
        money(sums.expected_minor) if sums.judged else _("unknown"),
        money(sums.difference_minor) if sums.judged else _("unknown"),
        str(sums.unknown),
        money(sums.unknown_minor),
        cell(alert),
        cell(_("DEMO") if simulated else ""),
    ]


def cell(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(_STEERS) else text


def decimal(minor: int, currency: int) -> str:
    """`-1234.50` for a spreadsheet; of a currency other than the renminbi whole minor units."""
    if currency != CNY:
        return str(minor)
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def type_name(code: str) -> str:
    """A fee's type, as in the report's columns."""
    return {
        "mdr": _("Transaction fee"),
        "t0": _("Instant settlement"),
        "sim": _("SIM card"),
        "service": _("Service"),
        "refund_fee": _("Refund fee"),
        "other": _("Other"),
    }.get(code, code)
