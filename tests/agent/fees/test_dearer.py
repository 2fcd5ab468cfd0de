"""When one version costs more than another in any component: then it is a raise, and needs notice and consent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fees.contract.dearer import dearer
from agent.fees.contract.tariff import (
    Bearer,
    CapScope,
    FeeBasis,
    FeeReturn,
    RefundFee,
    Rounding,
    TariffVersion,
    Tier,
    TierMode,
)
from tests.agent.fees.contracts import (
    APRIL,
    on,
    tariff,
    terms_of,
)

# -- what is dearer ----------------------------------------------------------------------------------------------------

OLD = tariff(
    rate_ppm=6000, cap_minor=2000, cap_scope=CapScope.TOTAL, minimum_minor=10, per_item_minor=5, t0_ppm=100,
    t0_fixed_minor=200, rounding=Rounding.HALF_UP, fee_return=FeeReturn.PRO_RATA,
    refund_fee=RefundFee(ppm=100, fixed_minor=10, minimum_minor=5, cap_minor=50, free_days=7),
)  # fmt: skip


def changed(**terms: Any) -> TariffVersion:
    from dataclasses import replace

    return replace(OLD, **terms)


@pytest.mark.parametrize(
    "terms",
    [
        {"rate_ppm": 6001}, {"cap_minor": 2001}, {"cap_minor": None}, {"cap_scope": CapScope.PERCENT_ONLY},
        {"cap_unclear": True}, {"minimum_minor": 11}, {"per_item_minor": 6}, {"t0_ppm": 101}, {"t0_fixed_minor": 201},
        {"rounding": Rounding.UP}, {"fee_return": FeeReturn.RECOMPUTE}, {"fee_return": FeeReturn.KEEP},
        {"fee_basis": FeeBasis.BATCH_NET}, {"currency": 840},
        {"rate_ppm": None, "band_low_ppm": 5000, "band_high_ppm": 6001},
        {"rate_ppm": None, "tiers": (Tier(5000, 100), Tier(6001)), "tier_mode": TierMode.MARGINAL},
        {"rate_ppm": None, "tiers": (Tier(6001, 100), Tier(5000)), "tier_mode": TierMode.MARGINAL},
        {"rate_ppm": None, "tiers": (Tier(5000, 100), Tier(5500))},
        *({"refund_fee": RefundFee(**{"ppm": 100, "fixed_minor": 10, "minimum_minor": 5, "cap_minor": 50, "free_days": 7, **one})}
          for one in ({"ppm": 101}, {"fixed_minor": 11}, {"minimum_minor": 6}, {"cap_minor": 51}, {"cap_minor": None},
                      {"free_days": 6})),
    ],
)  # fmt: skip
def test_dearer_in_any_component_is_a_raise(terms: dict[str, Any]) -> None:
    assert dearer(changed(**terms), OLD)
    dear = changed(**terms, version="change", effective_from=APRIL)
    assert on(terms_of(OLD, dear), APRIL) == ["first"]
    cheaper_elsewhere = {"rate_ppm": 100} if "rate_ppm" not in terms else {"minimum_minor": 0, "cap_minor": 100}
    assert dearer(changed(**{**cheaper_elsewhere, **terms}), OLD)


@pytest.mark.parametrize(
    "terms",
    [
        {}, {"rate_ppm": 5999}, {"cap_minor": 1999}, {"minimum_minor": None}, {"per_item_minor": None}, {"t0_ppm": None},
        {"t0_fixed_minor": None}, {"rounding": Rounding.DOWN}, {"rounding": Rounding.UNKNOWN}, {"refund_fee": None},
        {"refund_fee": RefundFee()}, {"refund_fee": RefundFee(ppm=9000, bearer=Bearer.CUSTOMER)}, {"fee_return": None},
        {"rate_ppm": None, "band_low_ppm": 5000, "band_high_ppm": 6000},
        {"rate_ppm": None, "tiers": (Tier(6000, 100), Tier(5000)), "tier_mode": TierMode.SLAB},
    ],
)  # fmt: skip
def test_not_dearer_in_any_component_is_none(terms: dict[str, Any]) -> None:
    assert not dearer(changed(**terms), OLD)


@given(st.data())
def test_dearer_tiers_against_every_amount(data: st.DataObject) -> None:
    """Against brute force: by 15 they are at most 60 apart, so what is dearer at all is so below 100."""

    def draw(name: str) -> TariffVersion:
        ends = sorted(data.draw(st.sets(st.integers(1, 15), max_size=3)))
        tiers = tuple(Tier(data.draw(st.integers(0, 4)), end) for end in [*ends, None])
        return tariff(name, tiers=tiers, tier_mode=data.draw(st.sampled_from(TierMode)))

    def cost(version: TariffVersion, amount: int) -> int:
        def rate(unit: int) -> int:
            return next(t.rate_ppm for t in version.tiers if t.up_to_minor is None or unit <= t.up_to_minor)

        if version.tier_mode is TierMode.SLAB:
            return amount * rate(amount)
        return sum(rate(unit) for unit in range(1, amount + 1))

    new, old = draw("new"), draw("old")
    assert dearer(new, old) == any(cost(new, a) > cost(old, a) for a in range(1, 100))


def test_dearer_only_just_above_a_tiers_end() -> None:
    """At 10 both are 0; at 11 new takes 33 and old 5; of large amounts new is the cheaper one."""
    new = tariff("new", tiers=(Tier(0, 10), Tier(3)), tier_mode=TierMode.SLAB)
    old = tariff("old", tiers=(Tier(0, 10), Tier(5)), tier_mode=TierMode.MARGINAL)
    assert dearer(new, old)
    assert dearer(old, new)
