"""Fees of their own: D13 and those of D08; and what has no tariff, no sale or no fee line, which is never OK."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from agent.fees.contract.tariff import FeeBasis
from agent.fees.contract.terms import ListedFee, Per, SimTerms
from agent.fees.findings import Finding, Verdict
from protocol.money import CNY
from tests.agent.fees.shop import JANUARY, K, M, O, P, Shop, T, claims, only, over, said, signed

SIM = SimTerms(
    activated=JANUARY, free_days=90, period_days=365, amount_minor=3600, currency=CNY, source="contract"
)  # free until 31 March, which is the 90th day: the first fee is due on 1 April
NET = signed(3800, fee_basis=FeeBasis.BATCH_NET)


def listed(minor: int | None, name: str = "service", per: Per = Per.MONTH, **more: Any) -> ListedFee:
    return ListedFee(
        type=T.SERVICE, name=name, amount_minor=minor, per=per, currency=CNY, valid_from=JANUARY, source="list", **more
    )


def taken(shop: Shop, *lines: tuple[str, int], type_: T = T.SIM) -> list[Finding]:
    for day, minor in lines:
        shop.fee(minor, None, type_, on=f"{day} 09:00")
    return shop.findings("2027-12-31 12:00")


# -- D13 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D13")
@pytest.mark.parametrize(
    ("lines", "claimed"),
    [
        ([("2026-03-31", 3600)], [3600]),
        ([("2026-04-01", 3600)], []),
        ([("2026-04-01", 3601)], [1]),
        ([("2026-04-01", 3000)], []),
        ([("2026-04-01", 3600), ("2027-03-31", 3600)], [3600]),  # the second within 365 days
        ([("2026-04-01", 3600), ("2027-04-01", 3600)], []),
        ([("2026-02-01", 3600), ("2026-04-01", 3600)], [3600]),
        ([("2026-04-01", 3600), ("2026-04-02", -3600), ("2026-04-02", 3600)], []),
        ([("2026-02-01", 3600), ("2026-02-09", -3600)], []),
        ([("2026-04-01", 3600), ("2026-05-01", 3600), ("2026-05-09", -3600)], []),
        ([("2026-04-01", 5000), ("2026-04-02", -5000), ("2026-04-02", 3600)], []),
    ],
)
def test_the_sim_card(lines: list[tuple[str, int]], claimed: list[int]) -> None:
    assert said(taken(Shop(SIM), *lines)) == over(*[("D13", minor) for minor in claimed])


@pytest.mark.requirement("D13")
def test_the_sim_card_without_a_contract_is_unknown() -> None:
    assert said(taken(Shop(), ("2026-02-01", 3600))) == [("D13", "UNKNOWN", 0)]


@pytest.mark.requirement("D13", "D10")
def test_the_sim_card_taken_from_a_sale_is_the_cards() -> None:
    """Its line names the sale that it was taken from; the sale is judged without it, also where it failed."""
    shop = Shop(SIM, signed())
    shop.trade(50_000, 300, sim=3600, on="2026-04-02 12:00")
    shop.trade(50_000, 0, sim=3600, outcome=O.DECLINED, on="2026-04-03 12:00")
    assert said(shop.findings()) == over(("D13", 3600))


# -- D08, of their own -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D08", "3-01")
@pytest.mark.parametrize(
    ("fees", "lines", "claimed"),
    [
        ([], [("2026-03-01", 1)], [1]),
        ([listed(3000)], [("2026-03-01", 3000), ("2026-04-01", 3000)], []),
        ([listed(3000)], [("2026-03-01", 3000), ("2026-03-31", 3000)], [3000]),
        ([listed(3000)], [("2026-03-01", 3001)], [1]),
        ([listed(3000, per=Per.YEAR)], [("2026-03-01", 3000), ("2026-12-31", 3000), ("2027-01-01", 3000)], [3000]),
        ([listed(3000, per=Per.ONCE)], [("2026-03-01", 3000), ("2027-03-01", 3000)], [3000]),
        ([listed(3000, per=Per.TRANSACTION)], [("2026-03-01", 3000)], [3000]),
        ([listed(3000)], [("2026-03-01", 3000), ("2026-03-02", -3000), ("2026-03-02", 3000)], []),
        ([], [("2026-03-01", 990), ("2026-03-08", -990)], []),
    ],
)
def test_what_no_list_names(fees: list[ListedFee], lines: list[tuple[str, int]], claimed: list[int]) -> None:
    assert said(taken(Shop(*fees), *lines, type_=T.SERVICE)) == over(*[("D08", minor) for minor in claimed])


@pytest.mark.requirement("D08")
@pytest.mark.parametrize("order", [(3000, 6000), (6000, 3000)])
def test_each_listed_fee_is_its_own(order: tuple[int, int]) -> None:
    """Two of one type, a monthly and a yearly one: each may be taken in its time, whichever comes first."""
    shop = Shop(listed(3000, "monthly"), listed(6000, "yearly", Per.YEAR))
    lines = [("2026-03-01", order[0]), ("2026-03-02", order[1]), ("2026-04-01", 3000)]
    assert taken(shop, *lines, type_=T.SERVICE) == []
    assert claims(taken(shop, ("2026-04-02", 3000), type_=T.SERVICE)) == 3000


@pytest.mark.requirement("D08")
def test_a_list_that_names_only_a_rate_needs_the_contract() -> None:
    found = taken(Shop(listed(None, rate_ppm=100)), ("2026-03-01", 3000), type_=T.SERVICE)
    assert said(found) == [("D08", "NEEDS_EVIDENCE", 3000)]


# -- what cannot be judged ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("D01")
@pytest.mark.parametrize("charged", [0, 300, 30_000])
def test_without_a_tariff_it_is_unknown_never_ok(charged: int) -> None:
    shop = Shop(signed(5000, P.DEBIT))
    shop.trade(50_000, charged)
    one = only(shop.findings())
    assert (one.verdict, one.expected_minor, one.charged_minor) == (Verdict.UNKNOWN, None, charged)
    assert (one.claimed_minor, one.facts["count"]) == (0, "1")


@pytest.mark.requirement("D01")
def test_a_tariff_in_another_currency_is_none() -> None:
    shop = Shop(signed())
    shop.trade(50_000, 300, currency=840)
    assert [one.verdict for one in shop.findings()] == [Verdict.UNKNOWN]


@pytest.mark.requirement("D01")
def test_before_the_first_version_it_is_unknown() -> None:
    shop = Shop(signed())
    shop.trade(50_000, 315, on="2025-12-31 12:00")
    assert [one.verdict for one in shop.findings()] == [Verdict.UNKNOWN]


@pytest.mark.requirement("D01")
def test_without_a_fee_line_it_is_unknown_until_the_line_comes() -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000)
    shop.trade(50_000, 300, on="2026-03-03 12:00")
    one = only(shop.findings())
    assert (one.verdict, one.facts["why"]) == (Verdict.UNKNOWN, "no_fee_line")
    shop.fee(300, sale, on="2026-03-04 09:00")
    assert shop.findings() == []


@pytest.mark.requirement("D01")
def test_what_is_unknown_is_counted_once() -> None:
    shop = Shop()
    sale = shop.trade(50_000, 300)
    shop.day_passes()
    shop.fee(-20, sale, on="2026-03-09 09:00")
    one = only(shop.findings())
    assert (one.charged_minor, one.facts["count"]) == (280, "1")


@pytest.mark.requirement("D08")
def test_a_fee_of_a_sale_that_is_not_here_is_unknown_until_it_is() -> None:
    shop = Shop(signed())
    shop.fee(300, "a" * 32)
    assert said(shop.findings()) == [("D08", "UNKNOWN", 0)]
    shop.trade(50_000, reference="a" * 32)
    assert shop.findings() == []


# -- BATCH_NET ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(("lines", "off"), [((1,) * 5 + (0,) * 5, 0), ((1,) * 10, 5), ((1,) * 4 + (0,) * 6, -1)])
def test_one_test_of_a_batch_stands_for_all(lines: tuple[int, ...], off: int) -> None:
    """DOMAIN: 3800 ppm, ten times 132: 5 of the batch, not 10."""
    shop = Shop(NET)
    for n, minor in enumerate(lines):
        shop.trade(132, minor, on=f"2026-03-02 12:{n:02d}")
    verdict = "OVER" if off > 0 else "UNDER"
    assert said(shop.findings()) == ([("D01", verdict, abs(off))] if off else [])
    if off:
        one = only(shop.findings())
        assert (one.expected_minor, one.charged_minor, one.facts["basis"]) == (5, 5 + off, "batch_net")


@pytest.mark.requirement("D01", "D02", "D03", "D05", "D09", "D10")
def test_no_transaction_of_a_batch_is_judged_alone() -> None:
    """Doubled, declined, refunded, at another product's rate, and in the sum as agreed: 3800 ppm of 100000 is 380."""
    shop = Shop(NET, signed(6000, P.DEBIT))
    sale = shop.trade(50_000, 100, 100)
    shop.trade(100_000, 600, batch="0302")
    shop.trade(70_000, 30, outcome=O.DECLINED)
    shop.trade(50_000, -450, kind=K.REFUND, of=sale)
    assert shop.findings() == []


@pytest.mark.requirement("D01")
def test_batches_are_apart_and_corrections_count() -> None:
    shop = Shop(NET)
    first = shop.trade(100_000, 400, batch="A")
    shop.trade(100_000, 360, batch="B")
    assert said(shop.findings()) == [("D01", "OVER", 20), ("D01", "UNDER", 20)]
    shop.day_passes()
    shop.fee(-20, first, on="2026-03-09 09:00")
    assert said(shop.findings()) == [("D01", "UNDER", 20)]


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(("credited", "expected"), [(True, [("D01", "OVER", 379)]), (None, [("D01", "UNKNOWN", 0)])])
def test_a_negative_batch(credited: bool | None, expected: list[tuple[str, str, int]]) -> None:
    """A sale of the day before is refunded: -380 is due where the contract credits it, and -1 came."""
    shop = Shop(signed(3800, fee_basis=FeeBasis.BATCH_NET, net_credited=credited))
    sale = shop.trade(100_000, 380)
    shop.trade(100_000, -1, kind=K.REFUND, of=sale, on="2026-03-03 12:00")
    assert said(shop.findings()) == expected


@pytest.mark.requirement("D01")
def test_a_batch_whose_fee_is_told_elsewhere_is_unknown() -> None:
    shop = Shop(NET)
    shop.trade(100_000, 0)
    assert said(shop.findings()) == [("D01", "UNKNOWN", 0)]
    assert claims(shop.findings()) == 0


@pytest.mark.requirement("D14")
def test_t0_of_a_batch_is_judged_all_the_same() -> None:
    shop = Shop(NET)
    shop.trade(100_000, 380, t0=200, mode=M.T1)
    assert said(shop.findings()) == over(("D14", 200))


def test_the_dates_of_the_free_period() -> None:
    assert (date(2026, 4, 1) - JANUARY).days == SIM.free_days
