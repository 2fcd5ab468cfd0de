"""What a cell says: amounts, dates, times, texts. Expectations are written by hand, or built digit by digit in the test."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fees.statements.cells import amount_of, moment_of, note_of, text_of, time_of
from agent.fees.statements.table_file import cell_text

CARD = "6222021234567890128"
"""Nineteen digits that pass Luhn."""
FORMATS = ("%Y/%m/%d", "%Y%m%d", "%Y%m%d%H%M%S", "%Y年%m月%d日")


@pytest.mark.parametrize(
    ("cell", "minor"),
    [
        ("12.00", 1200),
        ("12", 1200),
        ("0.5", 50),
        ("1,234.50", 123_450),
        ("￥12.00", 1200),
        ("¥-12.00", -1200),
        ("-¥12.00", -1200),
        ("−12.00", -1200),
        ("（12.00）", -1200),
        ("１，２３４．５０", 123_450),
        ("12.00元", 1200),
        ("CNY 12.00", 1200),
        ("+12.340", 1234),
        ("\t12.00\t", 1200),
        ("`12.00", 1200),
        ('="12.00"', 1200),
        ("1,000,000.01", 100_000_001),
        ("-0.00", 0),
        ("90071992547409.91", 2**53 - 1),
        ("", None),
        ("-", None),
        ("－", None),
        ("--", None),
    ],
)
def test_amounts_in_yuan(cell: str, minor: int | None) -> None:
    assert amount_of(cell) == minor


@pytest.mark.parametrize(
    "cell",
    [
        "12.345",
        "1,23.00",
        "12,34",
        "1234,567.00",
        "1.2.3",
        "1e3",
        "1E+03",
        "twelve",
        "12.",
        ".5",
        "--12",
        "+-12",
        "-(12)",
        "(-12)",
        "1 2.00x",
        "٣",
        "12元5",
        "90071992547409.92",
        "nan",
        "inf",
        "#N/A",
        "$5.00",
    ],
)
def test_what_is_no_amount_is_refused(cell: str) -> None:
    with pytest.raises(ValueError):
        amount_of(cell)


def test_amounts_in_fen_have_no_decimals() -> None:
    assert amount_of("1234", fen=True) == 1234
    assert amount_of("1,234.00", fen=True) == 1234
    with pytest.raises(ValueError):
        amount_of("12.30", fen=True)


@given(st.integers(0, 2**53 - 1), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", "¥", "￥", "RMB"]))
def test_every_amount_comes_back(minor: int, below: bool, grouped: bool, wide: bool, sign: str) -> None:
    digits = f"{minor:03d}"
    whole = digits[:-2]
    if grouped:
        start = len(whole) % 3
        whole = ",".join([whole[:start]] * bool(start) + [whole[i : i + 3] for i in range(start, len(whole), 3)])
    text = f"{'-' if below else ''}{sign}{whole}.{digits[-2:]}"
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert amount_of(text) == (-minor if below else minor)


@given(st.text(max_size=20))
def test_any_text_is_an_amount_nothing_or_refused(text: str) -> None:
    try:
        found = amount_of(text)
    except ValueError:
        return
    assert found is None or abs(found) < 2**53


@given(st.integers(0, 10**12))
def test_a_spreadsheets_number_is_exact_to_the_fen(minor: int) -> None:
    """A cell holds the nearest binary fraction; up to ten thousand million yuan its 15 digits are the amount."""
    stored = float(f"{minor // 100}.{minor % 100:02d}")
    assert amount_of(cell_text(stored)) == minor


def test_a_spreadsheets_sum_shows_as_it_is_shown() -> None:
    """0.1 + 0.2 is 0.30000000000000004 there, and every spreadsheet shows 0.3."""
    assert amount_of(cell_text(0.1 + 0.2)) == 30
    with pytest.raises(ValueError):
        amount_of(cell_text(12.345))
    with pytest.raises(ValueError):
        amount_of(cell_text(True))


@pytest.mark.parametrize(
    ("cell", "day", "at"),
    [
        ("2026-03-02", date(2026, 3, 2), None),
        ("2026/3/2", date(2026, 3, 2), None),
        ("20260302", date(2026, 3, 2), None),
        ("２０２６年３月２日", date(2026, 3, 2), None),
        ("20260302091500", date(2026, 3, 2), "09:15:00"),
        ("2026-03-02 09:15:00", date(2026, 3, 2), "09:15:00"),
        ("`20260302", date(2026, 3, 2), None),
    ],
)
def test_dates(cell: str, day: date, at: str | None) -> None:
    assert moment_of(cell, FORMATS) == (day, at)


@pytest.mark.parametrize("cell", ["", "2026-02-30", "2026312", "202632", "1926-03-02", "03/02/2026", "46083", "昨天"])
def test_what_is_no_date_is_refused(cell: str) -> None:
    with pytest.raises(ValueError):
        moment_of(cell, FORMATS)


def test_times() -> None:
    assert [time_of(cell) for cell in ("9:05", "09:05:30", "090530", "2026-03-02 09:05:30", "")] == [
        "09:05:00",
        "09:05:30",
        "09:05:30",
        "09:05:30",
        None,
    ]
    for cell in ("24:00", "12:60", "9", "morning"):
        with pytest.raises(ValueError):
            time_of(cell)


def test_a_spreadsheets_dates_and_times() -> None:
    """A time is a fraction of a day there, a little off: 09:15:00 may come as 09:14:59.9999."""
    assert cell_text(datetime(2026, 3, 2)) == "2026-03-02"
    assert cell_text(datetime(2026, 3, 2, 9, 14, 59, 999_900)) == "2026-03-02 09:15:00"
    assert cell_text(time(9, 14, 59, 999_900)) == "09:15:00"
    assert cell_text(date(2026, 3, 2)) == "2026-03-02"


def test_no_card_number_comes_in() -> None:
    assert text_of(CARD) == "622202*********0128"
    assert text_of(" ".join((CARD[:4], CARD[4:8], CARD[8:12], CARD[12:16], CARD[16:]))) is not None
    assert "567890" not in (text_of(CARD.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})) or "")
    assert CARD not in (note_of(f"转账 {CARD} 清算款") or "")
    with pytest.raises(ValueError):
        text_of("a" * 65)
    assert text_of("\t000123\x00 ") == "000123"
