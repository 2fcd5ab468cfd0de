"""D01 and D15: what many sales of one tariff show together. Rates in ppm; every expectation is reckoned here with fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fees.contract.tariff import Basis, FeeReturn, Rounding, Tier, TierMode
from agent.fees.findings import Confidence, Finding, SettledBy
from protocol.money import CNY
from tests.agent.fees.contracts import tariff
from tests.agent.fees.shop import JANUARY, NO_OTHER, P, Shop, claims, only, over, said, signed


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def of(amount: int, ppm: int) -> int:
    return half_up(Fraction(amount * ppm, 1_000_000))


def sold(shop: Shop, *sales: tuple[int, int], month: int = 3, product: P = P.CREDIT) -> list[Finding]:
    """(amount, MDR) of each, a minute apart from the first of the month."""
    for n, (amount, mdr) in enumerate(sales):
        shop.trade(
            amount, mdr, on=f"2026-{month:02d}-{1 + n // 600:02d} {10 + n // 60 % 10:02d}:{n % 60:02d}", product=product
        )
    return shop.findings("2026-12-31 12:00")


def raised(count: int, ppm: int = 6300, amount: int = 50_000) -> list[tuple[int, int]]:
    return [(amount, of(amount, ppm))] * count


# -- D01 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D01", "4-06")
def test_forty_sales_at_6300() -> None:
    """张先生: 40 sales of ¥500.00 at 6300: 315 vs 300 each; 600."""
    one = only(sold(Shop(signed(), NO_OTHER), *raised(40)))
    assert said([one]) == over(("D01", 600))
    assert (one.expected_minor, one.charged_minor, one.version) == (12_000, 12_600, "credit-v1")
    assert (one.settled_by, one.confidence, len(one.entries)) == (SettledBy.NOTHING, Confidence.CERTAIN, 80)
    assert int(one.facts["least_ppm"]) <= 6300 <= int(one.facts["most_ppm"])
    assert one.facts["agreed_ppm"] == "6000"


@pytest.mark.requirement("D01")
def test_the_merchants_own_word_makes_it_certain() -> None:
    one = only(sold(Shop(signed()), *raised(40)))
    assert said([one]) == [("D01", "NEEDS_EVIDENCE", 600)]
    assert (one.settled_by, one.claimed_minor) == (SettledBy.CONSENT_RECORD, 0)


@pytest.mark.requirement("D01")
def test_an_advertisement_is_no_contract() -> None:
    one = only(sold(Shop(signed(basis=Basis.ADVERTISED), NO_OTHER), *raised(3)))
    assert said([one]) == [("D01", "NEEDS_EVIDENCE", 45)]


@pytest.mark.requirement("D01")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_three_are_a_run(count: int) -> None:
    found = sold(Shop(signed(), NO_OTHER), *raised(count))
    assert {one.rule.value for one in found} == {"D01" if count == 3 else "D08"}
    assert claims(found) == 15 * count


@pytest.mark.requirement("D01")
def test_fees_that_no_one_rate_gives_are_no_run() -> None:
    """50000 at 6300, 6600 and 6900: each allows 20 ppm either way."""
    found = sold(Shop(signed(), NO_OTHER), *[(50_000, of(50_000, ppm)) for ppm in (6300, 6600, 6900)])
    assert said(found) == over(("D08", 15), ("D08", 30), ("D08", 45))


@pytest.mark.requirement("D01")
def test_two_raises_in_one_month() -> None:
    found = sold(Shop(signed(), NO_OTHER), *raised(5), *raised(4, 6600), *raised(5))
    assert said(found) == over(("D01", 10 * 15), ("D01", 4 * 30))


@pytest.mark.requirement("D01")
def test_small_sales_of_the_run_are_claimed_with_it() -> None:
    """At 6300 a sale of 8,000 costs 50 for 48; one of 250 costs 2 either way."""
    found = sold(Shop(signed(), NO_OTHER), *raised(3), (8000, 50), (250, 2))
    assert said(found) == over(("D01", 47))


@pytest.mark.requirement("D01")
def test_the_lower_end_decides() -> None:
    """One more than 600 on 100000 is no higher rate than 6000: the interval is (6000, 6020), and its lower end counts; one
    more on 99,999 reaches below."""
    assert {one.rule.value for one in sold(Shop(signed(), NO_OTHER), *[(100_000, 601)] * 3)} == {"D01"}
    below = sold(Shop(signed(), NO_OTHER), *[(99_950, 601)] * 3)  # 599.7 is 600; (601 - 1) / 99950 is 6003 ppm
    assert {one.rule.value for one in below} == {"D01"}
    honest = sold(Shop(signed(), NO_OTHER), *[(100_050, 601)] * 3)  # 600.3 rounded up; 600 / 100050 is 5997 ppm
    assert said(honest) == [("D15", "NEEDS_EVIDENCE", 3)]


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(
    ("terms", "sale"),
    [
        ({"cap_minor": 2000}, (330_000, 2000)),  # 1980 was right; at the cap no rate can be read
        ({"minimum_minor": 10}, (1000, 10)),
    ],
)
def test_fees_at_the_cap_or_the_minimum_say_nothing(terms: dict[str, Any], sale: tuple[int, int]) -> None:
    """Three of them are no run, and none with two that are."""
    found = sold(Shop(signed(**terms), NO_OTHER), *[sale] * 3, *raised(2))
    assert "D01" not in {one.rule.value for one in found}
    at_the_cap = max(0, sale[1] - of(sale[0], 6000)) if "cap_minor" in terms else 0
    assert claims(found) == 3 * at_the_cap + 30


@pytest.mark.requirement("D01")
def test_fees_at_the_cap_found_no_run_of_honest_roundings() -> None:
    """1980 charged as the cap's 2000, then three of 10050 rounded up: 61 for 60.3."""
    found = sold(Shop(signed(cap_minor=2000), NO_OTHER), (330_000, 2000), *[(10_050, 61)] * 3)
    assert said(found) == [("D08", "OVER", 20), ("D15", "NEEDS_EVIDENCE", 3)]


@pytest.mark.requirement("D01")
def test_fees_at_the_cap_are_claimed_with_a_run() -> None:
    """At 6300 a sale of 330000 costs 2079, capped 2000, for 1980."""
    assert said(sold(Shop(signed(cap_minor=2000), NO_OTHER), (330_000, 2000), *raised(3))) == over(("D01", 65))


@pytest.mark.requirement("D01")
def test_the_fee_per_item_is_no_rate() -> None:
    shop = Shop(signed(per_item_minor=50), NO_OTHER)
    assert sold(shop, *[(50_000, 350)] * 3) == []
    assert said(sold(Shop(signed(per_item_minor=50), NO_OTHER), *[(50_000, 365)] * 3)) == over(("D01", 45))


@pytest.mark.requirement("D01")
@pytest.mark.parametrize(("ppm", "claimed"), [(5400, 0), (5500, 0), (5700, 0), (6000, 0), (6100, 15)])
def test_a_band_is_held_against_its_upper_end(ppm: int, claimed: int) -> None:
    """DOMAIN: 电签版 and 智能POS: flag only above 6000."""
    found = sold(Shop(signed(band_low_ppm=5500, band_high_ppm=6000), NO_OTHER), *raised(3, ppm))
    assert said(found) == (over(("D01", claimed)) if claimed else [("D01", "UNDER", 15)] if ppm < 5500 else [])


@pytest.mark.requirement("D01", "D15")
def test_roundings_at_the_upper_end_of_a_band_are_no_raise() -> None:
    found = sold(Shop(signed(band_low_ppm=5500, band_high_ppm=6000), NO_OTHER), *[(10_050, 61)] * 3)
    assert said(found) == [("D15", "NEEDS_EVIDENCE", 3)]


@pytest.mark.requirement("D01")
@pytest.mark.parametrize("mode", list(TierMode))
def test_a_raise_of_tiers(mode: TierMode) -> None:
    """3800 to ¥1,000 inclusive, then 6000 (DOMAIN: 100000 → 380 / 380, 150000 → 680 / 900); raised by 300 everywhere."""
    tiers = (Tier(3800, 100_000), Tier(6000))
    right = {TierMode.MARGINAL: (380, 680), TierMode.SLAB: (380, 900)}[mode]
    shop = Shop(signed(tiers=tiers, tier_mode=mode), NO_OTHER)
    assert sold(shop, (100_000, right[0]), (150_000, right[1])) == []
    more = of(100_000, 300), of(150_000, 300)
    found = sold(shop, *[(100_000, right[0] + more[0]), (150_000, right[1] + more[1])] * 2, month=4)
    assert said(found) == over(("D01", 2 * sum(more)))


@pytest.mark.requirement("D01")
def test_another_version_is_another_run() -> None:
    later = tariff("credit-v2", effective_from=JANUARY.replace(month=4), rate_ppm=5500, rounding=Rounding.HALF_UP)
    shop = Shop(signed(fee_return=FeeReturn.KEEP), later, NO_OTHER)
    sold(shop, *raised(2, 6600))
    found = sold(shop, *raised(2, 6600), month=4)
    assert {one.rule.value for one in found} == {"D08"}
    assert claims(found) == 2 * 30 + 2 * 55


@pytest.mark.requirement("D01", "D15")
@settings(max_examples=60, deadline=None)
@given(
    amounts=st.lists(st.integers(1, 2_000_000), min_size=3, max_size=60),
    ppm=st.sampled_from([3800, 5000, 5500, 6000, 6333, 30_000]),
    how=st.sampled_from([ceil, floor, half_up]),
    signed_as=st.sampled_from([*Rounding]),
)
def test_honest_roundings_of_all_kinds_raise_nothing(
    amounts: list[int], ppm: int, how: Any, signed_as: Rounding
) -> None:
    """Whatever the contract says of rounding: no D01, and no OVER but the habit of rounding itself (D15)."""
    fees = [(amount, how(Fraction(amount * ppm, 1_000_000))) for amount in amounts]
    found = sold(Shop(signed(ppm, rounding=signed_as), NO_OTHER), *fees)
    assert {one.rule.value for one in found} <= {"D15"}
    assert all(one.claimed_minor == 0 or int(one.claimed_minor) >= 20 for one in found)


@pytest.mark.requirement("D01")
@settings(max_examples=60, deadline=None)
@given(amounts=st.lists(st.integers(40_000, 2_000_000), min_size=3, max_size=30), more=st.integers(60, 4000))
def test_a_raise_is_claimed_to_the_unit(amounts: list[int], more: int) -> None:
    """From 60 ppm on: on 40000 that is 2.4, and moves every fee by 1.4 at least, more than any rounding."""
    found = sold(Shop(signed(), NO_OTHER), *[(amount, of(amount, 6000 + more)) for amount in amounts])
    assert said(found) == over(("D01", sum(of(a, 6000 + more) - of(a, 6000) for a in amounts)))


# -- D15 ---------------------------------------------------------------------------------------------------------------

UP = (10_050, 61)  # 60.3: one too many
OFF = (50_000, 299)


@pytest.mark.requirement("D15")
@pytest.mark.parametrize(
    ("up", "other", "expected"),
    [
        (19, 0, [("D15", "NEEDS_EVIDENCE", 19)]),
        (20, 0, over(("D15", 20))),
        (20, 1, [("D15", "OVER", 20), ("D15", "UNDER", 1)]),  # 20 of 21 are 95.2 in a hundred
        (20, 2, [("D15", "NEEDS_EVIDENCE", 20), ("D15", "UNDER", 2)]),  # 90.9
        (38, 2, [("D15", "OVER", 38), ("D15", "UNDER", 2)]),  # 95 exactly
        (37, 2, [("D15", "NEEDS_EVIDENCE", 37), ("D15", "UNDER", 2)]),
    ],
)
def test_a_habit_of_rounding(up: int, other: int, expected: list[tuple[str, str, int]]) -> None:
    """Lines that are right do not count: "of the non-zero differences"."""
    found = sold(Shop(signed(), NO_OTHER), *[UP] * up, *[OFF] * other, *[(50_000, 300)] * 50)
    assert said(found) == expected


@pytest.mark.requirement("D15")
@pytest.mark.parametrize(
    ("rounding", "verdict"),
    [(Rounding.HALF_UP, "OVER"), (Rounding.DOWN, "OVER"), (Rounding.UNKNOWN, "NEEDS_EVIDENCE"), (Rounding.UP, None)],
)
def test_what_the_contract_says_of_rounding(rounding: Rounding, verdict: str | None) -> None:
    found = sold(Shop(signed(rounding=rounding), NO_OTHER), *[UP] * 20)
    assert said(found) == ([("D15", verdict, 20)] if verdict else [])
    assert all(one.settled_by is SettledBy.CONTRACT for one in found if verdict == "NEEDS_EVIDENCE")


@pytest.mark.requirement("D15")
def test_each_month_is_its_own() -> None:
    shop = Shop(signed(), NO_OTHER)
    sold(shop, *[UP] * 10)
    assert said(sold(shop, *[UP] * 10, month=4)) == [("D15", "NEEDS_EVIDENCE", 10)] * 2


@pytest.mark.requirement("D15")
def test_rounded_down_is_a_note() -> None:
    found = sold(Shop(signed(), NO_OTHER), *[(10_100, 60)] * 30)  # 60.6
    assert said(found) == [("D15", "UNDER", 30)]
    assert claims(found) == 0


@pytest.mark.requirement("D15", "D01")
def test_roundings_beside_a_raise() -> None:
    """The raise takes its own; what is left is judged for itself."""
    found = sold(Shop(signed(), NO_OTHER), *raised(3), *[UP] * 20)
    assert claims(found) == 45 + 20
    assert {one.currency for one in found} == {CNY}
