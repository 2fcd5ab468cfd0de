"""What a tariff makes of an amount, of a refund and of a batch, in integers of minor units: docs/domain.md §3.

None everywhere means that the version does not say enough: UNKNOWN, never a guess. Of an amount of 0 the fee is 0.
A sum is the percentage (of tiers: all their products first), rounded once; held under the cap; lifted to the minimum; the
fee per item added; under `CapScope.TOTAL` the cap again. T+0 is a line of its own, rounded on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agent.fees.contract.tariff import (
    Bearer,
    CapScope,
    FeeBasis,
    FeeReturn,
    RefundBase,
    Rounding,
    TariffVersion,
    TierMode,
)
from protocol.messages import Product

MILLION = 1_000_000


def percentage(amount_minor: int, ppm: int) -> int:
    """A rate on an amount, rounded half up, in minor units."""
    return (amount_minor * ppm + 500_000) // MILLION


def exact_millionths(v: TariffVersion, amount_minor: int) -> int | None:
    """The percentage before it is rounded, in millionths of a minor unit. None for a band, or for tiers without a mode."""
    if v.rate_ppm is not None:
        return amount_minor * v.rate_ppm
    if v.tier_mode is TierMode.SLAB:
        for tier in v.tiers:
            if tier.up_to_minor is None or amount_minor <= tier.up_to_minor:
                return amount_minor * tier.rate_ppm
        return None
    if v.tier_mode is None or not v.tiers:
        return None
    whole, reckoned = 0, 0
    for tier in v.tiers:
        end = amount_minor if tier.up_to_minor is None else min(tier.up_to_minor, amount_minor)
        whole += (end - reckoned) * tier.rate_ppm
        reckoned = end
    return whole if reckoned == amount_minor else None


def mdr(v: TariffVersion, amount_minor: int) -> int | None:
    """The MDR line of an approved sale.

    None for a band, for tiers without a mode, for a fee above a cap of which nobody knows whether it covers this product,
    and where no transaction has a fee of its own (`FeeBasis.BATCH_NET`).
    """
    if not amount_minor:
        return 0
    exact = exact_millionths(v, amount_minor)
    if exact is None or v.fee_basis is FeeBasis.BATCH_NET:
        return None
    if v.cap_unclear and _line(v, exact, capped=False) > (cap_of_line(v) or 0):
        return None
    return _line(v, exact)


def mdr_band(v: TariffVersion, amount_minor: int) -> tuple[int, int] | None:
    """The lowest and the highest MDR line of an approved sale; equal for a plain rate or for tiers.

    Where nobody knows whether the cap covers this product, the lowest is with it and the highest without.
    """
    if not amount_minor:
        return 0, 0
    low, high = (replace(v, rate_ppm=ppm) for ppm in (v.band_low_ppm, v.band_high_ppm)) if _is_band(v) else (v, v)
    least, most = exact_millionths(low, amount_minor), exact_millionths(high, amount_minor)
    if least is None or most is None or v.fee_basis is FeeBasis.BATCH_NET:
        return None
    return _line(v, least), _line(v, most, capped=not v.cap_unclear)


def cap_of_line(v: TariffVersion) -> int | None:
    """The most that an MDR line may be: the cap and the fee per item, or the cap of all; None without a cap.

    Whether the cap covers this product at all is another question: `TariffVersion.cap_unclear`.
    """
    if v.cap_minor is None or v.cap_scope is CapScope.TOTAL:
        return v.cap_minor
    return v.cap_minor + (v.per_item_minor or 0)


def at_bound(v: TariffVersion, amount_minor: int, fee_minor: int) -> bool:
    """True for a fee that says nothing of the rate: it lies at the cap or at the minimum, or is of nothing."""
    if not amount_minor or (v.cap_minor is not None and fee_minor == cap_of_line(v)):
        return True
    return v.minimum_minor is not None and fee_minor - (v.per_item_minor or 0) == v.minimum_minor


def t0(v: TariffVersion, amount_minor: int) -> int | None:
    """The T+0 line of an approved sale; under a cap of all, what the MDR line leaves of it. None without terms for T+0."""
    if v.t0_ppm is None and v.t0_fixed_minor is None:
        return None
    if not amount_minor:
        return 0
    line = (v.t0_fixed_minor or 0) + percentage(amount_minor, v.t0_ppm or 0)
    if v.cap_minor is None or v.cap_scope is CapScope.PERCENT_ONLY:
        return line
    taken = mdr(v, amount_minor)
    if taken is None or (v.cap_unclear and taken + line > v.cap_minor):
        return None
    return min(line, v.cap_minor - taken)


def returned_so_far(v: TariffVersion, sale_minor: int, fee_minor: int, refunded_minor: int) -> int | None:
    """How much of a sale's MDR line has to be back once so much of the sale is refunded, by all its refunds together.

    fee_minor: the sale's MDR line. Neither the fee per item in it nor the T+0 line comes back. A refund beyond the sale
    brings back no more. None where the contract does not say what becomes of the fee.
    """
    if v.fee_return is None or v.fee_basis is FeeBasis.BATCH_NET:
        return None
    if v.fee_return is FeeReturn.KEEP or not sale_minor:
        return 0
    fee, refunded = max(0, fee_minor - (v.per_item_minor or 0)), min(refunded_minor, sale_minor)
    if v.fee_return is FeeReturn.PRO_RATA:
        return (2 * fee * refunded + sale_minor) // (2 * sale_minor)
    remains = mdr(replace(v, per_item_minor=None), sale_minor - refunded)
    return None if remains is None else fee - min(fee, remains)


def refund_fee(v: TariffVersion, sale_minor: int, refund_minor: int, days: int) -> int | None:
    """What one refund costs the merchant: the percentage, its cap, its minimum, then the fixed part.

    days: since the sale, its day not counted. 0 within the free days and where the customer pays it. None where the
    contract names no fee of a refund.
    """
    terms = v.refund_fee
    if terms is None:
        return None
    if not refund_minor or terms.bearer is Bearer.CUSTOMER or (terms.free_days and days <= terms.free_days):
        return 0
    fee = percentage(sale_minor if terms.base is RefundBase.SALE else refund_minor, terms.ppm)
    fee = fee if terms.cap_minor is None else min(fee, terms.cap_minor)
    return max(fee, terms.minimum_minor or 0) + terms.fixed_minor


def batch_net(v: TariffVersion, sales_minor: int, refunds_minor: int) -> int | None:
    """The fee of a batch (one settlement date, one tariff key) under `FeeBasis.BATCH_NET`; below zero what is credited.

    None where the rate is none of a batch (a band, tiers, a cap: they are of one transaction), or where the batch is
    negative and the contract does not say whether its fee is credited.
    """
    single = (v.cap_minor, v.minimum_minor, v.per_item_minor)
    if v.fee_basis is not FeeBasis.BATCH_NET or v.rate_ppm is None or any(one is not None for one in single):
        return None
    net = sales_minor - refunds_minor
    fee = rounded(abs(net) * v.rate_ppm, v.rounding)
    if net >= 0:
        return fee
    return None if v.net_credited is None else -fee if v.net_credited else 0


def rounded(millionths: int, how: Rounding) -> int:
    """Minor units of millionths of them; `Rounding.UNKNOWN` is reckoned half up."""
    match how:
        case Rounding.UP:
            return -(-millionths // MILLION)
        case Rounding.DOWN:
            return millionths // MILLION
    return (millionths + 500_000) // MILLION


class Code(StrEnum):
    """What one step of a quote does; `agent.fees.quote_words` has the words."""

    PERCENTAGE = "percentage"
    BAND = "band"
    TIER = "tier"
    ROUNDED = "rounded"
    CAP = "cap"
    CAP_UNCLEAR = "cap_unclear"
    MINIMUM = "minimum"
    PER_ITEM = "per_item"
    CAP_OF_ALL = "cap_of_all"
    T0 = "t0"
    T0_UNDER_CAP = "t0_under_cap"
    SUM = "sum"
    RANGE = "range"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of how a fee came about. values: integers in minor units, ppm or millionths, and codes, by name."""

    code: Code
    values: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a sale of this amount costs. fee_minor: None for a band and for what is UNKNOWN; then fee_min_minor and
    fee_max_minor are its ends, where these are known. mdr_minor, t0_minor: its lines; no t0_minor where T+0 was not asked.
    """

    version: str
    product: Product
    amount_minor: int
    currency: int
    fee_minor: int | None
    fee_min_minor: int | None
    fee_max_minor: int | None
    mdr_minor: int | None
    t0_minor: int | None
    steps: tuple[Step, ...]


def quote(v: TariffVersion, amount_minor: int, *, t0: bool = False) -> Quote:
    """The fee of an approved sale, step by step. t0: with the T+0 line. ValueError for an amount below zero."""
    if amount_minor < 0:
        raise ValueError("an amount is not below zero")
    ends, line = mdr_band(v, amount_minor), mdr(v, amount_minor)
    more = [_t0_line(replace(v, rate_ppm=ppm), amount_minor) if t0 else 0 for ppm in _rates(v)]
    low = high = None
    if ends is not None and more[0] is not None and more[-1] is not None:
        low, high = ends[0] + more[0], ends[1] + more[-1]
    fee = low if line is not None and low == high else None
    extra = more[0] if t0 and more[0] == more[-1] else None
    steps = [*_steps(v, amount_minor), *(_t0_steps(v, amount_minor, extra) if t0 else ())]
    if fee is not None:
        steps.append(Step(Code.SUM, {"minor": fee}))
    elif low is not None and high is not None:
        steps.append(Step(Code.RANGE, {"low_minor": low, "high_minor": high}))
    else:
        steps.append(Step(Code.UNKNOWN))
    return Quote(v.version, v.product, amount_minor, v.currency, fee, low, high, line, extra, tuple(steps))


_t0_line = t0  # `t0` is what a quote's caller says


def _steps(v: TariffVersion, amount_minor: int) -> Iterator[Step]:
    """Of the MDR line: only what changes the sum stands there."""
    yield from _rate_steps(v, amount_minor)
    exact = exact_millionths(v, amount_minor)
    if exact is None or not amount_minor or v.fee_basis is FeeBasis.BATCH_NET:
        return
    fee = rounded(exact, v.rounding)
    yield Step(Code.ROUNDED, {"rounding": v.rounding.value, "millionths": exact, "minor": fee})
    if v.cap_minor is not None and v.cap_minor < fee:
        yield Step(Code.CAP_UNCLEAR if v.cap_unclear else Code.CAP, {"minor": v.cap_minor})
        fee = v.cap_minor
    if v.minimum_minor is not None and fee < v.minimum_minor:
        yield Step(Code.MINIMUM, {"minor": v.minimum_minor})
        fee = v.minimum_minor
    if v.per_item_minor:
        yield Step(Code.PER_ITEM, {"minor": v.per_item_minor})
        fee += v.per_item_minor
    if v.cap_scope is CapScope.TOTAL and v.cap_minor is not None and v.cap_minor < fee:
        yield Step(Code.CAP_UNCLEAR if v.cap_unclear else Code.CAP_OF_ALL, {"minor": v.cap_minor})


def _rate_steps(v: TariffVersion, amount_minor: int) -> Iterator[Step]:
    if v.rate_ppm is not None:
        exact = amount_minor * v.rate_ppm
        yield Step(Code.PERCENTAGE, {"amount_minor": amount_minor, "ppm": v.rate_ppm, "millionths": exact})
    elif v.band_low_ppm is not None and v.band_high_ppm is not None and not v.tiers:
        yield Step(Code.BAND, {"amount_minor": amount_minor, "low_ppm": v.band_low_ppm, "high_ppm": v.band_high_ppm})
    reckoned = 0
    for tier in v.tiers if v.rate_ppm is None and v.tier_mode is not None else ():
        end = amount_minor if tier.up_to_minor is None else min(tier.up_to_minor, amount_minor)
        part = amount_minor if v.tier_mode is TierMode.SLAB else end - reckoned
        if reckoned < end and (v.tier_mode is TierMode.MARGINAL or end == amount_minor):
            yield Step(Code.TIER, {"amount_minor": part, "ppm": tier.rate_ppm, "millionths": part * tier.rate_ppm})
        reckoned = end


def _t0_steps(v: TariffVersion, amount_minor: int, line: int | None) -> Iterator[Step]:
    if line is None:
        return
    fixed, ppm = v.t0_fixed_minor or 0, v.t0_ppm or 0
    whole = fixed + percentage(amount_minor, ppm)
    yield Step(Code.T0, {"fixed_minor": fixed, "ppm": ppm, "amount_minor": amount_minor, "minor": whole})
    if line < whole and amount_minor and v.cap_minor is not None:
        yield Step(Code.T0_UNDER_CAP, {"cap_minor": v.cap_minor, "minor": line})


def _rates(v: TariffVersion) -> tuple[int | None, ...]:
    return (v.band_low_ppm, v.band_high_ppm) if _is_band(v) else (v.rate_ppm,)


def _is_band(v: TariffVersion) -> bool:
    return v.rate_ppm is None and not v.tiers and None not in (v.band_low_ppm, v.band_high_ppm)


def _line(v: TariffVersion, millionths: int, *, capped: bool = True) -> int:
    """An MDR line of its percentage."""
    cap = v.cap_minor if capped else None
    fee = rounded(millionths, v.rounding)
    fee = fee if cap is None else min(fee, cap)
    fee = max(fee, v.minimum_minor or 0) + (v.per_item_minor or 0)
    return fee if cap is None or v.cap_scope is CapScope.PERCENT_ONLY else min(fee, cap)
