"""What a text finds among the transactions is what LIKE finds in every row, and no question reads a whole table."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent import search
from agent.errors import NotFound
from agent.journal.kinds import TerminalSaid
from agent.projection import Projection
from agent.reading import Reading
from agent.views import TransactionPage
from protocol.messages import Transaction
from protocol.money import Money
from tests.agent.odd_days import NAMES, ZONE, Shop, facts, reference, said, shop, transaction

LIKED = ("masked_pan", "trace", "rrn", "auth_code", "merchant_name")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with 700 transactions, some of them strange."""
    sales = [said(transaction(n, n % 600)) for n in range(1, 701)]
    strange = [
        {"merchant_name": 'quoted "Shop" OR 1', "masked_pan": "4"},
        {"merchant_name": "100% ~ _x_", "rrn": "AbC%d_e~F"},
        {"merchant_name": "𠮷野家 Niú", "auth_code": "*"},
        {"rrn": "NEAR(000 1)", "auth_code": "a-b:c^d"},
    ]
    sales += [said(transaction(701 + n, 900 + n, **each)) for n, each in enumerate(strange)]
    with shop(tmp_path_factory.mktemp("street"), sales) as made:
        made.catch_up()
        yield made


@pytest.fixture(scope="module")
def reading(street: Shop) -> Iterator[Reading]:
    with closing(street.read()) as found:
        yield found


def liked(views: Path, text: str, date: str | None = None) -> list[int]:
    """The seqs that a scan with LIKE finds, newest first: part of a number or name, beginning of a reference, whole amount."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    tests = [f"{column} LIKE ? ESCAPE '\\'" for column in LIKED] + ["reference LIKE ? ESCAPE '\\'"]
    values: list[Any] = [f"%{escaped}%"] * len(LIKED) + [f"{escaped}%"]
    plain = text.replace(",", "")
    if re.fullmatch(r"¥\d+|¥?\d+\.\d\d", plain):
        tests.append("amount_minor = ?")
        values.append(int(plain.strip("¥").replace(".", "")) * (1 if "." in plain else 100))
    where = f"({' OR '.join(tests)})"
    if date is not None:
        where, values = f"date = ? AND {where}", [date, *values]
    with closing(sqlite3.connect(f"file:{views}?mode=ro", uri=True)) as found:
        return [
            row[0] for row in found.execute(f"SELECT seq FROM transactions WHERE {where} ORDER BY seq DESC", values)
        ]


def seqs(page: TransactionPage) -> list[int]:
    return [row.seq for row in page.rows]


def pieces() -> st.SearchStrategy[str]:
    """Pieces of what the rows hold, and other things that a person or a cat types."""
    chance = random.Random(4)
    texts = [name for name in NAMES if name] + [
        'quoted "Shop" OR 1',
        "AbC%d_e~F",
        "NEAR(000 1)",
        "𠮷野家 Niú",
        "a-b:c^d",
    ]
    for about in range(0, 600, 7):
        one = transaction(1, about)
        texts += [value for value in (one.masked_pan, one.trace, one.rrn, one.auth_code, one.reference) if value]
    chance.shuffle(texts)
    held = st.builds(
        lambda text, start, length: text[start : start + length],
        st.sampled_from(texts),
        st.integers(0, 12),
        st.integers(1, 13),
    )
    typed = st.text("0123456789abR*%_~\"'.¥, 超市店", min_size=1, max_size=5)
    return st.one_of(held, held.map(str.swapcase), typed, st.sampled_from(["388.00", "¥1,388.00", "88.00", "0.05"]))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces(), st.booleans())
@example("超市", False)
@example("店", False)
@example('"', False)
@example("100% ~ _x_", True)
@example("0195532", False)
def test_what_is_found_is_what_a_scan_with_like_finds(
    street: Shop, reading: Reading, text: str, within_a_day: bool
) -> None:
    text = text.strip()
    if text:
        date = "2026-03-20" if within_a_day else None
        page = reading.transactions(date, text, 2_000, 0)
        expected = liked(street.views, text, date)
        assert (seqs(page), page.total, page.more) == (expected, len(expected), False)
        assert seqs(reading.transactions(date, text, 3, 2)) == expected[2:5]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("¥388", 38_800), ("￥388.00", 38_800), ("1,388.00", 138_800), ("¥1,388", 138_800), ("0.05", 5)],
)
def test_an_amount_is_found_as_it_is_written(street: Shop, reading: Reading, text: str, amount: int) -> None:
    found = reading.transactions(None, text, 2_000, 0)
    assert {row.amount_minor for row in found.rows} == {amount}
    assert [(found.total,)] == street.rows("SELECT count(*) FROM transactions WHERE amount_minor = ?", amount)


@pytest.mark.parametrize("text", ["x" * 2_000, "00\x0000", "\udc85" * 3, "no such thing", "¥99999999999999", "%%%"])
def test_what_cannot_be_there_is_not_found(reading: Reading, text: str) -> None:
    for date in (None, "2026-03-03"):
        assert reading.transactions(date, text, 10, 0) == TransactionPage((), 0)


def test_an_empty_text_is_none(reading: Reading) -> None:
    assert reading.transactions(None, "  ", 5, 0) == reading.transactions(None, None, 5, 0)
    assert reading.transactions(None, None, 5, 0).total == 704


def test_a_page_far_beyond_the_end_is_empty(reading: Reading) -> None:
    assert reading.transactions(None, "000", 10, 2**53).rows == ()


# -- many --------------------------------------------------------------------------------------------------------------


def test_counting_ends_where_nobody_pages_to_and_the_page_says_so(
    reading: Reading, street: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = liked(street.views, "000")
    monkeypatch.setattr(search, "COUNTED", 100)
    page = reading.transactions(None, "000", 7, 200)
    assert (page.total, page.more, seqs(page)) == (100, True, exact[200:207])
    assert len(exact) > 300


@pytest.mark.parametrize("text", ["019", "0195", "01955", "0195532a"])
def test_a_beginning_that_many_references_have(
    reading: Reading, street: Shop, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    exact = liked(street.views, text)
    for window in (2, 60, 50_000):
        monkeypatch.setattr(search, "COUNTED", 10)
        monkeypatch.setattr(search, "WINDOW", window)
        for limit, offset in ((5, 0), (50, 10), (1, 43), (700, 0)):
            assert seqs(reading.transactions(None, text, limit, offset)) == exact[offset : offset + limit], (
                window,
                limit,
            )


def test_one_or_two_characters_are_looked_for_among_the_newest(
    reading: Reading, street: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WINDOW", 100)
    newest = [seq for seq in liked(street.views, "62") if seq > 704 - 100]
    page = reading.transactions(None, "62", 2_000, 0)
    assert (seqs(page), page.total, page.more) == (newest, len(newest), True) and newest
    name = reading.transactions(None, "超市", 2_000, 0)
    assert seqs(name) == liked(street.views, "超市") and name.total > len(newest), "a name is found however old"


def test_more_names_than_a_shop_has(tmp_path: Path) -> None:
    told = [said(transaction(n, n, merchant_name=f"店 {n:03} 号")) for n in range(1, 61)]
    with shop(tmp_path, told) as here:
        here.catch_up()
        with closing(here.read()) as found:
            assert seqs(found.transactions(None, "店 0", 100, 0)) == liked(here.views, "店 0") != []


# -- how SQLite goes about it ------------------------------------------------------------------------------------------

LARGE = re.compile(r"\bSCAN (transactions|fees|t|f|v|findings)\b")
ANY_ORDER = re.compile(r"\bSEARCH (transactions|fees|t|f|v|findings)$")
"""What SQLite says of the largest or smallest of a column without an index, too; of `seq` it is the last or first row."""
ALLOWED = {
    "SELECT count(*) FROM transactions": "a count of all reads the smallest index, 5 ms of a million",
    "SELECT 1 FROM fees WHERE transaction_seq IS NULL AND reference IS NOT NULL LIMIT 1": "the first of an index of the few",
}


def plans(connection: Any, statements: list[str]) -> Iterator[tuple[str, str]]:
    for sql in statements:
        if sql.lstrip().startswith(("SELECT", "WITH", "UPDATE", "INSERT")):
            yield from ((sql, row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))


def whole_tables(connection: Any, statements: list[str]) -> set[tuple[str, str]]:
    found = [each for each in plans(connection, statements) if " ".join(each[0].split()) not in ALLOWED]
    by_seq = re.compile(r"(?<!\w)(max|min)\((?!(t\.)?seq\))")
    return {(sql, step) for sql, step in found if LARGE.search(step) or (ANY_ORDER.search(step) and by_seq.search(sql))}


def test_no_question_reads_a_whole_table(street: Shop) -> None:
    said_to_sqlite: list[str] = []
    with closing(street.read()) as reading:
        reading._connection.set_trace_callback(said_to_sqlite.append)
        reading.today("2026-03-03", 50)
        reading.last_at()
        reading.findings(0)
        reading.transaction(reference(5))
        with pytest.raises(NotFound):
            reading.transaction("0")
        for date in (None, "2026-03-03"):
            for text in (None, "1234", "62", "超市", "便民超市", "388.00", "¥8", "019", "0195532a", "abc"):
                reading.transactions(date, text, 50, 0)
        reading._connection.set_trace_callback(None)
        assert len(set(said_to_sqlite)) > 30
        assert whole_tables(reading._connection, said_to_sqlite) == set()
        slow = ["SELECT seq FROM transactions t WHERE rrn LIKE '%1%'", "SELECT max(at) FROM fees"]
        assert len(whole_tables(reading._connection, slow)) == 2, "the test sees it"


def test_catching_up_reads_no_whole_table(tmp_path: Path) -> None:
    with shop(tmp_path, facts(random.Random(3), 200)) as here:
        here.catch_up()
        said_to_sqlite: list[str] = []
        here.projection._connection.set_trace_callback(said_to_sqlite.append)
        here.record(*facts(random.Random(4), 100, 201))
        here.erase(0, 50, None)
        here.catch_up()
        here.projection._connection.set_trace_callback(None)
        assert len(said_to_sqlite) > 50
        assert whole_tables(here.projection._connection, said_to_sqlite) == set()


def test_the_newest_time_is_that_of_all_transactions(tmp_path: Path) -> None:
    times = [1_772_400_000_000, 2**53 - 1, 0, 1_772_300_000_000, 253_402_300_799_999]
    told: list[TerminalSaid] = []
    with shop(tmp_path) as here:
        for number, at in enumerate(times, 1):
            one: Transaction = transaction(number, number, terminal_time=at, amount=Money(100))
            told.append(said(one))
            here.record(told[-1])
            here.catch_up()
            with closing(here.read()) as reading:
                assert reading.last_at() == max(times[:number])


def test_views_of_no_transaction_answer_every_question(tmp_path: Path) -> None:
    with shop(tmp_path) as here:
        here.catch_up()
        with closing(here.read()) as reading:
            assert reading.last_at() == 0 and reading.findings(0) == ()
            for text in (None, "1", "12", "123", "019", "超市", "1.00"):
                assert reading.transactions(None, text, 10, 0) == TransactionPage((), 0)


def test_the_search_follows_a_running_agent(tmp_path: Path) -> None:
    """A reader that is open already finds what was recorded since, also after the views were made anew under it."""
    with shop(tmp_path, [said(transaction(1, 1, trace="111111"))]) as here:
        here.catch_up()
        with closing(here.read()) as reading:
            assert reading.transactions(None, "2222", 10, 0).total == 0
            here.record(said(transaction(2, 2, trace="222222")))
            here.catch_up()
            assert reading.transactions(None, "2222", 10, 0).total == 1
            here.projection.rebuild(here.journal)
            assert reading.transactions(None, "2222", 10, 0).total == 1
            here.projection.close()
            here.projection = Projection(here.views, ZONE)
            assert reading.transactions(None, "1111", 10, 0).total == 1
