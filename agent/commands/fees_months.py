"""What `fees report`, `compare` and `costs` share: the record's months."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import click

from agent.commands.progress import progress_bar
from agent.errors import NotFound
from agent.fees.audit.auditor import terms_of
from agent.fees.reports.month_expected import Kept, Key
from agent.fees.reports.month_sums import MonthSums, Sums
from agent.home import Home
from agent.journal.reader import Reader
from agent.language import _
from agent.report import padded

_PROGRESS_FROM = 20_000
"""Entries; fewer are read before a bar could be seen."""
_REPORT_EVERY = 16_384
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


def month_told(_ctx: click.Context, _option: click.Parameter, month: str | None) -> str | None:
    """An option's month, as `2026-03`."""
    if month is not None and not _MONTH.fullmatch(month):
        raise click.BadParameter(_("a month is written as 2026-03"))
    return month


def sums_of(home: Home, journal: Reader, sold: Callable[[Kept], None] | None = None) -> dict[Key, Sums]:
    """Every month of a home's record; with progress on stderr where it is long."""
    zone = home.settings().time_zone
    sums = MonthSums(terms_of(journal, zone), zone, sold)
    size = journal.size
    if size < _PROGRESS_FROM:
        return sums.of(journal.raw_entries(0, size))
    with progress_bar(_("Reading the record")) as show:
        return sums.of(_shown(journal.raw_entries(0, size), size, show))


def _shown(entries: Iterator[bytes], size: int, show: Callable[[int, int], None]) -> Iterator[bytes]:
    for done, raw in enumerate(entries):
        if done % _REPORT_EVERY == 0:
            show(done, size)
        yield raw
    show(size, size)


def nothing_traded(month: str | None) -> NotFound:
    """Why there is nothing to answer."""
    return NotFound(
        _("The record has no transaction in {month}.").format(month=month) if month else _("The record has no transaction."),
        _("Connect the terminal with: counterfoil serve; or see the days with: counterfoil transactions list"),
    )  # fmt: skip


def right(text: str, cells: int) -> str:
    """To the right end of so many cells of a terminal; at least a space before it."""
    return (padded(text, cells)[len(text) :] or " ") + text
