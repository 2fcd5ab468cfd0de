"""The effective rate of each product over the months, drawn in a terminal's own signs.

Rates stay integers of ppm up to the drawing; what stands at the axes is written here, by integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.fees.quote_words import percent
from agent.fees.reports.month_report import Span
from agent.language import _
from agent.report import padded
from agent.wording import product_name

NARROWEST, WIDEST = 40, 160
"""Columns of a terminal that are drawn for."""
_HEIGHT = 16
_MARKS = "ox+*#%@"
_COLOURS = ("blue", "red", "green", "magenta", "cyan", "orange", "gray")
_STEPS = (1, 2, 5)
_MOST_TICKS = 7
_MONTH_CELLS = 10
"""A month's name and the room beside it."""
_ASCII = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")


@dataclass(frozen=True, slots=True)
class Series:
    """One product's effective rate, ppm, by the month's place on the axis; months without sales are left out."""

    product: str
    points: tuple[tuple[int, int], ...]


def series(months: Sequence[Span]) -> tuple[Series, ...]:
    """Of every product with sales, in the report's order. months: of one currency, oldest first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place, span in enumerate(months):
        for product, sums in span.products:
            if product is not None and sums.effective_ppm is not None:
                found.setdefault(product, []).append((place, sums.effective_ppm))
    return tuple(Series(product, tuple(points)) for product, points in found.items())


def draw(months: Sequence[Span], width: int, *, colour: bool, ascii_only: bool) -> str:
    """The plot and, below it, which sign is which product; "" where nothing was sold. months: of one currency, oldest first.

    width: columns of the terminal. colour: with ANSI colours. ascii_only: no sign beyond ASCII in the drawing.
    """
    drawn = series(months)
    if not drawn:
        return ""
    import plotext  # noqa: PLC0415  0.1 s, and only here

    width = min(max(width, NARROWEST), WIDEST)
    ticks = rate_ticks([ppm for one in drawn for _place, ppm in one.points])
    figure = plotext
    figure.clear_figure()
    figure.limit_size(False, False)  # the size is the caller's, also where there is no terminal
    figure.plot_size(width, _HEIGHT)
    figure.theme("clear")
    for at, one in enumerate(drawn):
        places, rates = zip(*one.points, strict=True)
        paint = {"color": _COLOURS[at % len(_COLOURS)]} if colour else {}
        mark = _MARKS[at % len(_MARKS)]
        if len(places) > 1:
            figure.plot(places, rates, marker=mark if ascii_only else "braille", **paint)
        figure.scatter(places, rates, marker=mark, **paint)
    figure.xlim(0, max(len(months) - 1, 1))
    figure.ylim(ticks[0], ticks[-1])
    figure.yticks(ticks, [percent(tick) for tick in ticks])
    shown = month_ticks(len(months), width)
    figure.xticks(shown, [months[place].name for place in shown])
    picture = figure.build()
    if not colour:
        picture = figure.uncolorize(picture)
    if ascii_only:
        picture = picture.translate(_ASCII)
    lines = [line.rstrip() for line in picture.splitlines()]
    return "\n".join([_("Effective rate by product"), *lines, *_legend(drawn)])


def rate_ticks(rates: Sequence[int]) -> list[int]:
    """Round rates in ppm that hold all of these between them, at least two."""
    low, high = min(rates), max(rates)
    step, power = 0, 1
    while not step:
        step = next((n * power for n in _STEPS if (high // (n * power)) - (low // (n * power)) + 2 <= _MOST_TICKS), 0)
        power *= 10
    first = low // step * step
    last = -(-high // step) * step
    return list(range(first, max(last, first + step) + 1, step))


def month_ticks(count: int, width: int) -> list[int]:
    """The months whose names fit below an axis of so many columns, evenly apart, the first one among them."""
    most = max((width - _MONTH_CELLS) // _MONTH_CELLS, 1)
    return list(range(0, count, -(-count // most)))


def _legend(drawn: Sequence[Series]) -> list[str]:
    """Written here and not by the library, which takes a Chinese character for one column."""
    return [
        f"  {_MARKS[at % len(_MARKS)]} {padded(product_name(one.product), 16)}{percent(one.points[-1][1])}"
        for at, one in enumerate(drawn)
    ]
