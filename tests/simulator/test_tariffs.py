"""Fees and what comes back of them, by the tables of docs/domain.md §3; working days by a paper calendar of March 2026."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.messages import Product, SettlementMode
from simulator.profile import SimCard, load_profile, profile_names
from simulator.tariffs import FeeReturn, Tariff, discount_fee, returned_so_far, sale_fee, t0_fee
from simulator.working_days import credited_on, working_day_after


def tariff(rate: int, cap: int | None = None, **more: int) -> Tariff:
    return Tariff((Product.CREDIT,), rate, cap, date(2012, 1, 1), None, promo=False, fixture=True, source="", **more)


def test_a_minimum_a_fee_per_item_and_a_line_of_its_own_for_t0() -> None:
    assert [discount_fee(a, 6000, 2000, 10) for a in (0, 1, 83, 1_666, 1_667, 500_000)] == [0, 10, 10, 10, 10, 2000]
    assert [discount_fee(a, 6000, 2000, 10) for a in (1_749, 1_750)] == [10, 11]
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
]


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
