"""Fees that no fee line tells of, and only a settlement or the provider's file, in the months' sums."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from agent.fees.contract.tariff import FeeBasis
from agent.fees.contract.terms import StatementLine, StatementPage
from agent.fees.reports.month_report import document, report_of
from agent.journal.drafting import to_draft
from agent.journal.kinds import TerminalSaid
from protocol.messages import FeeType, Product, Settlement, SettlementLine, TransactionKind
from protocol.money import CNY, Money
from tests.agent.fees.month_record import TERMINAL, Record, only_month, shanghai, sums_of, tariff

MARCH, NO_PRODUCT = ("2026-03", Product.CREDIT, CNY), ("2026-03", None, CNY)
NET: dict[str, Any] = {"fee_basis": FeeBasis.BATCH_NET}


def settle(
    record: Record,
    fees: int,
    deductions: int = 0,
    *,
    day: str = "2026-03-02",
    lines: tuple[SettlementLine, ...] = (),
    pages: int = 1,
) -> None:
    """The batch 000001 is settled; its other sums do not matter here."""
    for page in range(1, pages + 1):
        record.number += 1
        nothing = Money(0)
        said = Settlement(
            number=record.number, at=shanghai(f"{day} 23:00"), batch="000001", date=day.replace("-", ""), page=page,
            pages=pages, sales_count=1, refunds_count=0, gross=nothing, refunds=nothing, fees=Money(fees),
            deductions=Money(deductions), adjustments=nothing, carried=nothing, credited=nothing, lines=lines,
        )  # fmt: skip
        fact = TerminalSaid(terminal=TERMINAL, log_epoch="e1", sha256=bytes(32), message=said)
        record.drafts.append(to_draft(fact, lambda _token: bytes(32)))


def of(reference: str, amount: int, fee: int) -> SettlementLine:
    return SettlementLine(
        kind=TransactionKind.SALE, amount=Money(amount), fee=Money(fee), trace="000001", reference=reference
    )


@pytest.mark.requirement("4-12")
def test_what_fee_lines_told_is_charged_once() -> None:
    record = Record()
    record.trade(50_000, 300)
    record.trade(50_000, 300, t0=200)
    record.fee(3_600, type_="sim")
    settle(record, 800, 3_600, pages=3)
    total = only_month(sums_of(record, tariff()))
    assert (total.fees_minor, total.settled, total.settled_minor) == (4_400, 0, 0)


@pytest.mark.requirement("4-12")
def test_the_fee_of_a_batchs_net_is_charged_and_judged_as_a_whole() -> None:
    """docs/domain.md §3: 3800 ppm, ten of 132 fen: by the batch 5 fen."""
    record = Record()
    for _ in range(10):
        record.only(132)
    settle(record, 7)
    sums = sums_of(record, tariff(ppm=3_800, **NET))
    assert (sums[MARCH].sales, sums[MARCH].fees_minor, sums[MARCH].unknown) == (10, 0, 0)
    own = sums[NO_PRODUCT]
    assert (own.fees, own.judged_minor, own.expected_minor, own.difference_minor) == ({FeeType.MDR: 7}, 7, 5, 2)
    assert (own.settled, own.settled_minor) == (1, 7)


def test_a_batchs_net_is_less_what_was_refunded_and_without_what_was_voided() -> None:
    record = Record()
    sale = record.only(100_000)
    record.only(40_000, kind="refund", of=sale)
    record.only(70_000, kind="void", of=record.only(70_000))
    settle(record, 360)  # 60000 at 6000
    total = only_month(sums_of(record, tariff(**NET)))
    assert (total.fees_minor, total.expected_minor, total.unknown) == (360, 360, 0)


def test_without_a_settlement_a_batchs_fee_is_unknown_and_never_right() -> None:
    record = Record()
    record.only(132)
    total = only_month(sums_of(record, tariff(ppm=3_800, **NET)))
    assert (total.judged, total.unknown, total.fees_minor) == (0, 1, 0)


def test_a_fee_that_only_a_line_of_the_settlement_tells_is_its_transactions() -> None:
    record = Record()
    first, second = record.only(50_000), record.trade(50_000, 300)
    settle(record, 615, lines=(of(first, 50_000, 315), of(second, 50_000, 300)))
    sums = sums_of(record, tariff())
    assert set(sums) == {MARCH}
    assert (sums[MARCH].fees_minor, sums[MARCH].expected_minor, sums[MARCH].unknown) == (615, 600, 0)


def test_a_fee_line_that_comes_after_the_settlement_is_not_charged_twice() -> None:
    record = Record()
    first, second = record.only(50_000), record.only(50_000)
    settle(record, 600, lines=(of(first, 50_000, 300),))  # the other is only in its sum
    record.fee(300, first)
    record.fee(300, second)
    total = only_month(sums_of(record, tariff()))
    assert (total.fees_minor, total.expected_minor, total.settled) == (600, 600, 0)


@pytest.mark.requirement("4-12", "4-09")
def test_what_was_deducted_and_no_line_tells_is_a_charge_that_nobody_judges() -> None:
    record = Record()
    record.trade(50_000, 300)
    settle(record, 300, 9_900)
    sums = sums_of(record, tariff())
    own = sums[NO_PRODUCT]
    assert (own.fees, own.unknown, own.unknown_minor, own.settled_minor) == ({FeeType.OTHER: 9_900}, 1, 9_900, 9_900)
    total = document(report_of(sums, 3))["months"][0]["total"]  # type: ignore[index]
    assert (total["fees_minor"], total["settled"], total["settled_minor"]) == (10_200, 1, 9_900)


def test_a_deduction_over_the_months_end_is_the_line_that_told_it() -> None:
    record = Record()
    record.fee(3_600, type_="sim", on="2026-03-31 10:00")
    record.trade(50_000, 300, on="2026-04-01 12:00")
    settle(record, 300, 3_600 + 500, day="2026-04-01")
    sums = sums_of(record, tariff())
    assert sums[NO_PRODUCT].fees_minor == 3_600
    assert sums["2026-04", None, CNY].fees_minor == 500


def test_an_old_line_of_its_own_explains_no_deduction() -> None:
    record = Record()
    record.fee(3_600, type_="sim", on="2026-01-05 10:00")
    settle(record, 0, 3_600)
    assert sums_of(record, tariff())[NO_PRODUCT].fees_minor == 3_600


def test_a_settlement_that_says_less_takes_nothing_away() -> None:
    record = Record()
    record.trade(50_000, 300)
    settle(record, 0)  # invoiced
    assert only_month(sums_of(record, tariff())).fees_minor == 300


def test_a_fee_that_only_the_providers_file_tells_is_its_transactions() -> None:
    record = Record()
    record.only(50_000)
    told = StatementLine(
        line=2, kind="sale", on=date(2026, 3, 2), amount_minor=50_000, fee_minor=315, trace="000001", batch="000001"
    )
    page = StatementPage(
        provider="lakala-like", file="march.csv", file_sha256=bytes(32), page=1, pages=1, first=date(2026, 3, 2),
        last=date(2026, 3, 2), currency=CNY, lines=(told,),
    )  # fmt: skip
    total = only_month(sums_of(record, tariff(), page))
    assert (total.fees_minor, total.expected_minor, total.unknown) == (315, 300, 0)
    record.fee(315, "0192e5a0-0000-7000-8000-000000000001")
    assert only_month(sums_of(record, tariff(), page)).fees_minor == 315
