"""Working days: Monday to Friday, but for the holidays and the worked weekends (调休) of a yearly table in holidays/.

A year without a table is reckoned by plain weeks, and is unverified: whoever shows a date of it says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from protocol.messages import SettlementMode

_SATURDAY = 5
_DAY = timedelta(days=1)
_BY_WORKING_DAYS = (SettlementMode.T0, SettlementMode.T1)


@dataclass(frozen=True, slots=True)
class Year:
    """off: holidays, weekends among them; working: weekends that are worked. source: the notice it is from."""

    off: frozenset[date]
    working: frozenset[date]
    source: str


@cache
def year_of(number: int) -> Year | None:
    """A year's table; None where there is none."""
    file = files("agent") / "holidays" / f"{number}.toml"
    if not file.is_file():
        return None
    table = tomllib.loads(file.read_text("utf-8"))
    off = {first + n * _DAY for first, last in table["holidays"] for n in range((last - first).days + 1)}
    return Year(frozenset(off), frozenset(table["working"]), table["source"])


def is_working(day: date) -> bool:
    """By the year's table; by the week alone where there is none."""
    year = year_of(day.year)
    if year is None or (day not in year.off and day not in year.working):
        return _in_week(day)
    return day in year.working


def working_day_after(day: date, count: int, working: Callable[[date], bool] = is_working) -> date:
    """The count-th working day after that day; with 0 the day itself if it is one, else the next."""
    while not working(day) or count > 0:
        day += _DAY
        count -= working(day)
    return day


def due(
    mode: SettlementMode,
    cut_off: str | None,
    day: date,
    at: str = "00:00",
    working: Callable[[date], bool] = is_working,
) -> date:
    """When what was sold on a local day is to reach the account: T counts working days, D calendar days.

    at, cut_off: local times HH:MM; what is sold after the cut-off belongs to the next day. No cut-off: midnight.
    """
    if cut_off is not None and at > cut_off:
        day += _DAY
    match mode:
        case SettlementMode.T0:
            return working_day_after(day, 0, working)
        case SettlementMode.T1:
            return working_day_after(day, 1, working)
        case SettlementMode.D0:
            return day
        case SettlementMode.D1:
            return day + _DAY


def latest_due(mode: SettlementMode, cut_off: str | None, day: date) -> date:
    """The last day that a contract can mean: nobody is late before it.

    All of it sold after the cut-off; and whether a bank books on a worked Saturday no contract of this kind says, so the
    later of the table and the plain week.
    """
    at = "24:00"
    return max(due(mode, cut_off, day, at), due(mode, cut_off, day, at, _in_week))


def verified(mode: SettlementMode, first: date, last: date) -> bool:
    """Every year between the two has its table, or none is needed: calendar days are the same in every year."""
    years = range(first.year, last.year + 1)
    return mode not in _BY_WORKING_DAYS or all(year_of(number) is not None for number in years)


def _in_week(day: date) -> bool:
    return day.weekday() < _SATURDAY
