"""Integers into text: the amounts and rates of docs/domain.md §3, and dates that `date -d` gives."""

from __future__ import annotations

import pytest

from tui.figures import amount, card_tail, clock, date, plain, rate


@pytest.mark.parametrize(
    ("minor", "shown"),
    [
        (0, "¥0.00"),
        (1, "¥0.01"),
        (83, "¥0.83"),
        (100, "¥1.00"),
        (12345, "¥123.45"),
        (123456, "¥1,234.56"),
        (100000000, "¥1,000,000.00"),
        (-5, "-¥0.05"),
        (-36800, "-¥368.00"),
        (2**53 - 1, "¥90,071,992,547,409.91"),
    ],
)
def test_an_amount_is_yuan_with_two_decimals(minor: int, shown: str) -> None:
    assert amount(minor) == shown


def test_a_currency_whose_decimals_are_unknown_is_shown_in_minor_units() -> None:
    assert amount(1234, 392) == "1234/392"


@pytest.mark.parametrize(
    ("fees", "sales", "shown"),
    [
        (600, 100000, "0.600%"),
        (2000, 500000, "0.400%"),
        (68, 12345, "0.551%"),  # 0.55083…
        (10, 2500, "0.400%"),
        (1, 132, "0.758%"),  # 0.75757…
        (1, 200000, "0.001%"),  # 0.0005: half goes up
        (1, 200001, "0.000%"),
        (-600, 100000, "-0.600%"),
        (-1, 10**9, "0.000%"),
        (0, 100000, "0.000%"),
        (0, 0, "-"),
    ],
)
def test_an_effective_rate_has_three_decimals(fees: int, sales: int, shown: str) -> None:
    assert rate(fees, sales) == shown


def test_times_are_those_of_the_merchant() -> None:
    assert (date(1_772_424_309_000), clock(1_772_424_309_000), clock(1_772_424_309_999, seconds=True)) == (
        "2026-03-02",
        "12:05",
        "12:05:09",
    )
    assert date(1_772_380_800_000 - 1) == "2026-03-01"  # date -u -d '2026-03-01 16:00' is midnight in Shanghai
    assert date(1_772_380_800_000) == "2026-03-02"


def test_a_card_is_four_digits() -> None:
    assert card_tail("622848******1234") == "*1234"
    assert card_tail(None) == ""


def test_text_from_outside_moves_no_cursor_and_turns_no_line() -> None:
    assert plain("张记\x1b[2J\r\n餐馆\u202e\x07!") == "张记[2J餐馆!"
