"""Every row of the table in docs/domain.md §3, every figure worked there for refunds, and what holds for all amounts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fees.calculation import (
    Code,
    at_bound,
    batch_net,
    cap_of_line,
    exact_millionths,
    mdr,
    mdr_band,
    percentage,
    quote,
    refund_fee,
    returned_so_far,
    t0,
)
from agent.fees.contract.tariff import (
    Bearer,
    CapScope,
    FeeBasis,
    FeeReturn,
    RefundBase,
    RefundFee,
    Rounding,
    TariffVersion,
    Tier,
    TierMode,
)
from agent.fees.quote_words import explain, percent
from agent.language import choose_language
from protocol.messages import Product

YEN = 392


def tariff(**terms: Any) -> TariffVersion:
    fixed = {"version": "v", "product": Product.CREDIT, "effective_from": date(2026, 1, 1), "source": "a test"}
    return TariffVersion(**{**fixed, "currency": 156, **terms})


def half_up(exact: Fraction) -> int:
    """Of something not below zero."""
    return floor(exact + Fraction(1, 2))


DOMAIN_TABLE = [
    *(({"rate_ppm": 6000}, a, f) for a, f in ((83, 0), (84, 1), (250, 2), (12345, 74), (100_000, 600))),
    ({"rate_ppm": 6000}, 500_000, 3000),
    ({"rate_ppm": 6000, "cap_minor": 2000}, 500_000, 2000),
    ({"rate_ppm": 5500}, 12345, 68),
    *(({"rate_ppm": 5500, "cap_minor": 2000}, a, f) for a, f in ((363_545, 1999), (363_546, 2000), (363_728, 2000))),
    *(({"rate_ppm": 5000, "cap_minor": 2000}, a, f) for a, f in ((99, 0), (100, 1), (300, 2), (399_899, 1999))),
    *(({"rate_ppm": 5000, "cap_minor": 2000}, a, 2000) for a in (399_900, 400_000, 400_100, 1_000_000)),
    *(({"rate_ppm": 3800}, a, f) for a, f in ((131, 0), (132, 1), (2500, 10), (9999, 38), (100_000, 380))),
]
TIERS = (Tier(3800, 100_000), Tier(6000))


@pytest.mark.requirement("4-09")
@pytest.mark.parametrize(("terms", "amount", "fee"), DOMAIN_TABLE)
def test_the_domain_table(terms: dict[str, int], amount: int, fee: int) -> None:
    version = tariff(**terms)
    assert mdr(version, amount) == fee
    assert quote(version, amount).fee_minor == fee
    assert mdr_band(version, amount) == (fee, fee)


@pytest.mark.requirement("4-09")
def test_t_plus_0_is_a_line_of_its_own() -> None:
    """6000 ppm of 100000 is 600; with T+0 of 300 it is 900."""
    version = tariff(rate_ppm=6000, t0_fixed_minor=300)
    assert mdr(version, 100_000) == 600
    assert t0(version, 100_000) == 300
    assert quote(version, 100_000).fee_minor == 600
    asked = quote(version, 100_000, t0=True)
    assert (asked.fee_minor, asked.mdr_minor, asked.t0_minor) == (900, 600, 300)


def test_t_plus_0_is_rounded_on_its_own() -> None:
    """The sum of both percentages, rounded once, would be another fee."""
    version = tariff(rate_ppm=6000, t0_ppm=500)
    assert (mdr(version, 999), t0(version, 999)) == (6, 0)  # 5.994 and 0.4995; their sum, 6.4935, is 6
    assert (mdr(version, 1075), t0(version, 1075)) == (6, 1)  # 6.45 and 0.5375; their sum, 6.9875, is 7
    assert (mdr(version, 1100), t0(version, 1100)) == (7, 1)  # 6.6 and 0.55; their sum, 7.15, is 7, and not 8
    assert quote(version, 1100, t0=True).fee_minor == 8


@pytest.mark.parametrize(
    ("mode", "amount", "fee"),
    [
        (TierMode.MARGINAL, 100_000, 380),
        (TierMode.SLAB, 100_000, 380),
        (TierMode.MARGINAL, 150_000, 680),
        (TierMode.SLAB, 150_000, 900),
        (TierMode.SLAB, 100_001, 600),
        (TierMode.MARGINAL, 100_001, 380),
    ],
)
def test_tiers_of_the_domain_table(mode: TierMode, amount: int, fee: int) -> None:
    version = tariff(tiers=TIERS, tier_mode=mode)
    assert mdr(version, amount) == fee
    assert quote(version, amount).fee_minor == fee


def test_tiers_without_a_mode_are_unknown() -> None:
    version = tariff(tiers=TIERS)
    assert exact_millionths(version, 50_000) is None
    assert mdr(version, 50_000) is None
    assert mdr_band(version, 50_000) is None
    found = quote(version, 50_000)
    assert (found.fee_minor, found.fee_min_minor, found.fee_max_minor) == (None, None, None)
    assert found.steps[-1].code is Code.UNKNOWN


def test_ten_sales_and_their_batch() -> None:
    """3800, ten x 132: 10 one by one, 5 (5.016) as a batch's net."""
    alone, together = tariff(rate_ppm=3800), tariff(rate_ppm=3800, fee_basis=FeeBasis.BATCH_NET)
    assert [mdr(alone, 132)] * 10 == [1] * 10
    assert batch_net(together, 1320, 0) == 5
    assert mdr(together, 132) is None
    assert quote(together, 132).fee_minor is None
    assert batch_net(alone, 1320, 0) is None


@pytest.mark.parametrize(("credited", "fee"), [(True, -38), (False, 0), (None, None)])
def test_a_negative_batch(credited: bool | None, fee: int | None) -> None:
    """-pct(9999 x 0.38% = 37.9962) if the contract credits it, else 0."""
    version = tariff(rate_ppm=3800, fee_basis=FeeBasis.BATCH_NET, net_credited=credited)
    assert batch_net(version, 1, 10_000) == fee
    assert batch_net(version, 10_000, 1) == 38


@pytest.mark.parametrize("terms", [{"cap_minor": 2000}, {"minimum_minor": 1}, {"per_item_minor": 1}])
def test_a_batch_with_terms_of_one_transaction_is_unknown(terms: dict[str, int]) -> None:
    assert batch_net(tariff(rate_ppm=3800, fee_basis=FeeBasis.BATCH_NET, **terms), 1000, 0) is None


@pytest.mark.parametrize(
    ("rounding", "fees"),
    [  # 0.6% of 83, 84, 250, 12345 is 0.498, 0.504, 1.5, 74.07
        (Rounding.HALF_UP, [0, 1, 2, 74]),
        (Rounding.UNKNOWN, [0, 1, 2, 74]),
        (Rounding.UP, [1, 1, 2, 75]),
        (Rounding.DOWN, [0, 0, 1, 74]),
    ],
)
def test_rounding_as_agreed(rounding: Rounding, fees: list[int]) -> None:
    version = tariff(rate_ppm=6000, rounding=rounding)
    assert [mdr(version, a) for a in (83, 84, 250, 12345)] == fees


def test_minimum_and_fee_per_item() -> None:
    """Cap before minimum, then the fee per item: 6, 50 and 2000, each with 10 more."""
    version = tariff(rate_ppm=6000, cap_minor=2000, minimum_minor=50, per_item_minor=10)
    assert [mdr(version, a) for a in (0, 1, 1000, 10_000, 500_000)] == [0, 60, 60, 70, 2010]
    assert cap_of_line(version) == 2010


def test_a_cap_of_everything_together() -> None:
    """0.6% of 400000 is 2400; of 330000 1980, with 30 per item 2010: both 2000. T+0 gets what is left."""
    version = tariff(rate_ppm=6000, cap_minor=2000, per_item_minor=30, t0_fixed_minor=300, cap_scope=CapScope.TOTAL)
    assert [mdr(version, a) for a in (300_000, 330_000, 400_000)] == [1830, 2000, 2000]
    assert [t0(version, a) for a in (200_000, 300_000, 330_000)] == [300, 170, 0]
    assert quote(version, 300_000, t0=True).fee_minor == 2000
    assert quote(version, 200_000, t0=True).fee_minor == 1530
    assert cap_of_line(version) == 2000
    without = tariff(rate_ppm=6000, cap_minor=2000, per_item_minor=30, t0_fixed_minor=300)
    assert quote(without, 300_000, t0=True).fee_minor == 1800 + 30 + 300


def test_t_plus_0_without_terms_is_unknown() -> None:
    version = tariff(rate_ppm=6000)
    assert t0(version, 100_000) is None
    found = quote(version, 100_000, t0=True)
    assert (found.fee_minor, found.mdr_minor, found.t0_minor) == (None, 600, None)


def test_a_band_has_two_ends_and_no_fee() -> None:
    """5500 to 6000 of 12345: 67.8975 and 74.07."""
    version = tariff(band_low_ppm=5500, band_high_ppm=6000, t0_fixed_minor=300)
    assert mdr(version, 12345) is None
    assert mdr_band(version, 12345) == (68, 74)
    assert exact_millionths(version, 12345) is None
    found = quote(version, 12345)
    assert (found.fee_minor, found.fee_min_minor, found.fee_max_minor) == (None, 68, 74)
    found = quote(version, 12345, t0=True)
    assert (found.fee_minor, found.fee_min_minor, found.fee_max_minor, found.t0_minor) == (None, 368, 374, 300)
    capped = tariff(band_low_ppm=5500, band_high_ppm=6000, t0_fixed_minor=300, cap_minor=2000, cap_scope=CapScope.TOTAL)
    found = quote(capped, 320_000, t0=True)  # 1760 + 240, 1920 + 80
    assert (found.fee_min_minor, found.fee_max_minor, found.t0_minor) == (2000, 2000, None)


def test_a_cap_of_unclear_scope_is_unknown_only_above_it() -> None:
    """0.6% of 333333 is 1999.998, of 333417 2000.502."""
    version = tariff(rate_ppm=6000, cap_minor=2000, cap_unclear=True)
    assert mdr(version, 333_333) == 2000
    assert mdr(version, 333_417) is None
    assert mdr_band(version, 500_000) == (2000, 3000)
    found = quote(version, 500_000)
    assert (found.fee_minor, found.fee_min_minor, found.fee_max_minor) == (None, 2000, 3000)
    assert Code.CAP_UNCLEAR in {step.code for step in found.steps}
    with_item = tariff(rate_ppm=6000, cap_minor=2000, cap_unclear=True, per_item_minor=10)
    assert (mdr(with_item, 333_333), mdr(with_item, 333_417)) == (2010, None)


def test_fees_that_say_nothing_of_the_rate() -> None:
    version = tariff(rate_ppm=6000, cap_minor=2000, minimum_minor=50, per_item_minor=10)
    assert [at_bound(version, 500_000, f) for f in (60, 61, 2009, 2010, 2011)] == [True, False, False, True, False]
    total = tariff(rate_ppm=6000, cap_minor=2000, per_item_minor=10, cap_scope=CapScope.TOTAL)
    assert [at_bound(total, 500_000, f) for f in (1990, 2000, 2010)] == [False, True, False]
    assert not at_bound(tariff(rate_ppm=6000), 100_000, 600)
    assert at_bound(tariff(rate_ppm=6000), 0, 0)


# -- refunds -----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("D09")
@pytest.mark.parametrize(
    ("sale", "fee", "refunds", "returns"),
    [
        (100_000, 600, (33_333, 33_333, 33_334), [200, 200, 200]),
        (12_345, 74, (4115, 4115, 4115), [25, 24, 25]),
        (1_000_000, 2000, (500_000, 500_000), [1000, 1000]),
    ],
)
def test_fee_returned_pro_rata(sale: int, fee: int, refunds: tuple[int, ...], returns: list[int]) -> None:
    version = tariff(rate_ppm=6000, fee_return=FeeReturn.PRO_RATA)
    refunded = back = 0
    for refund, expected in zip(refunds, returns, strict=True):
        refunded += refund
        so_far = returned_so_far(version, sale, fee, refunded)
        assert so_far is not None
        assert so_far - back == expected
        back = so_far


@pytest.mark.requirement("D09")
def test_fee_returned_of_a_capped_debit_sale() -> None:
    """¥10,000 at 0.5% capped at 2000; half refunded: 1000 pro rata, 0 recomputed (what remains still costs 2000)."""
    for how, back, rest in ((FeeReturn.PRO_RATA, 1000, 2000), (FeeReturn.RECOMPUTE, 0, 2000), (FeeReturn.KEEP, 0, 0)):
        version = tariff(product=Product.DEBIT, rate_ppm=5000, cap_minor=2000, fee_return=how)
        assert returned_so_far(version, 1_000_000, 2000, 500_000) == back
        assert returned_so_far(version, 1_000_000, 2000, 1_000_000) == rest
    recomputed = tariff(product=Product.DEBIT, rate_ppm=5000, cap_minor=2000, fee_return=FeeReturn.RECOMPUTE)
    assert returned_so_far(recomputed, 1_000_000, 2000, 800_000) == 1000  # 0.5% of the 200000 that remain is 1000


@pytest.mark.requirement("D09")
def test_the_t_plus_0_line_and_the_fee_per_item_do_not_come_back() -> None:
    """A T+0 sale of 600 + 300, half refunded: 300, not 450. With 40 per item on the line of 640 as well."""
    version = tariff(rate_ppm=6000, t0_fixed_minor=300, per_item_minor=40, fee_return=FeeReturn.PRO_RATA)
    assert returned_so_far(version, 100_000, 640, 50_000) == 300
    recomputed = tariff(rate_ppm=6000, t0_fixed_minor=300, per_item_minor=40, fee_return=FeeReturn.RECOMPUTE)
    assert returned_so_far(recomputed, 100_000, 640, 50_000) == 300
    assert returned_so_far(recomputed, 100_000, 640, 100_000) == 600


def test_what_becomes_of_the_fee_is_unknown_where_nobody_says() -> None:
    assert returned_so_far(tariff(rate_ppm=6000), 100_000, 600, 50_000) is None
    band = tariff(band_low_ppm=5500, band_high_ppm=6000, fee_return=FeeReturn.RECOMPUTE)
    assert returned_so_far(band, 100_000, 600, 50_000) is None
    assert returned_so_far(tariff(rate_ppm=6000, fee_return=FeeReturn.PRO_RATA), 100_000, 600, 150_000) == 600


@pytest.mark.requirement("2-08", "2-10")
def test_fee_of_a_refund() -> None:
    assert refund_fee(tariff(rate_ppm=6000), 100_000, 50_000, 1) is None
    terms = RefundFee(ppm=1000, fixed_minor=20, minimum_minor=10, cap_minor=100, free_days=7)
    version = tariff(rate_ppm=6000, refund_fee=terms)
    assert refund_fee(version, 100_000, 50_000, 7) == 0
    assert refund_fee(version, 100_000, 50_000, 8) == 70  # 0.1% of 50000 is 50, and 20
    assert refund_fee(version, 100_000, 500, 8) == 30  # at least 10
    assert refund_fee(version, 1_000_000, 500_000, 8) == 120  # at most 100
    of_sale = tariff(rate_ppm=6000, refund_fee=RefundFee(ppm=1000, base=RefundBase.SALE))
    assert refund_fee(of_sale, 100_000, 50_000, 0) == 100
    customer = tariff(rate_ppm=6000, refund_fee=RefundFee(ppm=1000, bearer=Bearer.CUSTOMER))
    assert refund_fee(customer, 100_000, 50_000, 9) == 0


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("4-09")
def test_a_quote_explains_itself_line_by_line() -> None:
    version = tariff(rate_ppm=5000, cap_minor=2000, per_item_minor=10, t0_fixed_minor=300, rounding=Rounding.HALF_UP)
    said = [explain(step) for step in quote(version, 400_100, t0=True).steps]
    assert said == [
        "0.5% of ¥4,001.00 is ¥20.005",
        "¥20.005 rounded half up is ¥20.01",
        "at most ¥20.00: the cap",
        "¥0.10 more for every transaction",
        "T+0, a line of its own: ¥3.00 and 0% of ¥4,001.00 make ¥3.00",
        "together ¥23.10",
    ]


def test_tiers_explain_themselves() -> None:
    marginal = quote(tariff(tiers=TIERS, tier_mode=TierMode.MARGINAL), 150_000)
    assert [explain(s) for s in marginal.steps[:2]] == [
        "tier: 0.38% of ¥1,000.00 is ¥3.80",
        "tier: 0.6% of ¥500.00 is ¥3.00",
    ]
    slab = quote(tariff(tiers=TIERS, tier_mode=TierMode.SLAB), 150_000)
    assert [explain(s) for s in slab.steps] == [
        "tier: 0.6% of ¥1,500.00 is ¥9.00",
        "¥9.00 rounded half up, as no rounding was agreed, is ¥9.00",
        "together ¥9.00",
    ]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(
    "terms",
    [
        {"rate_ppm": 6000, "minimum_minor": 900},
        {"rate_ppm": 325, "cap_minor": 1, "cap_unclear": True},
        {"band_low_ppm": 5500, "band_high_ppm": 6000},
        {"tiers": TIERS, "tier_mode": TierMode.MARGINAL, "rounding": Rounding.UP},
        {"rate_ppm": 6000, "cap_minor": 610, "per_item_minor": 20, "t0_ppm": 500, "cap_scope": CapScope.TOTAL},
        {"rate_ppm": 6000, "rounding": Rounding.DOWN, "currency": YEN},
        {"fee_basis": FeeBasis.BATCH_NET, "rate_ppm": 3800},
        {},
    ],
)
def test_every_step_has_words(terms: dict[str, Any], language: str) -> None:
    choose_language(language)
    version = tariff(**terms)
    for step in quote(version, 100_000, t0=True).steps:
        said = explain(step, version.currency)
        assert said
        assert "{" not in said


def test_rates_in_words_are_exact() -> None:
    assert [percent(ppm) for ppm in (6000, 325, 10_000, 0, 1)] == ["0.6%", "0.0325%", "1%", "0%", "0.0001%"]


def test_no_quote_below_zero() -> None:
    with pytest.raises(ValueError, match="below zero"):
        quote(tariff(rate_ppm=6000), -1)


# -- what holds for all amounts ----------------------------------------------------------------------------------------

AMOUNTS = st.integers(0, 10**9)
RATES = st.integers(0, 30_000)


@st.composite
def tiered(draw: st.DrawFn) -> tuple[Tier, ...]:
    ends = sorted(draw(st.sets(st.integers(1, 10**7), max_size=4)))
    return tuple(Tier(draw(RATES), end) for end in [*ends, None])


@st.composite
def versions(draw: st.DrawFn) -> TariffVersion:
    """Plain or marginal tiers, with everything that a fee may have."""
    cap = draw(st.none() | st.integers(0, 10_000))
    least = draw(st.none() | st.integers(0, 10_000 if cap is None else cap))
    rate: dict[str, Any] = draw(
        st.one_of(
            RATES.map(lambda ppm: {"rate_ppm": ppm}),
            tiered().map(lambda tiers: {"tiers": tiers, "tier_mode": TierMode.MARGINAL}),
        )
    )
    return tariff(
        cap_minor=cap, minimum_minor=least, per_item_minor=draw(st.none() | st.integers(0, 100)),
        t0_ppm=draw(st.none() | st.integers(0, 1000)), t0_fixed_minor=draw(st.integers(0, 500)),
        cap_scope=draw(st.sampled_from(CapScope)), rounding=draw(st.sampled_from(Rounding)), **rate,
    )  # fmt: skip


@given(AMOUNTS, RATES)
def test_percentage_is_half_up(amount: int, ppm: int) -> None:
    assert percentage(250, 6000) == 2  # 1.5
    assert percentage(amount, ppm) == half_up(Fraction(amount * ppm, 10**6))


@given(versions(), AMOUNTS, AMOUNTS)
def test_a_larger_sale_never_costs_less(version: TariffVersion, a: int, b: int) -> None:
    low, high = mdr(version, min(a, b)), mdr(version, max(a, b))
    assert low is not None
    assert high is not None
    assert low <= high


@given(versions(), AMOUNTS)
def test_the_cap_is_never_exceeded(version: TariffVersion, amount: int) -> None:
    line, extra, cap = mdr(version, amount), t0(version, amount), cap_of_line(version)
    assert line is not None
    assert extra is not None
    if cap is not None:
        assert line <= cap
        if version.cap_scope is CapScope.TOTAL:
            assert line + extra <= cap
    assert extra >= 0


@given(tiered(), st.integers(1, 10**8))
def test_marginal_tiers_by_fractions(tiers: tuple[Tier, ...], amount: int) -> None:
    """Independently: every minor unit costs the rate of the tier that it lies in."""
    exact, begin = Fraction(0), 0
    for tier in tiers:
        end = amount if tier.up_to_minor is None else tier.up_to_minor
        width = max(0, min(amount, end) - begin)
        exact += Fraction(width * tier.rate_ppm, 10**6)
        begin = end
    assert mdr(tariff(tiers=tiers, tier_mode=TierMode.MARGINAL), amount) == half_up(exact)


@given(tiered(), st.integers(1, 10**8))
def test_slab_tiers_by_fractions(tiers: tuple[Tier, ...], amount: int) -> None:
    rates = [t.rate_ppm for t in tiers if t.up_to_minor is None or amount <= t.up_to_minor]
    expected = half_up(Fraction(amount * rates[0], 10**6))
    assert mdr(tariff(tiers=tiers, tier_mode=TierMode.SLAB), amount) == expected


@given(versions(), st.integers(1, 10**7), st.data(), st.sampled_from(FeeReturn))
def test_any_split_of_refunds_brings_back_what_one_does(
    version: TariffVersion, sale: int, data: st.DataObject, how: FeeReturn
) -> None:
    version = replace(version, fee_return=how)
    fee = mdr(version, sale)
    assert fee is not None
    cuts = sorted(data.draw(st.lists(st.integers(0, sale), max_size=6)))
    steps = [returned_so_far(version, sale, fee, cut) for cut in [0, *cuts, sale]]
    known = [step for step in steps if step is not None]
    assert known == sorted(known)  # never is anything taken again
    assert known[0] == 0
    parts = [after - before for before, after in itertools.pairwise(known)]
    returnable = max(0, fee - (version.per_item_minor or 0))
    assert sum(parts) == (0 if how is FeeReturn.KEEP else returnable)
    assert len(known) == len(steps)


@given(versions(), AMOUNTS)
def test_a_quotes_lines_make_its_fee(version: TariffVersion, amount: int) -> None:
    found = quote(version, amount, t0=True)
    assert found.mdr_minor is not None
    assert found.t0_minor is not None
    assert found.fee_minor == found.mdr_minor + found.t0_minor == found.fee_min_minor == found.fee_max_minor
    assert dict(found.steps[-1].values)["minor"] == found.fee_minor
