"""Working days: 国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04), counted by hand from its text."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agent.calendar import due, is_working, latest_due, verified, working_day_after, year_of
from protocol.messages import SettlementMode

T0, D0, T1, D1 = SettlementMode.T0, SettlementMode.D0, SettlementMode.T1, SettlementMode.D1


def d(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


@pytest.mark.requirement("D11")
def test_the_notices_holidays_and_worked_weekends() -> None:
    """3 + 9 + 3 + 5 + 3 + 3 + 7 days off, six weekends worked, and 365 - 104 - 25 + 6... counted one by one."""
    year = year_of(2026)
    assert year is not None
    assert len(year.off) == 33
    assert len(year.working) == 6
    assert all(day.weekday() >= 5 for day in year.working)
    assert not any(is_working(day) for day in year.off)
    assert all(is_working(day) for day in year.working)
    weekdays_off = sum(day.weekday() < 5 for day in year.off)
    assert weekdays_off == 2 + 6 + 1 + 3 + 1 + 1 + 5
    days = [d("01-01") + timedelta(days=n) for n in range(365)]
    assert sum(map(is_working, days)) == 261 - 19 + 6


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(
    ("mode", "day", "on"),
    [
        (T1, "03-02", "03-03"),
        (T1, "03-06", "03-09"),
        (T1, "03-07", "03-09"),
        (T0, "03-07", "03-09"),
        (T0, "03-06", "03-06"),
        (D0, "03-07", "03-07"),
        (D1, "03-06", "03-07"),
        (T1, "02-13", "02-14"),  # a worked Saturday before 春节
        (T1, "02-14", "02-24"),
        (T0, "02-15", "02-24"),
        (D1, "02-15", "02-16"),
        (T1, "09-30", "10-08"),
        (T1, "05-08", "05-09"),
    ],
)
def test_when_money_is_due(mode: SettlementMode, day: str, on: str) -> None:
    assert due(mode, None, d(day)) == d(on)


@pytest.mark.requirement("D11")
@pytest.mark.parametrize(("at", "on"), [("21:59", "03-03"), ("22:00", "03-03"), ("22:01", "03-04")])
def test_what_is_sold_after_the_cut_off_belongs_to_the_next_day(at: str, on: str) -> None:
    assert due(T1, "22:00", d("03-02"), at) == d(on)
    assert due(T1, None, d("03-02"), at) == d("03-03")


@pytest.mark.requirement("D11")
def test_nobody_is_late_before_the_last_day_that_a_contract_can_mean() -> None:
    assert latest_due(T1, None, d("05-08")) == d("05-11")  # the worked Saturday may be none of the bank's
    assert latest_due(T1, None, d("04-30")) == d("05-06")  # but a holiday is one
    assert latest_due(T0, "22:00", d("03-02")) == d("03-03")
    assert latest_due(D1, None, d("03-06")) == d("03-07")


@pytest.mark.requirement("D11")
def test_a_year_without_its_table_is_reckoned_by_weeks_and_unverified() -> None:
    assert year_of(2031) is None
    assert working_day_after(date(2031, 1, 3), 1) == date(2031, 1, 6)  # Friday, Monday
    assert verified(T1, d("03-02"), d("03-03"))
    assert not verified(T1, date(2026, 12, 31), date(2027, 1, 4))
    assert verified(D1, date(2031, 1, 3), date(2031, 1, 4)), "calendar days need no table"
