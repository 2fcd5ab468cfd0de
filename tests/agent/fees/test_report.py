"""`fees report`: the month's fees, at what rate, and against what was agreed. Figures: docs/domain.md §3, or by hand here."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import defaultdict
from contextlib import closing
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.commands.fees_report import table
from agent.fees.contract.tariff import Basis, Bearer, FeeReturn, RefundFee
from agent.fees.contract.terms import ListedFee, NothingElseAgreed, Per, SettlementTerms, SimTerms
from agent.fees.noting import noted
from agent.fees.reports import month_sums
from agent.fees.reports.month_report import Report, cell, csv_bytes, decimal, document, is_alarming, report_of
from agent.fees.reports.month_sums import MonthSums, Sums, ppm_of
from agent.fees.reports.rate_plot import draw, month_ticks, rate_ticks
from agent.home import Home
from agent.journal import keys
from agent.journal.keys import PassphraseSources
from agent.journal.store import Journal
from agent.language import choose_language
from agent.opening import make_home, open_desk
from agent.settings import Settings
from protocol.messages import FeeType, SettlementMode
from protocol.money import CNY
from tests.agent.fees.month_record import (
    TERMINAL,
    ZONE,
    Record,
    only_month,
    shanghai,
    sums_of,
    tariff,
    terms_of,
)
from tests.conftest import refused, run_counterfoil

HOUSE = Path(__file__).parents[3]
MARCH = ("2026-03", "credit", CNY)


def facts_of(sums: Sums) -> tuple[int, int | None, int]:
    """Charged of what was judged, expected, how many were not judged."""
    return sums.judged_minor, sums.expected_minor, sums.unknown


# -- the sums ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-12", "张先生")
def test_a_raised_rate_is_the_months_difference() -> None:
    record = Record()
    for _ in range(40):
        record.trade(50_000, 315)  # contract 6000 ppm: 300
    sums = sums_of(record, tariff())[MARCH]
    assert (sums.sales, sums.sales_minor, sums.fees_minor) == (40, 2_000_000, 12_600)
    assert (sums.expected_minor, sums.difference_minor, sums.effective_ppm) == (12_000, 600, 6_300)


@pytest.mark.requirement("4-12")
@pytest.mark.parametrize(("charged", "alert"), [(330, False), (331, True), (315, False), (300, False)])
def test_more_than_a_tenth_above_what_was_expected_is_an_alert(charged: int, alert: bool) -> None:
    record = Record()
    for _ in range(40):
        record.trade(50_000, charged)  # 40 x 330 is 13200: exactly ten per cent above 12000, and 1200 fen
    assert report_of(sums_of(record, tariff()), 10).months[0].alert is alert


@pytest.mark.requirement("4-12")
def test_a_few_fen_are_no_alert_and_nothing_judged_is_none() -> None:
    once = Record()
    once.trade(16_500, 198)  # 99 charged twice over: 99 above, below the least that alerts
    assert report_of(sums_of(once, tariff()), 10).months[0].alert is False
    once.trade(100, 2)  # 1 more
    assert report_of(sums_of(once, tariff()), 10).months[0].alert is True
    assert report_of(sums_of(once), 10).months[0].alert is None
    assert is_alarming(Sums(judged=1, judged_minor=1_000, expected_minor=0), 10) is True


@pytest.mark.parametrize(
    ("part", "whole", "ppm"),
    [(600, 100_000, 6_000), (1, 3, 333_333), (2, 3, 666_667), (1, 2_000_000, 1), (-1, 2_000_000, -1), (0, 7, 0)],
)
def test_a_rate_in_ppm_is_rounded_half_up_by_size(part: int, whole: int, ppm: int) -> None:
    assert ppm_of(part, whole) == ppm
    assert ppm_of(part, 0) is None


def test_what_no_tariff_speaks_of_is_unknown_and_in_no_difference() -> None:
    record = Record()
    record.trade(50_000, 300)
    record.trade(50_000, 999, product="foreign_card")
    record.only(50_000)  # the terminal told no fee
    sums = sums_of(record, tariff())
    assert facts_of(sums[MARCH]) == (300, 300, 1)
    foreign = sums["2026-03", "foreign_card", CNY]
    assert facts_of(foreign) == (0, 0, 1) and foreign.unknown_minor == 999 == foreign.fees_minor
    told = document(report_of(sums, 10))["months"][0]  # type: ignore[index]
    assert [one["expected_minor"] for one in told["products"]] == [300, None]
    assert [one["difference_minor"] for one in told["products"]] == [0, None]


def test_an_amount_of_another_currency_is_not_compared() -> None:
    record = Record()
    record.trade(50_000, 300, currency=344)
    sums = sums_of(record, tariff())["2026-03", "credit", 344]
    assert (sums.unknown, sums.judged) == (1, 0)


@pytest.mark.parametrize(("charged", "expected"), [(55_00, 55_00), (58_00, 58_00), (63_00, 60_00), (40_00, 55_00)])
def test_a_range_expects_nothing_beyond_its_ends(charged: int, expected: int) -> None:
    record = Record()
    record.trade(1_000_000, charged)
    band = tariff(ppm=None, band_low_ppm=5_500, band_high_ppm=6_000, basis=Basis.ADVERTISED)
    assert facts_of(sums_of(record, band)[MARCH]) == (charged, expected, 0)


def test_above_a_cap_of_which_nobody_knows_is_unknown() -> None:
    record = Record()
    record.trade(1_000_000, 6_000)
    record.trade(100_000, 600)
    sums = sums_of(record, tariff(cap_minor=2_000, cap_unclear=True))[MARCH]
    assert facts_of(sums) == (600, 600, 1)


def test_a_void_takes_sale_and_fee_out_and_what_it_leaves_is_too_much() -> None:
    record = Record()
    sale = record.trade(50_000, 300)
    record.trade(50_000, -300, kind="void", of=sale)
    assert only_month(sums_of(record, tariff())) == Sums()
    kept = record.trade(50_000, 300, on="2026-03-02 13:00")
    record.trade(50_000, 0, kind="reversal", of=kept, on="2026-03-02 13:01")
    left = only_month(sums_of(record, tariff()))
    assert (left.sales, left.sales_minor) == (0, 0)
    assert facts_of(left) == (300, 0, 0)


def test_a_failed_sale_costs_nothing() -> None:
    record = Record()
    record.trade(50_000, 0, outcome="declined")
    record.trade(50_000, 300, outcome="declined")
    sums = sums_of(record, tariff())[MARCH]
    assert (sums.sales, sums.judged) == (0, 1) and facts_of(sums) == (300, 0, 0)


@pytest.mark.parametrize(
    ("amount", "fee", "refunds", "version", "back"),
    [
        (100_000, 600, (33_333, 33_333, 33_334), tariff(fee_return=FeeReturn.PRO_RATA), (200, 200, 200)),
        (12_345, 74, (4_115, 4_115, 4_115), tariff(fee_return=FeeReturn.PRO_RATA), (25, 24, 25)),
        (1_000_000, 2_000, (500_000,), tariff(ppm=5_000, cap_minor=2_000, fee_return=FeeReturn.PRO_RATA), (1_000,)),
        (1_000_000, 2_000, (500_000,), tariff(ppm=5_000, cap_minor=2_000, fee_return=FeeReturn.RECOMPUTE), (0,)),
        (100_000, 600, (50_000,), tariff(fee_return=FeeReturn.KEEP), (0,)),
    ],
)
def test_fees_that_come_back_on_refunds_are_expected_back(
    amount: int, fee: int, refunds: tuple[int, ...], version: Any, back: tuple[int, ...]
) -> None:
    for given_back in (back, (0,) * len(back)):
        record = Record()
        sale = record.trade(amount, fee)
        for refund, minor in zip(refunds, given_back, strict=True):
            record.trade(refund, -minor, kind="refund", of=sale, on="2026-03-05 10:00")
        sums = sums_of(record, version)[MARCH]
        assert (sums.refunds, sums.refunds_minor) == (len(refunds), sum(refunds))
        assert facts_of(sums) == (fee - sum(given_back), fee - sum(back), 0)


def test_a_t0_line_does_not_come_back_and_is_right_where_it_was_agreed() -> None:
    agreed = SettlementTerms(valid_from=date(2025, 1, 1), mode=SettlementMode.T0, t0_agreed=True, source="FIXTURE")
    later = SettlementTerms(valid_from=date(2025, 1, 1), mode=SettlementMode.T1, t0_agreed=False, source="FIXTURE")
    unasked = SettlementTerms(valid_from=date(2025, 1, 1), mode=SettlementMode.T0, t0_agreed=False, source="FIXTURE")
    version = tariff(t0_fixed_minor=300, fee_return=FeeReturn.PRO_RATA)
    record = Record()
    sale = record.trade(100_000, 600, t0=300, mode="T0")
    record.trade(50_000, -300, kind="refund", of=sale)
    assert facts_of(only_month(sums_of(record, version, agreed))) == (600, 600, 0)
    assert facts_of(only_month(sums_of(record, version, later))) == (600, 300, 0)
    assert facts_of(only_month(sums_of(record, version, unasked))) == (600, 300, 0)
    assert facts_of(only_month(sums_of(record, version))) == (600, 600, 0)  # the terminal says T0


def test_a_refunds_own_fee_is_held_against_the_contract() -> None:
    cost = RefundFee(ppm=1_000, free_days=3, bearer=Bearer.MERCHANT)
    for on, expected in (("2026-03-05 10:00", 600), ("2026-03-06 10:00", 650)):
        record = Record()
        sale = record.trade(100_000, 600)
        record.trade(50_000, 0, kind="refund", of=sale, on=on, refund_fee=50)
        assert facts_of(only_month(sums_of(record, tariff(refund_fee=cost)))) == (650, expected, 0)


SIM = SimTerms(
    activated=date(2025, 12, 5), free_days=90, period_days=365, amount_minor=3_600, currency=CNY, source="FIXTURE"
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("2026-03-05", 3_600)], 3_600),  # 90 free days from 5 December end with 4 March
        ([("2026-03-04", 3_600)], 0),
        ([("2026-03-05", 3_600), ("2026-03-20", 3_600)], 3_600),
        ([("2026-03-05", 3_600), ("2026-03-05", -3_600), ("2026-03-06", 3_600)], 3_600),
        ([("2026-03-05", 4_000)], 3_600),
        ([("2026-03-05", 3_600), ("2027-03-04", 3_600)], 3_600),
        ([("2026-03-05", 3_600), ("2027-03-05", 3_600)], 7_200),
    ],
)
def test_a_sim_fee_is_expected_once_a_period(lines: list[tuple[str, int]], expected: int) -> None:
    record = Record()
    for on, minor in lines:
        record.fee(minor, type_="sim", on=f"{on} 09:00")
    sums = sums_of(record, SIM)
    assert {product for _month, product, _currency in sums} == {None}
    assert sum(one.expected_minor for one in sums.values()) == expected
    assert sum(one.fees[FeeType.SIM] for one in sums.values()) == sum(minor for _on, minor in lines)


def test_a_fee_on_no_list_is_unknown_until_there_is_a_list() -> None:
    record = Record()
    record.fee(5_000, type_="service")
    record.trade(10_000, 60, other=100)
    listed = ListedFee(
        type=FeeType.SERVICE, name="服务费", amount_minor=2_000, per=Per.MONTH, currency=CNY,
        valid_from=date(2025, 1, 1), source="FIXTURE",
    )  # fmt: skip
    nothing_else = NothingElseAgreed(valid_from=date(2025, 1, 1), operator="张")
    assert facts_of(only_month(sums_of(record, tariff()))) == (0, 0, 2)
    assert facts_of(only_month(sums_of(record, tariff(), nothing_else))) == (5_160, 60, 0)
    assert facts_of(only_month(sums_of(record, tariff(), listed))) == (5_160, 2_060, 0)


def test_a_day_begins_at_the_merchants_midnight_and_a_correction_belongs_to_its_sale() -> None:
    record = Record()
    late = record.trade(50_000, 300, on="2026-03-31 23:59")
    record.trade(50_000, 300, on="2026-04-01 00:00")
    record.fee(-300, late, on="2026-04-02 09:00")
    record.fee(300, late, on="2026-04-02 09:00")
    sums = sums_of(record, tariff())
    assert {month: (one.sales, one.fees_minor) for (month, *_), one in sums.items()} == {
        "2026-03": (1, 300),
        "2026-04": (1, 300),
    }


def test_a_fee_line_before_its_transaction_finds_it_and_one_of_none_is_unknown() -> None:
    record = Record()
    name = "0192e5a0-0000-7000-8000-ffffffffffff"
    record.fee(300, name)
    record.only(50_000, reference=name)
    record.fee(77, "0192e5a0-0000-7000-8000-eeeeeeeeeeee")
    sums = sums_of(record, tariff())
    assert facts_of(sums[MARCH]) == (300, 300, 0)
    assert sums["2026-03", None, CNY].unknown_minor == 77


def test_a_record_told_again_is_one_transaction() -> None:
    record = Record()
    name = record.trade(50_000, 300)
    record.only(50_000, reference=name)
    assert sums_of(record, tariff())[MARCH].sales == 1


def test_memory_is_bounded_and_what_it_forgets_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record()
    first = record.trade(100_000, 600)
    for _ in range(10):
        record.trade(50_000, 300)
    record.trade(100_000, -600, kind="refund", of=first)
    record.fee(-1, first)
    known = only_month(sums_of(record, tariff(fee_return=FeeReturn.PRO_RATA)))
    monkeypatch.setattr(month_sums, "KEPT", 4)
    counter = MonthSums(terms_of([tariff(fee_return=FeeReturn.PRO_RATA)]), ZONE)
    bounded = only_month(counter.of(record.raw()))
    assert bounded.fees_minor == known.fees_minor == 2_999
    assert (known.unknown, bounded.unknown, bounded.unknown_minor) == (0, 2, -601)
    kept = only_month(sums_of(record, tariff(fee_return=FeeReturn.KEEP)))
    assert kept.unknown == 1  # the late line alone: nothing comes back, so the sale need not be known


_TRADES = st.lists(
    st.tuples(
        st.integers(1, 10_000_000),
        st.integers(0, 50_000),
        st.sampled_from(["credit", "debit", "qr_wallet"]),
        st.dates(date(2025, 11, 1), date(2026, 2, 28)),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_TRADES)
def test_the_sums_are_those_of_a_plain_count(trades: list[tuple[int, int, str, date, bool]]) -> None:
    record, counted = Record(), defaultdict(lambda: [0, 0, 0, 0])
    for amount, fee, product, day, approved in trades:
        record.trade(amount, fee, product=product, on=f"{day} 12:00", outcome="approved" if approved else "declined")
        own = counted[f"{day:%Y-%m}", product, CNY]
        own[0] += approved
        own[1] += amount * approved
        own[2] += fee
        own[3] += (amount * 6_000 + 500_000) // 1_000_000 * approved
    sums = sums_of(record, tariff("credit"), tariff("debit"), tariff("qr_wallet"))
    found = {key: [s.sales, s.sales_minor, s.fees_minor, s.expected_minor] for key, s in sums.items()}
    assert {key: value for key, value in found.items() if any(value)} == {
        key: value for key, value in counted.items() if any(value)
    }
    told = report_of(sums, 10)
    for year in told.years:
        months = [span for span in told.months if span.name[:4] == year.name]
        assert year.total.fees_minor == sum(span.total.fees_minor for span in months)
        assert year.total.expected_minor == sum(span.total.expected_minor for span in months)


# -- which months, and how they are told -------------------------------------------------------------------------------


def two_years() -> Report:
    record = Record()
    for month in ("2025-11", "2025-12", "2026-01", "2026-02"):
        record.trade(1_000_000, 6_000, on=f"{month}-03 10:00")
        record.trade(1_000_000, 3_800, product="qr_wallet", on=f"{month}-03 11:00")
    record.fee(3_600, type_="sim", on="2026-02-03 09:00")
    return report_of(sums_of(record, tariff(), SIM), 10)


def test_months_are_chosen_and_a_year_is_whole() -> None:
    record = Record()
    for month in ("2025-11", "2025-12", "2026-01", "2026-02"):
        record.trade(1_000_000, 6_000, on=f"{month}-03 10:00")
    sums = sums_of(record, tariff())
    last = report_of(sums, 10, months=1)
    assert [span.name for span in last.months] == ["2026-02"]
    assert [(span.name, span.total.fees_minor) for span in last.years] == [("2026", 12_000)]
    assert [span.name for span in report_of(sums, 10, months=3).years] == ["2025", "2026"]
    assert [span.name for span in report_of(sums, 10, month="2025-11").months] == ["2025-11"]
    assert report_of(sums, 10, month="2024-01").months == ()


def test_the_sheet_is_one_that_a_spreadsheet_reads_and_its_rows_add_up() -> None:
    raw = csv_bytes(two_years(), simulated=True)
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw
    heads, *rows = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert {len(row) for row in rows} == {len(heads)} == {21}
    cents = {heads[at]: at for at in range(21)}
    in_all = [row for row in rows if row[cents["Product"]] == "All products" and row[0] == "2026-02"]
    parts = [row for row in rows if row[cents["Product"]] != "All products" and row[0] == "2026-02"]
    assert len(parts) == 3 and len(in_all) == 1
    for head in ("Sales", "Fees", "Transaction fee", "SIM card", "Not judged, fees"):
        made = sum(int(row[cents[head]].replace(".", "")) for row in parts)
        assert made == int(in_all[0][cents[head]].replace(".", ""))
    assert in_all[0][cents["Fees"]] == "134.00" and in_all[0][cents["SIM card"]] == "36.00"
    assert in_all[0][cents["Nature"]] == "DEMO"
    wallet = next(row for row in parts if row[cents["Product"]] == "QR wallet")
    assert wallet[cents["Expected"]] == "unknown"  # never 0.00


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"])
def test_no_text_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell("贷记卡") == "贷记卡"


@pytest.mark.parametrize(("minor", "told"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56")])
def test_an_amount_for_a_spreadsheet(minor: int, told: str) -> None:
    assert decimal(minor, CNY) == told
    assert decimal(minor, 392) == str(minor)


def cells(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_columns_stand_under_each_other_in_80_cells(language: str) -> None:
    choose_language(language)
    lines = table(two_years())
    rows = [line for line in lines if "10,000.00" in line or "20,000.00" in line or "40,000.00" in line]
    assert len(rows) == 4 * 3 + 2
    assert max(map(cells, lines)) <= 80
    ends = {cells(line[: line.index(",000.00") + 7]) for line in rows}
    assert len(ends) == 1


def test_what_alerts_is_said_and_what_is_unknown_too() -> None:
    record = Record()
    for _ in range(10):
        record.trade(50_000, 600)
    record.trade(50_000, 190, product="qr_wallet")
    lines = table(report_of(sums_of(record, tariff()), 10))
    assert [line for line in lines if line.startswith("! 2026-03")] == [
        "! 2026-03: ¥30.00 more than expected (¥30.00): above the 10% that alert."
    ]
    assert any("Not judged (?): 1, fees ¥1.90" in line for line in lines)


# -- the plot ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 132])
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_plot_keeps_to_its_width_and_says_which_sign_is_which(width: int, language: str) -> None:
    choose_language(language)
    months = two_years().months
    picture = draw(months, width, colour=False, ascii_only=False)
    assert "\x1b" not in picture and max(map(cells, picture.splitlines())) <= width
    assert picture.splitlines()[-2].rstrip().endswith("0.6%") and picture.splitlines()[-1].endswith("0.38%")
    assert all(span.name in picture for span in months[:: 1 if width > 40 else 2])
    plain = draw(months, width, colour=False, ascii_only=True)
    drawing = plain.splitlines()[1:-2]
    assert all(line.isascii() for line in drawing) and len(drawing) == 16
    assert "\x1b[" in draw(months, width, colour=True, ascii_only=False)


def test_a_higher_rate_stands_higher() -> None:
    record = Record()
    for month, fee in (("2026-01", 6_000), ("2026-02", 6_000), ("2026-03", 6_300)):
        record.trade(1_000_000, fee, on=f"{month}-03 10:00")
    months = report_of(sums_of(record, tariff()), 10).months
    lines = draw(months, 60, colour=False, ascii_only=True).splitlines()[1:-1]
    row_of = {at: number for number, line in enumerate(lines) for at, sign in enumerate(line) if sign == "o"}
    assert row_of[max(row_of)] < row_of[min(row_of)]
    assert draw((), 80, colour=False, ascii_only=True) == ""


@given(st.lists(st.integers(-1_000, 1_000_000), min_size=1, max_size=20))
def test_ticks_hold_every_rate(rates: list[int]) -> None:
    ticks = rate_ticks(rates)
    assert ticks[0] <= min(rates) and max(rates) <= ticks[-1] and 2 <= len(ticks) <= 8
    assert len({b - a for a, b in pairwise(ticks)}) == 1


@given(st.integers(1, 1_200), st.integers(40, 160))
def test_months_that_are_named_do_not_run_into_each_other(count: int, width: int) -> None:
    ticks = month_ticks(count, width)
    assert ticks[0] == 0 and ticks[-1] < count
    assert len(ticks) * 9 <= width


# -- the command, on real records --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose record holds March and April at 6000 ppm, and May at 7000, beside its contract."""
    home = Home(tmp_path_factory.mktemp("report") / "H")
    make_home(
        home, Settings(terminal=TERMINAL, simulated=True, port="/dev/null"), PassphraseSources(), 1_767_225_600_000
    )
    record = Record()
    for month, fee in (("2026-03", 300), ("2026-04", 300), ("2026-05", 350)):
        for at in range(20):
            record.trade(50_000, fee, on=f"{month}-{at + 1:02d} 12:00")
    with closing(Journal.open(home.journal, keys.unlock(home.path, PassphraseSources()))) as journal:
        journal.append(record.drafts, shanghai("2026-05-31 22:00"))
    with open_desk(home, record=True) as desk:
        desk.note(noted([tariff()]))
    return home.path


def said(home: Path, *arguments: str, **environment: str) -> str:
    result = run_counterfoil("--home", str(home), "fees", "report", *arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.requirement("4-12", "4-09")
def test_the_command_answers_in_every_form(shop: Path) -> None:
    told = json.loads(said(shop, "--json"))
    assert told["simulated"] is True and told["alert_percent"] == 3
    assert [(m["month"], m["total"]["difference_minor"], m["alert"]) for m in told["months"]] == [
        ("2026-03", 0, False),
        ("2026-04", 0, False),
        ("2026-05", 1_000, True),  # 20 x 50 fen above 6000: a sixth, and 10 yuan
    ]
    assert told["years"][0]["total"]["effective_ppm"] == 6_333  # 19000 on 3000000
    assert "2026-04" not in said(shop, "--month", "2026-05")
    sheet = said(shop, "--csv", "--months", "1")
    assert sheet.startswith("\ufeff") and sheet.count("\n") == 5 and "DEMO" in sheet
    assert "! 2026-05" in said(shop) and "0.7%" in said(shop, "--plot")


def test_a_dumb_terminal_and_a_narrow_encoding_get_plain_signs(shop: Path) -> None:
    for environment in ({"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "gbk"}):
        result = run_counterfoil("--home", str(shop), "fees", "report", "--plot", **environment)
        assert result.returncode == 0 and "┤" not in result.stdout and "\x1b" not in result.stdout, environment
        assert "0.6%+" in result.stdout
    assert "┤" in said(shop, "--plot", NO_COLOR="1", TERM="xterm-256color")


def test_what_is_no_month_or_asked_twice_is_wrong_usage(shop: Path) -> None:
    for arguments in (
        ["--month", "2026-13"],
        ["--month", "2026-3"],
        ["--csv", "--json"],
        ["--month", "2026-03", "--months", "2"],
    ):
        result = run_counterfoil("--home", str(shop), "fees", "report", *arguments)
        assert result.returncode == 2 and "Traceback" not in result.stderr, arguments
    refused(run_counterfoil("--home", str(shop), "fees", "report", "--month", "2024-01"), 1, "2024-01")
    empty = json.loads(said(shop, "--month", "2024-01", "--json"))
    assert empty["months"] == [] == empty["years"]


@pytest.mark.requirement("4-12")
def test_the_percentage_is_a_setting(shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "copy"
    home.mkdir()
    for name in ("journal.db", "settings.toml", "keys"):
        (home / name).symlink_to(shop / name) if name != "settings.toml" else None
    plain = (shop / "settings.toml").read_text(encoding="utf-8")
    for percent, alert in ((16, True), (17, False)):  # a sixth is 16.67 per cent
        (home / "settings.toml").write_text(f"{plain}\n[fees]\nmonth_percent = {percent}\n", encoding="utf-8")
        assert json.loads(said(home, "--json"))["months"][-1]["alert"] is alert
    (home / "settings.toml").write_text(f"{plain}\n[fees]\nmonth_minor = 1001\n", encoding="utf-8")
    assert json.loads(said(home, "--json"))["months"][-1]["alert"] is False  # it is 1000 too much
    (home / "settings.toml").write_text(f"{plain}\n[fees]\nmonth_percent = -1\n", encoding="utf-8")
    refused(run_counterfoil("--home", str(home), "fees", "report"), 3, "month_percent")


@pytest.mark.parametrize("profile", ["instant", "market"])
def test_it_agrees_with_the_simulators_own_ledger_and_its_contract(profile: str, tmp_path: Path) -> None:
    """The simulator reckons for itself what is charged, and what is right; ours is reckoned from the record and the contract."""
    home = tmp_path / "H"
    demo = ["--headless", "--transactions", "120", "--days", "2", "--seed", "5", "--profile", profile]
    assert "Recording" in run_counterfoil("--home", str(home), "demo", *demo).stderr
    contract = HOUSE / "agent" / "demo" / "contracts" / f"{profile}.toml"
    added = run_counterfoil("--home", str(home), "fees", "tariff", "add", str(contract), "--operator", "张")
    assert added.returncode == 0, added.stderr
    lines = (home / "simulator" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    days = [row for row in rows if row["kind"] == "day.closed"]
    trades = [row for row in rows if row["kind"] in {"sale", "refund", "void", "reversal", "fee"}]
    assert len(days) == 2 and len(trades) >= 240

    total = json.loads(said(home, "--json"))["years"][0]["total"]
    assert total["count"] == sum(day["sales_count"] for day in days)
    assert total["sales_minor"] == sum(day["sales_minor"] for day in days)
    assert total["refunds_minor"] == sum(day["refunds_minor"] for day in days) > 0
    assert total["fees_minor"] == sum(row["fee_minor"] for row in trades) > 0
    assert total["expected_minor"] == sum(row["should_minor"] for row in trades)
    assert (total["difference_minor"], total["unknown"]) == (0, 0)
    assert (total["fees"]["t0_minor"] > 0) is (profile == "instant")


def test_seeded_days_of_voids_and_refunds_come_to_nothing_too_much() -> None:
    """Whatever is voided or refunded, an acquirer that keeps to the contract leaves no difference."""
    chance = random.Random(7)
    for how in FeeReturn:
        record, version = Record(), tariff(ppm=5_000, cap_minor=2_000, fee_return=how)
        for _ in range(200):
            amount = chance.randrange(1, 1_000_000)
            fee = min((amount * 5_000 + 500_000) // 1_000_000, 2_000)
            sale = record.trade(amount, fee)
            act = chance.random()
            if act < 0.1:
                record.trade(amount, -fee, kind="void", of=sale)
            elif act < 0.3:
                part = chance.randrange(1, amount + 1)
                back = {
                    FeeReturn.KEEP: 0,
                    FeeReturn.PRO_RATA: (2 * fee * part + amount) // (2 * amount),
                    FeeReturn.RECOMPUTE: fee - min(((amount - part) * 5_000 + 500_000) // 1_000_000, 2_000),
                }[how]
                record.trade(part, -back, kind="refund", of=sale)
        sums = sums_of(record, version)[MARCH]
        assert (sums.difference_minor, sums.unknown) == (0, 0), how
        assert sums.refunds > 20
