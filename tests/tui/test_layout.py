"""Tables and lines by cell, counted here independently: East Asian Width W and F are two cells."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tui.layout import NOT_AT_LINE_START, Column, fit, spread, table, wrap


def cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


TEXT = st.text(alphabet="abc xyz019 ,.。，；存根终端退款¥", max_size=80)


@given(TEXT, st.integers(4, 40))
def test_no_line_is_wider_than_the_room_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cells(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_closing_punctuation_stays_with_what_it_closes() -> None:
    lines = wrap("接好后会自动恢复，记录不会丢失。", 16)
    assert lines == ["接好后会自动恢", "复，记录不会丢", "失。"]
    assert not any(line[0] in NOT_AT_LINE_START for line in lines)


def test_words_are_broken_between_not_within() -> None:
    assert wrap("Check the cable and the power.", 12) == ["Check the", "cable and", "the power."]
    assert wrap("/dev/serial/by-id/usb", 8) == ["/dev/ser", "ial/by-i", "d/usb"]


def test_a_wide_character_is_never_halved() -> None:
    assert fit("存根存根", 5) == "存根"
    assert spread("存根", "12:05", 12) == "存根   12:05"


COLUMNS = [Column("时间"), Column("Kind"), Column("Amount", right=True), Column("Trace", drop=2), Column("Fee", drop=1)]
ROWS = [
    [("11:58", ""), ("消费", ""), ("¥1.00", ""), ("000041", ""), ("¥0.01", "")],
    [("11:59", ""), ("Refund", ""), ("-¥10,000.00", ""), ("000042", ""), ("-", "")],
]


def test_columns_stand_under_each_other_by_cells() -> None:
    head, sale, refund = (line.plain for line in table(COLUMNS, ROWS, 60))

    def end_of(line: str, word: str) -> int:
        return cells(line[: line.index(word) + len(word)])

    assert end_of(head, "Amount") == end_of(sale, "¥1.00") == end_of(refund, "-¥10,000.00")
    assert cells(sale[: sale.index("消费")]) == cells(refund[: refund.index("Refund")])


def test_where_room_is_short_the_least_needed_columns_go_first() -> None:
    assert "Trace" in table(COLUMNS, ROWS, 60)[0].plain
    without_trace = table(COLUMNS, ROWS, 34)[0].plain
    assert "Trace" not in without_trace and "Fee" in without_trace
    assert table(COLUMNS, ROWS, 26)[0].plain.split() == ["时间", "Kind", "Amount"]


@given(st.integers(0, 80))
def test_a_table_is_never_wider_than_its_room(width: int) -> None:
    assert all(cells(line.plain) <= width for line in table(COLUMNS, ROWS, width))
