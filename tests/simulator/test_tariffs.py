"""Fees and what comes back of them, by the tables of docs/domain.md §3; working days by a paper calendar of March 2026."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.messages import SettlementMode
from simulator.profile import SimCard, load_profile, profile_names
from simulator.tariffs import (
    CapScope,
    FeeReturn,
    Rounding,
    Tariff,
    Tier,
    TierMode,
    discount,
    returned_so_far,
    sale_fee,
    t0_fee,
)
from simulator.working_days import credited_on, working_day_after
from tests.simulator.contracts import tariff


def test_a_minimum_a_fee_per_item_and_a_line_of_its_own_for_t0() -> None:
    at_least = tariff(6000, 2000, minimum_minor=10)
    assert [discount(at_least, a) for a in (0, 1, 83, 1_666, 1_667, 500_000)] == [0, 10, 10, 10, 10, 2000]
    assert [discount(at_least, a) for a in (1_749, 1_750)] == [10, 11]
    assert (sale_fee(tariff(6000, per_item_minor=5), 12345), sale_fee(tariff(6000, per_item_minor=5), 0)) == (79, 0)
    # docs/domain.md §3: 6000 | 100000 (with T+0 +300) | 600 (900)
    priced = tariff(6000, t0_fixed_minor=300)
    assert (sale_fee(priced, 100_000), t0_fee(priced, 100_000), t0_fee(priced, 0)) == (600, 300, 0)
    assert t0_fee(tariff(6000, t0_fixed_minor=200, t0_ppm=200), 12_500) == 203, "rounded on its own"


# docs/domain.md §3, "Fee returned on refunds": how, tariff, sale, its refunds, what comes back on each
RETURNED = [
    (FeeReturn.PRO_RATA, tariff(6000), 100_000, (33_333, 33_333, 33_334), (200, 200, 200)),
    (FeeReturn.PRO_RATA, tariff(6000), 12_345, (4_115, 4_115, 4_115), (25, 24, 25)),
    (FeeReturn.PRO_RATA, tariff(5000, 2000), 1_000_000, (500_000,), (1000,)),
    (FeeReturn.RECOMPUTE, tariff(5000, 2000), 1_000_000, (500_000,), (0,)),
    (FeeReturn.RECOMPUTE, tariff(5000, 2000), 1_000_000, (500_000, 300_000, 200_000), (0, 1000, 1000)),
    (FeeReturn.PRO_RATA, tariff(6000, t0_fixed_minor=300), 100_000, (50_000,), (300,)),
    (FeeReturn.KEEP, tariff(6000), 100_000, (100_000,), (0,)),
    # "MDR only unless the contract lists more": not the 5 that every sale costs
    (FeeReturn.PRO_RATA, tariff(6000, per_item_minor=5), 100_000, (50_000, 50_000), (300, 300)),
    (FeeReturn.RECOMPUTE, tariff(6000, per_item_minor=5), 100_000, (50_000, 50_000), (300, 300)),
    (FeeReturn.RECOMPUTE, tariff(6000, minimum_minor=100), 20_000, (10_000, 10_000), (20, 100)),
    (FeeReturn.PRO_RATA, tariff(6000), 36_800, (38_800,), (221,)),  # refunded above the sale: its 221 and no more
]
UP_TO_1000 = (Tier(100_000, 3800), Tier(None, 6000))


@pytest.mark.parametrize(
    ("mode", "fees"), [(TierMode.MARGINAL, {100_000: 380, 150_000: 680}), (TierMode.SLAB, {100_000: 380, 150_000: 900})]
)
def test_tiers_by_the_domain_table(mode: TierMode, fees: dict[int, int]) -> None:
    """docs/domain.md §3: 3800 to ¥1,000 inclusive, then 6000: MARGINAL / SLAB | 100000; 150000 | 380 / 380; 680 / 900."""
    tiered = tariff(3800, tiers=UP_TO_1000, tier_mode=mode)
    assert {amount: sale_fee(tiered, amount) for amount in fees} == fees


def test_tiers_are_summed_first_and_rounded_once() -> None:
    """100 × 3800 + 20 × 6000 ppm is half a fen; rounded one by one, neither would be any."""
    tiered = tariff(3800, tiers=(Tier(100, 3800), Tier(None, 6000)), tier_mode=TierMode.MARGINAL)
    assert [sale_fee(tiered, amount) for amount in (119, 120)] == [0, 1]


def test_rounding_as_the_contract_has_it() -> None:
    """docs/domain.md §3: 12345 at 6000 is 74.07."""
    fees = {r: sale_fee(tariff(6000, rounding=r), 12_345) for r in Rounding}
    assert fees == {Rounding.HALF_UP: 74, Rounding.UP: 75, Rounding.DOWN: 74}
    assert [sale_fee(tariff(6000, rounding=Rounding.UP), a) for a in (0, 1, 500, 83_333, 250_000)] == [
        0,
        1,
        3,
        500,
        1500,
    ]
    assert sale_fee(tariff(6000, rounding=Rounding.DOWN), 250) == 1, "1.50"


def test_a_cap_on_the_total_holds_for_the_fee_per_item_and_t0_too() -> None:
    """docs/domain.md §3: PERCENT_ONLY: mdr + per_item + t0. TOTAL: min(mdr + per_item + t0, cap)."""
    more = {"per_item_minor": 10, "t0_fixed_minor": 300}
    for scope, amount, lines in (
        (CapScope.PERCENT_ONLY, 1_000_000, (2010, 300)),
        (CapScope.TOTAL, 1_000_000, (2000, 0)),
        (CapScope.TOTAL, 380_000, (1910, 90)),
        (CapScope.TOTAL, 100_000, (510, 300)),
        (CapScope.TOTAL, 0, (0, 0)),
    ):
        priced = tariff(5000, 2000, cap_scope=scope, **more)
        assert (sale_fee(priced, amount), t0_fee(priced, amount)) == lines


@pytest.mark.parametrize(
    "wrong",
    [
        {"tiers": UP_TO_1000},
        {"tiers": UP_TO_1000[::-1], "tier_mode": TierMode.SLAB},
        {"tiers": (Tier(100_000, 3800),), "tier_mode": TierMode.SLAB},
        {"tiers": (Tier(100, 3800), Tier(100, 4000), Tier(None, 6000)), "tier_mode": TierMode.MARGINAL},
        {"minimum_minor": 2001, "cap": 2000},
    ],
)
def test_what_no_contract_can_mean_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tier|minimum"):
        tariff(3800, **wrong)


@pytest.mark.parametrize(("how", "priced", "sale", "refunds", "back"), RETURNED)
def test_what_comes_back_of_a_fee(
    how: FeeReturn, priced: Tariff, sale: int, refunds: tuple[int, ...], back: tuple[int, ...]
) -> None:
    fee, so_far, came = sale_fee(priced, sale), 0, []
    for refund in refunds:
        so_far += refund
        came.append(returned_so_far(how, priced, sale, fee, so_far) - sum(came))
    assert tuple(came) == back


@given(st.integers(1, 10**9), st.integers(0, 30_000), st.data())
def test_pro_rata_is_the_exact_share_rounded_half_up_and_all_of_it_in_the_end(amount: int, rate: int, data) -> None:
    fee, refunded = sale_fee(tariff(rate), amount), data.draw(st.integers(0, amount))
    exact = floor(Fraction(fee * refunded, amount) + Fraction(1, 2))
    assert returned_so_far(FeeReturn.PRO_RATA, tariff(rate), amount, fee, refunded) == exact
    for how in (FeeReturn.PRO_RATA, FeeReturn.RECOMPUTE):
        assert returned_so_far(how, tariff(rate), amount, fee, amount) == fee


# cal 3 2026: Monday 2, Friday 6, Saturday 7, Sunday 8
@pytest.mark.parametrize(
    ("mode", "day", "due"),
    [
        ("T0", 6, 6),
        ("T0", 7, 9),
        ("T1", 5, 6),
        ("T1", 6, 9),
        ("T1", 7, 9),
        ("T1", 8, 9),
        ("D0", 7, 7),
        ("D1", 6, 7),
    ],
)
def test_t_counts_working_days_and_d_all(mode: str, day: int, due: int) -> None:
    assert credited_on(SettlementMode(mode), date(2026, 3, day)) == date(2026, 3, due)


def test_seven_working_days_are_a_week_and_two_days() -> None:
    assert working_day_after(date(2026, 3, 6), 7) == date(2026, 3, 17)


def test_the_sim_fee_is_due_once_a_period_after_the_free_one() -> None:
    sim = SimCard(activated=date(2025, 12, 5), free_days=90, period_days=365, amount_minor=3600)
    # date -d "2025-12-05 + 90 days"; then + 365 days
    assert [sim.is_free(date(2026, 3, day)) for day in (4, 5)] == [True, False]
    due = [
        day for day in range(1, 32) if sim.due(date.fromordinal(date(2026, 3, day).toordinal() - 1), date(2026, 3, day))
    ]
    assert due == [5]
    assert sim.due(date(2026, 3, 1), date(2026, 3, 9)) and not sim.due(date(2026, 3, 5), date(2027, 3, 4))
    assert sim.due(date(2027, 3, 4), date(2027, 3, 5))


@pytest.mark.parametrize("name", profile_names())
def test_an_honest_notice_comes_thirty_days_before_and_announces_what_is_charged(name: str) -> None:
    profile = load_profile(name)
    for notice in profile.notices:
        assert (notice.effective_from - notice.published).days > 30  # docs/domain.md §3: published 1 March -> 1 April
        for product in notice.products:
            then = profile.tariff(product, notice.effective_from)
            assert (then.rate_ppm, then.cap_minor) == (notice.rate_ppm, notice.cap_minor)
            assert then.effective_from == notice.effective_from
    announced = {n.effective_from for n in profile.notices}
    changes = {t.effective_from for t in profile.tariffs if t.effective_from > date(2026, 3, 2) and not t.promo}
    assert changes == announced, "no rate changes unannounced"
