"""D09: what comes back of a sale's fee when the sale is refunded, and what a refund costs."""

from __future__ import annotations

from typing import Any

import pytest

from agent.fees.contract.tariff import FeeReturn, RefundBase, RefundFee
from agent.fees.contract.terms import SettlementTerms
from agent.fees.findings import SettledBy
from tests.agent.fees.shop import JANUARY, K, M, O, P, Shop, claims, only, over, said, signed

AT_ONCE = SettlementTerms(valid_from=JANUARY, mode=M.T0, t0_agreed=True, source="contract")


def refunded(shop: Shop, parts: list[tuple[int, int]], amount: int = 100_000, mdr: int = 600) -> None:
    """parts: what is refunded, what MDR comes back (negative)."""
    sale = shop.trade(amount, mdr)
    for n, (minor, back) in enumerate(parts):
        shop.trade(minor, back, kind=K.REFUND, of=sale, on=f"2026-03-{3 + n:02d} 12:00")


@pytest.mark.requirement("D09")
@pytest.mark.parametrize(
    ("policy", "back", "claimed"),
    [
        (FeeReturn.PRO_RATA, (-200, -200, -200), 0),
        (FeeReturn.PRO_RATA, (-200, -199, -200), 1),
        (FeeReturn.PRO_RATA, (0, 0, 0), 600),
        (FeeReturn.PRO_RATA, (-600, 0, 0), 0),
        (FeeReturn.KEEP, (0, 0, 0), 0),
    ],
)
def test_what_comes_back_of_the_fee(policy: FeeReturn, back: tuple[int, ...], claimed: int) -> None:
    """DOMAIN: fee 600 on 100000, refunds 33333/33333/33334 → 200/200/200."""
    shop = Shop(signed(fee_return=policy))
    refunded(shop, list(zip((33_333, 33_333, 33_334), back, strict=True)))
    found = shop.findings()
    assert claims(found) == claimed
    assert {one.rule for one in found} == ({"D09"} if claimed else set())


@pytest.mark.requirement("D09")
def test_the_target_is_cumulative() -> None:
    """DOMAIN: fee 74 on 12345, 3×4115 → 25/24/25."""
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    refunded(shop, [(4115, -25), (4115, -24), (4115, -24)], 12_345, 74)
    assert said(shop.findings()) == over(("D09", 1))


@pytest.mark.requirement("D09")
@pytest.mark.parametrize(("policy", "due"), [(FeeReturn.PRO_RATA, 1000), (FeeReturn.RECOMPUTE, 0)])
def test_of_a_capped_sale(policy: FeeReturn, due: int) -> None:
    """DOMAIN: capped debit ¥10,000 (fee 2000), half refunded → PRO_RATA 1000, RECOMPUTE 0."""
    shop = Shop(signed(5000, P.DEBIT, cap_minor=2000, fee_return=policy))
    sale = shop.trade(1_000_000, 2000, product=P.DEBIT)
    shop.trade(500_000, 0, kind=K.REFUND, of=sale, product=P.DEBIT)
    assert claims(shop.findings()) == due


@pytest.mark.requirement("D09")
def test_t0_does_not_come_back() -> None:
    """DOMAIN: a T+0 sale of 600+300, half refunded → 300, not 450."""
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA, t0_fixed_minor=300), AT_ONCE)
    sale = shop.trade(100_000, 600, t0=300, mode=M.T0)
    shop.trade(50_000, 0, kind=K.REFUND, of=sale)
    assert claims(shop.findings()) == 300


@pytest.mark.requirement("D09")
def test_an_unknown_policy_is_unknown() -> None:
    shop = Shop(signed(fee_return=None))
    refunded(shop, [(50_000, 0)])
    one = only(shop.findings())
    assert said([one]) == [("D09", "UNKNOWN", 0)]
    assert one.settled_by is SettledBy.CONTRACT


@pytest.mark.requirement("D09")
@pytest.mark.parametrize("contract", [[], [signed(fee_return=FeeReturn.PRO_RATA)]])
def test_a_refund_of_which_the_sale_or_the_tariff_is_missing_is_unknown(contract: list[Any]) -> None:
    shop = Shop(*contract)
    sale = None if contract else shop.trade(100_000, 600)
    shop.trade(50_000, 0, kind=K.REFUND, of=sale or "f" * 32)
    assert ("D09", "UNKNOWN", 0) in said(shop.findings())
    assert claims(shop.findings()) == 0


@pytest.mark.requirement("D09", "2-08")
@pytest.mark.parametrize(
    ("terms", "charged", "claimed"),
    [
        (None, 1, 1),
        (RefundFee(fixed_minor=100), 100, 0),
        (RefundFee(fixed_minor=100), 150, 50),
        (RefundFee(ppm=1000, base=RefundBase.SALE), 100, 0),
        (RefundFee(ppm=1000), 100, 50),
        (RefundFee(fixed_minor=100, free_days=7), 100, 100),
    ],
)
def test_the_refunds_own_fee(terms: RefundFee | None, charged: int, claimed: int) -> None:
    """Of 50000 of a sale of 100000, on the seventh day after it."""
    shop = Shop(signed(refund_fee=terms))
    sale = shop.trade(100_000, 600)
    shop.trade(50_000, 0, kind=K.REFUND, of=sale, refund_fee=charged, on="2026-03-09 10:00")
    assert said(shop.findings()) == (over(("D09", claimed)) if claimed else [])


@pytest.mark.requirement("D09")
@pytest.mark.parametrize("on", ["2026-03-02 15:00", "2026-03-03 15:00"])
def test_nothing_comes_back_of_a_refund_that_was_reversed(on: str) -> None:
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    sale = shop.trade(100_000, 600)
    refund = shop.trade(50_000, 0, kind=K.REFUND, of=sale)
    shop.trade(50_000, 0, kind=K.REVERSAL, of=refund, on=on)
    assert shop.findings() == []


@pytest.mark.requirement("D09")
def test_a_declined_refund_owes_nothing() -> None:
    shop = Shop(signed(fee_return=FeeReturn.PRO_RATA))
    sale = shop.trade(100_000, 600)
    shop.trade(50_000, 0, kind=K.REFUND, of=sale, outcome=O.DECLINED)
    assert shop.findings() == []
