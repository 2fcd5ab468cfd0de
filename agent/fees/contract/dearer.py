"""Whether one version of a tariff costs the merchant more than another in any component: then it is a raise."""

from __future__ import annotations

from dataclasses import replace

from agent.fees.calculation import exact_millionths
from agent.fees.contract.tariff import (
    Bearer,
    CapScope,
    FeeBasis,
    FeeReturn,
    RefundBase,
    RefundFee,
    Rounding,
    TariffVersion,
)

_ROUNDED = {Rounding.DOWN: 0, Rounding.HALF_UP: 1, Rounding.UNKNOWN: 1, Rounding.UP: 2}
_RETURNED = {FeeReturn.PRO_RATA: 0, FeeReturn.RECOMPUTE: 1, FeeReturn.KEEP: 2}


def dearer(new: TariffVersion, old: TariffVersion) -> bool:
    """True if any component of `new` may cost more than in `old`: what cannot be compared counts as dearer.

    Of a band the upper end counts. What neither states, or only one says of fees returned, is no component.
    """
    return (
        (new.currency, new.fee_basis) != (old.currency, old.fee_basis)
        or _rate_dearer(new, old)
        or _cap_dearer(new, old)
        or (new.minimum_minor or 0) > (old.minimum_minor or 0)
        or (new.per_item_minor or 0) > (old.per_item_minor or 0)
        or (new.t0_ppm or 0) > (old.t0_ppm or 0)
        or (new.t0_fixed_minor or 0) > (old.t0_fixed_minor or 0)
        or _ROUNDED[new.rounding] > _ROUNDED[old.rounding]
        or _refund_dearer(new.refund_fee, old.refund_fee)
        or _return_dearer(new.fee_return, old.fee_return)
        or (new.fee_basis is FeeBasis.BATCH_NET and old.net_credited is True and new.net_credited is not True)
    )


def _rate_dearer(new: TariffVersion, old: TariffVersion) -> bool:
    """At any amount. Between the tiers' ends both are straight lines, so their ends and the last slope tell it all."""
    if (new.tiers, new.tier_mode) == (old.tiers, old.tier_mode):
        return _top(new) > _top(old)
    ends = {tier.up_to_minor for version in (new, old) for tier in version.tiers if tier.up_to_minor is not None}
    amounts = sorted({1, *ends, *(end + 1 for end in ends)})
    for amount in amounts:
        costs = [exact_millionths(_at_top(version), amount) for version in (new, old)]
        if costs[0] is None or costs[1] is None or costs[0] > costs[1]:
            return True
    return _top(new) > _top(old)


def _at_top(version: TariffVersion) -> TariffVersion:
    return version if version.band_high_ppm is None else replace(version, rate_ppm=version.band_high_ppm)


def _top(version: TariffVersion) -> int:
    """The rate of the largest amounts, ppm; of a band its upper end."""
    if version.tiers:
        return version.tiers[-1].rate_ppm
    return version.rate_ppm if version.rate_ppm is not None else version.band_high_ppm or 0


def _cap_dearer(new: TariffVersion, old: TariffVersion) -> bool:
    if old.cap_minor is None:
        return False
    if new.cap_minor is None or new.cap_minor > old.cap_minor:
        return True
    narrower = old.cap_scope is CapScope.TOTAL and new.cap_scope is CapScope.PERCENT_ONLY
    return narrower or bool(new.cap_unclear and not old.cap_unclear)


def _return_dearer(new: FeeReturn | None, old: FeeReturn | None) -> bool:
    return new is not None and old is not None and _RETURNED[new] > _RETURNED[old]


def _refund_dearer(new: RefundFee | None, old: RefundFee | None) -> bool:
    if new is None or new.bearer is Bearer.CUSTOMER or not (new.ppm or new.fixed_minor or new.minimum_minor):
        return False
    if old is None or old.bearer is Bearer.CUSTOMER:
        return True
    return (
        new.ppm > old.ppm
        or new.fixed_minor > old.fixed_minor
        or (new.minimum_minor or 0) > (old.minimum_minor or 0)
        or (old.cap_minor is not None and (new.cap_minor is None or new.cap_minor > old.cap_minor))
        or new.free_days < old.free_days
        or (new.base is RefundBase.SALE and old.base is RefundBase.REFUND)
    )
