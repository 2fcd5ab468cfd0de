"""Working days of banks and providers: Monday to Friday. FIXTURE: the simulator's world has no holidays."""

from __future__ import annotations

from datetime import date, timedelta

from protocol.messages import SettlementMode

_SATURDAY = 5


def is_working(day: date) -> bool:
    return day.weekday() < _SATURDAY


def working_day_after(day: date, count: int) -> date:
    """The count-th working day after that day; with 0 the day itself if it is one, else the next."""
    while not is_working(day) or count > 0:
        day += timedelta(days=1)
        count -= is_working(day)
    return day


def credited_on(mode: SettlementMode, day: date) -> date:
    """When a day's batch reaches the account: T counts working days, D calendar days (docs/domain.md §4, D11)."""
    match mode:
        case SettlementMode.T0:
            return working_day_after(day, 0)
        case SettlementMode.D0:
            return day
        case SettlementMode.T1:
            return working_day_after(day, 1)
        case SettlementMode.D1:
            return day + timedelta(days=1)
