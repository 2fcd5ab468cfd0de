"""Fee lines that come after the batch was settled: judged again, the transaction whole; a claim is removed or made."""

from __future__ import annotations

import pytest

from agent.fees.contract.tariff import FeeReturn
from agent.fees.findings import Rule
from tests.agent.fees.shop import NO_OTHER, K, M, O, P, Shop, claims, over, said, signed

LATER = "2026-03-09 10:00"
DEBIT = signed(5000, P.DEBIT, cap_minor=2000)


@pytest.mark.requirement("D05", "4-01")
@pytest.mark.parametrize("settled", [False, True])
def test_a_late_correction_removes_the_claim(settled: bool) -> None:
    shop = Shop(DEBIT)
    sale = shop.trade(200_000, 1000, 1000, product=P.DEBIT)
    if settled:
        shop.settle("0302", 200_000, fees=2000, on="2026-03-02 23:00")
    shop.trade(50_000, 250, product=P.DEBIT, on="2026-03-03 12:00")
    assert said(shop.findings()) == over(("D05", 1000))
    shop.fee(-1000, sale, on=LATER)
    assert shop.findings() == []


@pytest.mark.requirement("D05")
def test_a_late_second_line_is_a_double() -> None:
    shop = Shop(DEBIT)
    sale = shop.trade(200_000, 1000, product=P.DEBIT)
    shop.day_passes()
    shop.fee(1000, sale, on=LATER)
    assert said(shop.findings()) == over(("D05", 1000))
    shop.fee(-1000, sale, on="2026-03-16 10:00")
    assert shop.findings() == []


@pytest.mark.requirement("D01")
def test_a_late_correction_leaves_the_run() -> None:
    """Of four at 6300 one is put right; of three none may be: two are no run."""
    shop = Shop(signed(), NO_OTHER)
    sales = [shop.trade(50_000, 315) for _ in range(4)]
    assert said(shop.findings()) == over(("D01", 60))
    shop.day_passes()
    shop.fee(-15, sales[1], on=LATER)
    assert said(shop.findings()) == over(("D01", 45))
    shop.fee(-15, sales[0], on=LATER)
    assert said(shop.findings()) == over(("D08", 15), ("D08", 15))


@pytest.mark.requirement("D01")
def test_a_line_that_was_put_right_says_nothing_of_a_rate() -> None:
    """It alone told the three roundings beside it from honest ones."""
    shop = Shop(signed(), NO_OTHER)
    raised = shop.trade(50_000, 302)  # 6020 to 6060 ppm
    for _ in range(3):
        shop.trade(10_050, 61)  # 5970 to 6170
    assert said(shop.findings()) == over(("D01", 5))
    shop.day_passes()
    shop.fee(-2, raised, on=LATER)
    assert said(shop.findings()) == [("D15", "NEEDS_EVIDENCE", 3)]


@pytest.mark.requirement("D02", "D01")
def test_a_late_line_makes_it_another_finding_and_not_one_more() -> None:
    shop = Shop(signed(cap_minor=2000), NO_OTHER)
    sales = [shop.trade(50_000, 315) for _ in range(3)]
    shop.day_passes()
    shop.fee(-315, sales[0], on=LATER)
    shop.fee(3000, sales[0], on=LATER)
    assert claims(shop.findings()) == 30 + 2700


@pytest.mark.requirement("D08")
def test_a_late_line_of_one_type_leaves_the_others() -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300, service=990)
    shop.day_passes()
    shop.fee(-300, sale, on=LATER)
    shop.fee(300, sale, on=LATER)
    assert said(shop.findings()) == over(("D08", 990))


@pytest.mark.requirement("D10")
@pytest.mark.parametrize("fate", ["declined", "void", "void in another batch"])
def test_late_lines_of_what_failed(fate: str) -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300, outcome=O.DECLINED if fate == "declined" else O.APPROVED)
    if fate != "declined":
        on = "2026-03-02 13:00" if fate == "void" else "2026-03-04 12:00"
        shop.trade(50_000, 0, kind=K.VOID, of=sale, on=on)
    assert said(shop.findings()) == over(("D10", 300))
    shop.day_passes()
    shop.fee(-300, sale, on=LATER)
    assert shop.findings() == []
    shop.fee(120, sale, on="2026-03-16 10:00")
    assert said(shop.findings()) == over(("D10", 120))


@pytest.mark.requirement("D10")
def test_what_comes_back_on_the_voids_own_line_later() -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300)
    void = shop.trade(50_000, kind=K.VOID, of=sale, on="2026-03-02 13:00")
    shop.day_passes()
    shop.fee(-300, void, on=LATER)
    assert shop.findings() == []


@pytest.mark.requirement("D09")
def test_a_fee_that_comes_back_late_is_back() -> None:
    """Refunds of 33333/33333/33334 with 200 due each; the first comes a week later, after the second."""
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    sale = shop.trade(100_000, 600)
    first = shop.trade(33_333, 0, kind=K.REFUND, of=sale, on="2026-03-03 12:00")
    shop.trade(33_333, -200, kind=K.REFUND, of=sale, on="2026-03-04 12:00")
    assert said(shop.findings()) == over(("D09", 200))
    shop.day_passes()
    shop.fee(-200, first, on=LATER)
    assert shop.findings() == []
    shop.trade(33_334, -199, kind=K.REFUND, of=sale, on="2026-03-20 12:00")
    assert said(shop.findings()) == over(("D09", 1))


@pytest.mark.requirement("D14")
def test_a_late_correction_keeps_how_the_sale_was_settled() -> None:
    """T+0 without any terms of it is unknown, and stays so."""
    shop = Shop(signed(t0_fixed_minor=300))
    sale = shop.trade(100_000, 610, t0=300, mode=M.T0)
    shop.day_passes()
    shop.fee(-10, sale, on=LATER)
    assert said(shop.findings()) == [("D14", "UNKNOWN", 0)]


@pytest.mark.requirement("D22", "4-12")
def test_the_month_counts_what_came_late() -> None:
    """Forty at 6300 are 600 of 12000 too much, 5%; put right, the month is as expected."""
    shop = Shop(signed(), NO_OTHER)
    sales = [shop.trade(50_000, 315) for _ in range(40)]
    alerts = [one for one in shop.all_findings() if one.rule is Rule.D22]
    assert [(one.expected_minor, one.charged_minor) for one in alerts] == [(12_000, 12_600)]
    shop.day_passes()
    for sale in sales:
        shop.fee(-15, sale, on=LATER)
    assert [one for one in shop.all_findings() if one.rule is Rule.D22] == []
    for sale in sales[:30]:
        shop.fee(100, sale, on=LATER)
    alerts = [one for one in shop.all_findings() if one.rule is Rule.D22]
    assert [(one.expected_minor, one.charged_minor) for one in alerts] == [(12_000, 15_000)]
