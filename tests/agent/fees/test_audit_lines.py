"""What one transaction was charged: D02, D03, D05, D10, D14 and the lines of D08, from entries to findings."""

from __future__ import annotations

from typing import Any

import pytest

from agent.fees.contract.tariff import Basis, CapScope
from agent.fees.contract.terms import ListedFee, Per, SettlementTerms
from agent.fees.findings import SettledBy
from protocol.money import CNY
from tests.agent.fees.shop import JANUARY, NO_OTHER, K, M, O, P, Shop, T, claims, only, over, said, signed

DEBIT = signed(5000, P.DEBIT, cap_minor=2000)


def listed(minor: int, type_: T = T.SERVICE, per: Per = Per.TRANSACTION) -> ListedFee:
    return ListedFee(
        type=type_, name="on the list", amount_minor=minor, per=per, currency=CNY, valid_from=JANUARY, source="list"
    )


def settlement(mode: M, agreed: bool) -> SettlementTerms:
    return SettlementTerms(valid_from=JANUARY, mode=mode, t0_agreed=agreed, source="contract")


# -- D02 and D03 -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D02")
@pytest.mark.parametrize(
    ("terms", "amount", "charged", "expected"),
    [
        ({"cap_minor": 2000}, 500_000, 3000, 2000),  # 6000 ppm of 5,000 yuan without the cap
        ({"cap_minor": 2000}, 500_000, 2001, 2000),
        ({"cap_minor": 2000}, 500_000, 2000, None),
        ({"cap_minor": 2000, "per_item_minor": 50}, 500_000, 2050, None),
        ({"cap_minor": 2000, "per_item_minor": 50}, 500_000, 2051, 2050),
        ({"cap_minor": 2000, "per_item_minor": 50, "cap_scope": CapScope.TOTAL}, 500_000, 2000, None),
        ({"cap_minor": 2000, "per_item_minor": 50, "cap_scope": CapScope.TOTAL}, 500_000, 2050, 2000),
    ],
)
def test_above_the_cap(terms: dict[str, Any], amount: int, charged: int, expected: int | None) -> None:
    shop = Shop(signed(6000, **terms))
    shop.trade(amount, charged)
    found = shop.findings()
    if expected is None:
        assert found == []
        return
    one = only(found)
    assert said(found) == over(("D02", charged - expected))
    assert (one.expected_minor, one.charged_minor, one.version) == (expected, charged, "credit-v1")
    assert one.entries == (1, 2)


@pytest.mark.requirement("D02")
def test_t0_is_no_part_of_the_capped_line() -> None:
    shop = Shop(signed(6000, cap_minor=2000, t0_fixed_minor=300), settlement(M.T0, agreed=True))
    shop.trade(500_000, 2000, t0=300, mode=M.T0)
    assert shop.findings() == []
    shop.trade(500_000, 2300, t0=300, mode=M.T0)
    assert said(shop.findings()) == over(("D02", 300))


@pytest.mark.requirement("D02")
def test_a_cap_that_nobody_signed_for_this_product_is_never_ok() -> None:
    shop = Shop(signed(6000, cap_minor=2000, cap_unclear=True))
    shop.trade(300_000, 1800)
    assert shop.findings() == []
    shop.trade(500_000, 3000)
    one = only(shop.findings())
    assert said([one]) == [("D02", "NEEDS_EVIDENCE", 1000)]
    assert one.settled_by is SettledBy.SIGNED_CAP
    assert one.claimed_minor == 0


@pytest.mark.requirement("D02")
def test_the_signed_cap_of_a_band_is_certain() -> None:
    shop = Shop(signed(band_low_ppm=5500, band_high_ppm=6000, cap_minor=2000))
    shop.trade(500_000, 2600)
    assert said(shop.findings()) == over(("D02", 600))


@pytest.mark.requirement("D03")
def test_another_class() -> None:
    """DOMAIN: debit ¥10,000 with its cap: 6000 vs 2000, OVER 4000."""
    shop = Shop(signed(6000), DEBIT)
    shop.trade(1_000_000, 6000, product=P.DEBIT)
    one = only(shop.findings())
    assert said([one]) == over(("D03", 4000))
    assert (one.expected_minor, one.charged_minor) == (2000, 6000)
    assert one.facts["charged_as"] == "credit"


@pytest.mark.requirement("D03")
def test_another_class_below_the_cap_and_in_the_merchants_favour() -> None:
    shop = Shop(signed(6000), DEBIT)
    shop.trade(100_000, 600, product=P.DEBIT)
    assert said(shop.findings()) == over(("D03", 100))
    cheap = Shop(signed(6000), DEBIT)
    cheap.trade(100_000, 500)
    assert claims(cheap.findings()) == 0
    assert {one.verdict for one in cheap.findings()} == {"UNDER"}


@pytest.mark.requirement("D02", "D03")
def test_what_rests_on_an_advertisement_needs_the_contract() -> None:
    shop = Shop(signed(6000, basis=Basis.ADVERTISED), signed(5000, P.DEBIT, cap_minor=2000, basis=Basis.ADVERTISED))
    shop.trade(1_000_000, 6000, product=P.DEBIT)
    assert said(shop.findings()) == [("D03", "NEEDS_EVIDENCE", 4000)]


# -- D05 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D05", "4-06")
def test_a_fee_twice() -> None:
    """王女士: debit ¥2,000 at 0.5% = 1000; the fee line stands twice: 1000."""
    shop = Shop(DEBIT)
    shop.trade(200_000, 1000, 1000, product=P.DEBIT)
    one = only(shop.findings())
    assert said([one]) == over(("D05", 1000))
    assert one.entries == (1, 2, 3)


@pytest.mark.requirement("D05")
@pytest.mark.parametrize(
    ("lines", "claimed"),
    [
        ((1000, -1000, 1000), 0),
        ((1000, 1000, -1000), 0),
        ((1200, -1200, 1000), 0),
        ((1000, 1000, 1000), 2000),
        ((1000, -1000, 1000, 1000), 1000),
        ((700, 300), 0),  # put right by the difference: net of all lines it is what it should be
        ((900, 300), 200),
        ((1000, 1000, -400), 600),  # a part has come back: no more is claimed than is still missing
    ],
)
def test_corrections_are_netted(lines: tuple[int, ...], claimed: int) -> None:
    shop = Shop(DEBIT)
    shop.trade(200_000, *lines, product=P.DEBIT)
    found = shop.findings()
    assert claims(found) == claimed == max(0, sum(lines) - 1000)
    assert said(found) == (over(("D05", claimed)) if claimed else [])


@pytest.mark.requirement("D05")
def test_lines_of_different_types_are_no_double() -> None:
    shop = Shop(signed(5000, P.DEBIT, t0_fixed_minor=1000), settlement(M.T0, agreed=True))
    shop.trade(200_000, 1000, t0=1000, product=P.DEBIT, mode=M.T0)
    assert shop.findings() == []


@pytest.mark.requirement("D05")
def test_twice_at_the_wrong_rate_is_two_claims_of_one_sum() -> None:
    shop = Shop(signed(6000), NO_OTHER)
    for minute in range(3):
        shop.trade(50_000, 315, 315, on=f"2026-03-02 12:0{minute}")
    assert said(shop.findings()) == over(*[("D05", 315)] * 3, ("D01", 45))
    assert claims(shop.findings()) == 3 * (630 - 300)


# -- D08, of a transaction ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("D08")
@pytest.mark.parametrize(("minor", "claimed"), [(100, 0), (101, 1), (990, 890)])
def test_an_amount_beyond_the_list(minor: int, claimed: int) -> None:
    shop = Shop(signed(), listed(100))
    shop.trade(50_000, 300, service=minor)
    assert said(shop.findings()) == (over(("D08", claimed)) if claimed else [])


@pytest.mark.requirement("D08")
@pytest.mark.parametrize("type_", [T.SERVICE, T.OTHER, T.DEPOSIT_DEDUCTION, T.REFUND_FEE])
def test_a_type_that_nothing_names(type_: T) -> None:
    shop = Shop(signed())
    shop.fee(250, shop.trade(50_000, 300), type_)
    assert said(shop.findings()) == over(("D08", 250))


@pytest.mark.requirement("D08")
def test_a_fee_of_an_authorisation_that_took_no_money() -> None:
    shop = Shop(signed())
    shop.trade(50_000, 300, kind=K.PRE_AUTH)
    assert said(shop.findings()) == over(("D08", 300))


@pytest.mark.requirement("D08")
def test_a_fee_on_nothing() -> None:
    """Amount 0: the fee is 0 (DOMAIN §3, Sum)."""
    shop = Shop(signed())
    shop.trade(0, 5)
    assert claims(shop.findings()) == 5


# -- D10 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D10")
@pytest.mark.parametrize(
    ("lines", "claimed"), [((0,), 0), ((300,), 300), ((300, -300), 0), ((300, 300), 600), ((300, -100), 200)]
)
def test_a_declined_sale_costs_nothing(lines: tuple[int, ...], claimed: int) -> None:
    shop = Shop(signed())
    shop.trade(50_000, *lines, outcome=O.DECLINED)
    assert said(shop.findings()) == (over(("D10", claimed)) if claimed else [])


@pytest.mark.requirement("D10")
@pytest.mark.parametrize("kind", [K.VOID, K.REVERSAL])
@pytest.mark.parametrize(("back", "claimed"), [(-300, 0), (0, 300), (-100, 200)])
@pytest.mark.parametrize("when", ["same batch", "later batch of the day", "next day"])
def test_a_sale_that_was_taken_back_costs_nothing(kind: K, back: int, claimed: int, when: str) -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300, batch="A")
    on = "2026-03-03 12:00" if when == "next day" else "2026-03-02 13:00"
    shop.trade(50_000, back, kind=kind, of=sale, on=on, batch="A" if when == "same batch" else "B")
    assert said(shop.findings()) == (over(("D10", claimed)) if claimed else [])


@pytest.mark.requirement("D10")
def test_a_void_after_settlement_takes_the_claims_of_its_sale() -> None:
    """The sale's own findings are gone, and its fees are claimed once, whole."""
    shop = Shop(signed(), NO_OTHER)
    sales = [shop.trade(50_000, 315, 315, service=990, on=f"2026-03-02 12:0{n}", batch="A") for n in range(3)]
    shop.settle("A", 150_000, fees=4860, on="2026-03-02 23:00")
    assert claims(shop.findings()) == 3 * (630 + 990 - 300)
    shop.trade(50_000, 0, kind=K.VOID, of=sales[0], on="2026-03-03 12:00")
    found = shop.findings()
    assert claims(found) == 2 * (630 + 990 - 300) + 630 + 990
    assert ("D10", "OVER", 1620) in said(found)


@pytest.mark.requirement("D10")
def test_a_declined_void_takes_nothing_back() -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300)
    shop.trade(50_000, 0, kind=K.VOID, of=sale, outcome=O.DECLINED)
    assert shop.findings() == []


@pytest.mark.requirement("D10")
def test_a_void_that_was_reversed_leaves_the_sale() -> None:
    shop = Shop(signed())
    sale = shop.trade(50_000, 300)
    void = shop.trade(50_000, -300, kind=K.VOID, of=sale)
    shop.trade(50_000, 300, kind=K.REVERSAL, of=void)
    assert shop.findings() == []


# -- D14 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D14")
@pytest.mark.parametrize(
    ("terms", "mode", "minor", "expected"),
    [
        (settlement(M.T0, agreed=True), M.T0, 300, []),
        (settlement(M.T0, agreed=True), M.T0, 301, over(("D14", 1))),
        (settlement(M.T0, agreed=False), M.T0, 300, over(("D14", 300))),
        (settlement(M.T1, agreed=False), M.T1, 300, over(("D14", 300))),
        (settlement(M.T0, agreed=True), M.T1, 300, over(("D14", 300))),
        (None, M.T1, 300, over(("D14", 300))),
        (None, M.T0, 300, [("D14", "UNKNOWN", 0)]),
    ],
)
def test_t0(terms: SettlementTerms | None, mode: M, minor: int, expected: list[tuple[str, str, int]]) -> None:
    shop = Shop(signed(t0_fixed_minor=300), *([terms] if terms else []))
    shop.trade(100_000, 600, t0=minor, mode=mode)
    assert said(shop.findings()) == expected
